"""
The writer's own words: what is left of a reply when the quoted mail, the signature and the footers are gone.

Rules of this file:

1. Our own newsletter says "unsubscribe" at its end, and every reply quotes it. What is not surely the writer's own is
   left out: a missed request goes to a human, a quoted footer taken for a request ends a consent nobody withdrew.
2. Linear on hostile input: the text is cut first, lines are looked at once, and no pattern can backtrack over more than
   a line.
3. Structure before language: an HTML quote is known by its element, so it is preferred where there is one.
"""

import re
from collections.abc import Iterator, Sequence

from selectolax.lexbor import LexborHTMLParser

from mailconsent.message import InboundMessage

MAX_CHARS = 20_000
MAX_LINE = 400
#: Who writes more than this asks for something else, too; nothing beyond it is looked at.
MAX_OWN = 1_200

#: "wrote" in the attribution lines of mail clients ("On Monday, Anna wrote:").
WROTE = (
    "wrote", "writes", "schrieb", "skrev", "a écrit", "escribió", "escribe", "escreveu", "ha scritto", "schreef",
    "geschreven", "napisał", "kirjoitti", "написал", "пишет", "написав", "写道", "寫道", "yazdı", "napsal", "napísal",
    "írta", "a scris", "のメール", "작성","έγραψε", "rašė", "rakstīja", "kirjutas", "je napisa", "כתב", "كتب",
)  # fmt: skip
#: Field names of the header block that Outlook and others put above a quoted mail.
HEADER_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        from von de da van od från fra lähettäjä от від 发件人 寄件者 差出人 보낸사람 kimden feladó expéditeur mittente
        odesílatel sent gesendet envoyé enviado inviato verzonden wysłano skickat sendt lähetetty отправлено gönderildi
        odesláno elküldve 发送时间 寄件日期 送信日時 보낸날짜 date datum dato data fecha päivämäärä дата tarih dátum
        日付 日期 to an à a para aan do till til vastaanottaja кому kime címzett komu 收件人 宛先 받는사람 cc kopie kopi
        subject betreff objet asunto assunto oggetto onderwerp temat ämne emne aihe тема konu tárgy předmět predmet
        主题 主旨 件名 제목
        """,
    )
)
#: The last words of a phone or an app, before a signature that nobody wrote.
APP_SIGNATURE = re.compile(
    r"(?:sent from my|sent with|sent via|get outlook|von meinem|gesendet (?:von|mit)|sendt fra|hent outlook|"
    r"skickat från|envoyé (?:de|depuis)|enviado (?:desde|do|de)|inviato da|verzonden (?:vanaf|met)|wysłane z|lähetetty|"
    r"отправлено (?:с|из))\b",
    re.IGNORECASE,
)
#: "-----Original Message-----" and "---------- Weitergeleitete Nachricht ---------", in whatever language.
DIVIDER = re.compile(r"[-_=*]{2,}\s?[^-_=*]{3,60}[-_=*]{3,}|[_=]{10,}|[-*]{20,}")
DATE_OR_TIME = re.compile(r"\d{1,2}[:.]\d{2}|\d{4}|\d{1,2}[/.]\d{1,2}")
SIGNATURE_MARKS = frozenset({"--", "—", "–", "- --"})

#: Elements that hold somebody else's words, and elements after which somebody else's words begin.
QUOTES = "blockquote, .yahoo_quoted, .moz-cite-prefix, .gmail_attr, .protonmail_quote, .tutanota_quote, .zmail_extra"
QUOTES_BELOW = "#divRplyFwdMsg, #appendonsend, #stopSpelling, #mail-editor-reference-message-container"
SIGNATURES = ".gmail_signature, .moz-signature, #Signature, .signature, .protonmail_signature_block"
#: Marks of a quote in the HTML of a message that has a plain text too: with one, the HTML tells the quote from the rest
#: better than the text does. No other word will do: prose has quotes, too.
STRUCTURE = (
    "<blockquote", "yahoo_quoted", "moz-cite", "gmail_quote", "protonmail_", "tutanota_", "RplyFwd", "appendonsend",
    "stopSpelling",
)  # fmt: skip
BLOCK_ELEMENT = re.compile(r"<(?=/?(?:p|div|br|hr|li|tr|td|table|h[1-6]|blockquote|pre|ul|ol)\b)", re.IGNORECASE)


def own_words(message: InboundMessage) -> str:
    """What the writer of this message wrote, at most `MAX_OWN` characters of it."""
    if message.html and (not message.text or any(mark in message.html for mark in STRUCTURE)):
        return strip_quotes(html_to_text(message.html)) or strip_quotes(message.text)
    return strip_quotes(message.text)


def strip_quotes(text: str) -> str:
    """The lines of a plain text that are neither quoted nor a signature."""
    lines = [line[:MAX_LINE].strip() for line in text[:MAX_CHARS].split("\n")]
    return "\n".join(own_lines(lines)).strip()


def own_lines(lines: Sequence[str]) -> Iterator[str]:
    """The writer's lines in order: above a quote, between quotes, and below one where it is marked with `>`."""
    at, said, signature = 0, 0, False
    while at < len(lines) and said < MAX_OWN:
        line = lines[at]
        if not line:
            at += 1
            if not signature:
                yield line
        elif line.startswith((">", "|")):
            at, signature = at + 1, False
        elif length := attribution_length(lines, at):
            at += length
            if not next((below for below in lines[at:] if below), "").startswith((">", "|")):
                return  # the quote below is not marked, so nothing tells where it ends
        elif begins_quote(lines, at):
            return
        elif signature or line in SIGNATURE_MARKS or APP_SIGNATURE.match(line):
            at, signature = at + 1, True
        else:
            yield line
            at, said = at + 1, said + len(line)


