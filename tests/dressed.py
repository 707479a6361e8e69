"""A text as mail programs send it: the parts, encodings, quotes, signatures and footers around it."""

import base64
import html
import quopri
from collections.abc import Callable, Mapping

HEAD = "From: anna@example.com\nTo: contact@shop.example\nSubject: Re: News of July\nMIME-Version: 1.0\n"
NEWS = "If you no longer want this newsletter, click here to unsubscribe: https://shop.example/off"
#: The charset that a language's older mail programs write, where it is not the one of Western Europe.
CHARSETS = {
    **dict.fromkeys(("cs", "hr", "hu", "pl", "sk", "sl", "sq"), "windows-1250"),
    **dict.fromkeys(("bg", "uk"), "windows-1251"),
    **dict.fromkeys(("et", "lt", "lv"), "windows-1257"),
    "ro": "iso-8859-16",
    "ru": "koi8-r",
    "sr": "utf-16",
    "el": "iso-8859-7",
    "tr": "iso-8859-9",
    "he": "windows-1255",
    "ar": "windows-1256",
    "mt": "iso-8859-3",
    "ja": "iso-2022-jp",
    "ko": "euc-kr",
    "zh": "gb18030",
    "ga": "iso-8859-14",
    "hi": "utf-8",
}
Dress = Callable[[str, str], bytes]


def part(text: str, charset: str = "utf-8", kind: str = "plain", encoding: str = "8bit") -> bytes:
    """The fields of a part and its content."""
    data = text.encode(charset, "replace")
    if encoding == "base64":
        data = base64.encodebytes(data)
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data)
    head = f"Content-Type: text/{kind}; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n"
    return head.encode() + data


def mail(text: str, charset: str = "utf-8", kind: str = "plain", encoding: str = "8bit") -> bytes:
    """A mail of one part."""
    return HEAD.encode() + part(text, charset, kind, encoding)


def paragraphs(text: str) -> str:
    """A text in HTML, a `div` for each line."""
    return "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in text.split("\n"))


def marked(text: str) -> str:
    """A text quoted with marks."""
    return "\n".join(f"> {line}" for line in text.split("\n"))


def alternative(text: str, below: str) -> bytes:
    """A text and its quote in plain text and in HTML."""
    return (
        HEAD.encode()
        + b"Content-Type: multipart/alternative; boundary=b\n\n--b\n"
        + part(f"{text}\n\n{marked(below)}", encoding="quoted-printable")
        + b"\n--b\n"
        + part(
            f"<html><body>{paragraphs(text)}<blockquote type='cite'>{paragraphs(below)}</blockquote></body></html>",
            kind="html",
            encoding="base64",
        )
        + b"\n--b--\n"
    )


def western(language: str) -> str:
    """The charset of Western Europe for a language that has one, else UTF-8."""
    return "utf-8" if language in CHARSETS else "windows-1252"


WROTE = "On Mon, Mar 3, 2025 at 9:00 AM Shop <news@shop.example> wrote:"
OUTLOOK = "From: Shop <news@shop.example>\nSent: Monday, March 3, 2025 9:00 AM\nTo: Anna\nSubject: News of July"
DISCLAIMER = (
    "This e-mail and any attachments are confidential and intended for the addressee only. If you are not the intended "
    "recipient, please delete it and unsubscribe from nothing."
)
DRESSES: Mapping[str, Dress] = {
    "quoted-printable": lambda text, _: mail(text, encoding="quoted-printable"),
    "base64": lambda text, _: mail(text, encoding="base64"),
    "HTML alone": lambda text, _: mail(f"<html><body>{paragraphs(text)}</body></html>", kind="html"),
    "HTML in base64, with a style sheet": lambda text, _: mail(
        f"<html><head><style>p {{ color: red }}</style></head><body><p>{html.escape(text).replace(chr(10), '<br>')}"
        "</p></body></html>",
        kind="html",
        encoding="base64",
    ),
    "both parts, with a quote": lambda text, _: alternative(text, NEWS),
    "the charset of the language": lambda text, language: mail(
        text, CHARSETS.get(language, "iso-8859-1"), encoding="base64"
    ),
    "no charset is told": lambda text, _: HEAD.encode() + b"\n" + text.encode(),
    "an unknown charset is told": lambda text, _: mail(text).replace(b"charset=utf-8", b"charset=x-unknown"),
    "ASCII is told, UTF-8 is sent": lambda text, _: mail(text).replace(b"charset=utf-8", b"charset=us-ascii"),
    "Western Europe's is told, UTF-8 is sent": lambda text, _: mail(text).replace(
        b"charset=utf-8", b"charset=iso-8859-1"
    ),
    "UTF-8 is told, the language's is sent": lambda text, language: mail(text, western(language)).replace(
        f"charset={western(language)}".encode(), b"charset=utf-8"
    ),
    "above Gmail's quote": lambda text, _: mail(f"{text}\n\n{WROTE}\n\n{marked(NEWS)}\n"),
    "above a quote without marks": lambda text, _: mail(f"{text}\n\n{OUTLOOK}\n\n{NEWS}\n"),
    "above a drawn line": lambda text, _: mail(f"{text}\n\n{'_' * 32}\n{OUTLOOK}\n\n{NEWS}\n"),
    "below a marked quote": lambda text, _: mail(f"{WROTE}\n{marked(NEWS)}\n\n{text}\n"),
    "above a signature": lambda text, _: mail(f"{text}\n\n-- \nAnna Hill\nHow to unsubscribe: never mind"),
    "above a disclaimer": lambda text, _: mail(f"{text}\n\n{DISCLAIMER}"),
    "Gmail's HTML": lambda text, _: mail(
        f'<div dir="ltr">{paragraphs(text)}</div><br><div class="gmail_quote"><div class="gmail_attr">{WROTE}</div>'
        f'<blockquote class="gmail_quote">{NEWS}</blockquote></div>',
        kind="html",
    ),
    "Outlook's HTML": lambda text, _: mail(
        f'<div class="WordSection1"><p class="MsoNormal">{html.escape(text).replace(chr(10), "</p><p>")}</p>'
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Shop<br><b>Sent:</b> Monday<br>'
        f"<b>To:</b> Anna<br><b>Subject:</b> News</p></div><p>{NEWS}</p></div>",
        kind="html",
    ),
    "a ticket system's": lambda text, _: mail(f"{text}\n\n##- Please type your reply above this line -##\n\n{NEWS}"),
}
