"""The text of an HTML part, with its quotes marked by `>`: what mail programs name their elements, in no language."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Elements that hold somebody else's words. A `blockquote` without a border is an indentation: Gmail and Apple Mail
#: have a button for it.
QUOTES = ", ".join(
    (
        'blockquote:not([style*="border:none" i]):not([style*="border: none" i])',
        "blockquote.gmail_quote",
        'blockquote[type="cite"]',
        ".gmail_attr",
        '.yahoo_quoted, [id^="yahoo_quoted"]',
        ".moz-cite-prefix, .moz-forward-container, .moz-email-headers-table",
        ".protonmail_quote, .tutanota_quote, .zmail_extra",
        '[data-marker="__HEADERS__"], [data-marker="__QUOTED_TEXT__"]',  # Zimbra
        'div[name="quote"]',  # GMX and web.de
        "#isReplyContent",  # 163.com
        "#mail-editor-reference-message-container, #ms-outlook-mobile-reference-message",
        "#replybody, #reply-intro, #forwardbody1, #forwardintro",  # Roundcube
        '[name="messageReplySection"], .freshdesk_quote, .hs_reply, .front-blockquote, .AppleOriginalContents',
        '[id^="style_"][id$="_BODY"]',  # mail.ru
    )
)
#: Elements from which on somebody else speaks, to the end.
QUOTES_BELOW = ", ".join(
    (
        '[id$="divRplyFwdMsg"], [id$="appendonsend"], #stopSpelling, .OutlookMessageHeader',
        'div[style*="border-top:solid #E1E1E1" i], div[style*="border-top:solid #B5C4DF" i]',  # Outlook
        '#zwchr, [data-marker="__DIVIDER__"], #replySplit, [name="replySplit"], .gmail_forward',
    )
)
SIGNATURES = ", ".join(
    (
        ".gmail_signature, .moz-signature, #Signature, .signature, .protonmail_signature_block, .k9mail-signature",
        '#ms-outlook-mobile-signature, [name="messageSignatureSection"], #_rc_sig, #composer_signature, .bloop_sign',
        '[name="ntes_signature"], .tutanota_signature, [data-marker="__SIG_POST__"], [data-marker="__SIG_PRE__"]',
    )
)
#: Marks of a quote in the HTML of a message that has a plain text too: with one, the HTML tells the quote from the rest
#: better than the text does. No other word will do: prose has quotes, too.
STRUCTURE = (
    "<blockquote", "<BLOCKQUOTE", "yahoo_quoted", "moz-cite", "moz-forward", "gmail_quote", "protonmail_", "tutanota_",
    "RplyFwd", "appendonsend", "stopSpelling", "OutlookMessageHeader", "order-top:solid #",
    "zmail_extra", "__QUOTED_TEXT__",
    'name="quote"', "isReplyContent", "reference-message", "replybody", "messageReplySection",
)  # fmt: skip
#: Of a Gmail quote that holds a `blockquote`, the writer's answers may stand between; of so many it is looked up.
MAX_ANSWERED = 50

BLOCK_ELEMENT = re.compile(
    r"<(?=/?(?:p|div|br|hr|li|tr|td|th|table|h[1-6]|blockquote|pre|ul|ol|dl|dd|dt|center|section|article|address)\b)",
    re.IGNORECASE,
)
PREFORMATTED = re.compile(r"<(?=/?pre\b)", re.IGNORECASE)

#: Lines by which the tree says where an element begins and ends once it is text. No text of a sender holds them.
QUOTE, QUOTE_END, SIGNATURE, SIGNATURE_END = "\x01", "\x02", "\x03", "\x04"
_CONTROLS = re.compile(f"[{QUOTE}{QUOTE_END}{SIGNATURE}{SIGNATURE_END}]+")
_BELOW = "\n-----Original Message-----\n"


def has_structure(html: str) -> bool:
    """Whether a mail program marked a quote in this HTML."""
    return any(mark in html for mark in STRUCTURE)


def html_to_text(html: str) -> str:
    """The text of an HTML part without its signatures, each quote as a line `>`, a line for each block element."""
    tree = LexborHTMLParser(BLOCK_ELEMENT.sub("\n<", _unwrapped(_CONTROLS.sub("", html))))
    tree.strip_tags(["head", "style", "script", "title"], recursive=True)
    # Marked and not removed: elements stand within each other, and one that was freed with another must not be touched.
    for number, node in enumerate(tree.css(".gmail_quote")):
        if number >= MAX_ANSWERED or not may_hold_answers(node):
            node.insert_before(f"\n{QUOTE}\n")
            node.insert_after(f"\n{QUOTE_END}\n")
    for node in tree.css(QUOTES_BELOW):
        node.insert_before(_BELOW)
    for node in tree.css(QUOTES):
        node.insert_before(f"\n{QUOTE}\n")
        node.insert_after(f"\n{QUOTE_END}\n")
    for node in tree.css(SIGNATURES):
        node.insert_before(f"\n{SIGNATURE}\n")
        node.insert_after(f"\n{SIGNATURE_END}\n")
    return "\n".join(_outside(tree.body.text())) if tree.body else ""


def link_labels(html: str) -> list[str]:
    """What an HTML part writes on its links to the web. Nobody who asks for something makes it a link."""
    return [link.text(strip=True) for link in LexborHTMLParser(html).css('a[href^="http"]')]


def may_hold_answers(quote: LexborNode) -> bool:
    """Whether a Gmail quote is a reply's, whose parts are `blockquote`; in a forward these are the forwarded mail's."""
    if quote.css_first("blockquote") is None:
        return False
    head = quote.css_first(".gmail_attr") or quote
    return not head.text().lstrip().startswith("-----")


def _unwrapped(html: str) -> str:
    """HTML with its lines joined, since they mean nothing; only within `pre` they do."""
    pieces = PREFORMATTED.split(html)
    joined = [" ".join(pieces[0].split())]
    for piece in pieces[1:]:
        joined.append(" ".join(piece.split()) if piece.startswith("/") else "<br>".join(piece.split("\n")))
    return " <".join(joined)


def _outside(text: str) -> Iterator[str]:
    """The lines that are in no quote and no signature."""
    depth = 0
    for line in text.split("\n"):
        mark = line.strip()
        if mark in (QUOTE, SIGNATURE):
            if mark == QUOTE and not depth:
                yield ">"
            depth += 1
        elif mark in (QUOTE_END, SIGNATURE_END):
            depth = max(0, depth - 1)
        elif not depth:
            yield line