def attribution_length(lines: Sequence[str], at: int) -> int:
    """How many lines the attribution takes that begins here ("Am 1. Mai um 10:30 schrieb Anna:"); 0 if none does."""
    for length, line in enumerate(lines[at : at + 3], 1):
        if not line or line.startswith(">"):
            return 0
        if line.endswith((":", "：")):
            return length if is_attribution(" ".join(lines[at : at + length])) else 0
    return 0


def is_attribution(text: str) -> bool:
    """Whether a text that ends with a colon says who wrote, and two of: an address, a time, the verb."""
    lower = text.casefold()
    signs = ("@" in lower, DATE_OR_TIME.search(lower) is not None, any(verb in lower for verb in WROTE))
    return sum(signs) >= 2 or (signs[2] and len(text) < 80)


def begins_quote(lines: Sequence[str], at: int) -> bool:
    """Whether all below this line is somebody else's: a divider, or a block of header fields."""
    line = lines[at]
    if line.startswith(("-", "_", "=", "*")) and DIVIDER.fullmatch(line):
        return True
    if not is_header_line(line):
        return False
    block = [below for below in lines[at : at + 8] if below][:5]
    return sum(map(is_header_line, block)) >= 3


def is_header_line(line: str) -> bool:
    """Whether a line looks like `From: ...` in some language."""
    if ":" not in line and "：" not in line:
        return False
    name = line.replace("：", ":").strip("*").partition(":")[0]
    return name.strip("* \u00a0").replace(" ", "").casefold() in HEADER_NAMES


def html_to_text(html: str) -> str:
    """The text of an HTML part without its quotes and signatures, a line for each block element."""
    tree = LexborHTMLParser(BLOCK_ELEMENT.sub("\n<", " ".join(html.split())))
    tree.strip_tags(["head", "style", "script", "title"], recursive=True)
    for node in tree.css(".gmail_quote"):
        if node.css_first("blockquote") is None:  # else the reply may stand inside it, between two quotes
            node.decompose()
    for node in tree.css(QUOTES_BELOW):
        node.insert_before("\n" + "_" * 20 + "\n")
    for node in tree.css(f"{QUOTES}, {SIGNATURES}"):
        node.decompose()
    return tree.body.text() if tree.body else ""
