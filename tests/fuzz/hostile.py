"""Messages built to be slow, large or indigestible: each by its name, and made when asked for."""

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from tests.fuzz.charsets import NAMES

Maker: TypeAlias = Callable[[], bytes]

KB, MB = 1024, 1024 * 1024
HUGE = 30 * MB
#: Of what is not meant to be huge: more than is ever read.
LARGE = 2 * MB

BASE64 = b"Content-Transfer-Encoding: base64"
QUOTED = b"Content-Transfer-Encoding: quoted-printable"
UUENCODE = b"Content-Transfer-Encoding: x-uuencode"
FROM = b"From: Anna <anna@example.com>\nTo: contact@example.com\nMessage-ID: <1@example.com>\nDate: Mon, 2 Mar 2026\n"


def mail(body: bytes, *fields: bytes, subject: bytes = b"Re: News") -> bytes:
    """A plain message."""
    return b"".join((FROM, b"Subject: ", subject, b"\n", *(field + b"\n" for field in fields), b"\n", body))


def filled(unit: bytes, size: int = LARGE) -> bytes:
    """About so many bytes of the same. In one piece: what it takes to make them counts as memory, too."""
    return unit * (size // len(unit))


def html(body: bytes) -> bytes:
    """A message in HTML alone."""
    return mail(body, b"Content-Type: text/html; charset=utf-8")


def with_field(name: bytes, unit: bytes, size: int, times: int = 1) -> bytes:
    """A message with such a field, or many of them."""
    return (name + b": " + filled(unit, size) + b"\n") * times + mail(b"Please unsubscribe me.\n")


def nested(kind: bytes, depth: int) -> bytes:
    """Parts within parts; the innermost says something."""
    if kind == b"message/rfc822":
        return mail((b"Content-Type: message/rfc822\n\n" * depth) + b"Subject: x\n\nPlease unsubscribe me.\n", b"X: y")
    head = b"".join(b"Content-Type: %b; boundary=b%d\n\n--b%d\n" % (kind, at, at) for at in range(depth))
    return FROM + head + b"\nPlease unsubscribe me.\n" + b"".join(b"--b%d--\n" % at for at in range(depth)[::-1])


def in_charset(name: str) -> bytes:
    """A message in which everything says to be in this charset, and anything may be."""
    said = name.encode("latin-1", "replace")
    anything = bytes(byte for byte in range(256) if byte not in b"\n\r?= ") * 8
    word = b"=?" + said + b"?b?" + base64.b64encode(anything[:300]) + b"?="
    return (
        FROM.replace(b"Anna", word) + b"Subject: " + word + b" =?" + said + b"?q?_unsubscribe?=\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=\"" + said + b"\"\n\n"
        + anything + b"\nPlease unsubscribe me.\n--x\nContent-Type: text/html; charset*=" + said + b"''" + said
        + b"\n\n<p>" + anything + b"--x\nContent-Type: text/plain; name*=" + said + b"'en'%41\n\n--x--\n"
    )  # fmt: skip


#: What one line of text, or of HTML, is repeated of.
TEXTS: Mapping[str, bytes] = {
    "letters": b"a",
    "words": b"a ",
    "line ends": b"\n",
    "blank lines": b" \n\t\n",
    "dots": b". ",
    "question marks": b"?",
    "quote marks": b">",
    "quote marks apart": b"> ",
    "quoted lines": b"> please unsubscribe me\n",
    "deeply quoted lines": b"> " * 200 + b"x\n",
    "bars": b"| a\n",
    "attributions": b"On Mon, 2 Mar 2026 at 09:30, Bo <bo@example.net> wrote:\n",
    "attributions without an end": b"On Mon, 2 Mar 2026 at 09:30, Bo ",
    "attributions wrapped": b"On Mon,\n2 Mar\n2026\nBo\nwrote\n",
    "German attributions": b"Am 02.03.2026 um 09:30 schrieb Bo <bo@example.net>\n",
    "original messages": b"-----Original Message-----\nFrom: a\nSent: b\nTo: c\nSubject: d\n",
    "dashes": b"-",
    "dashed lines": b"-- \n",
    "underscores": b"_",
    "underscored lines": b"________________________________\n",
    "header lines": b"From: bo@example.net\n",
    "forwards": b"---------- Forwarded message ---------\n",
    "phones": b"Sent from my iPhone\n",
    "unsubscribes": b"unsubscribe ",
    "unsubscribe lines": b"Please unsubscribe me.\n",
    "almost requests": b"please do not ever again send me any more of ",
    "misspelt words": b"unsuscrbe unsbscribe unsubcribe ",
    "letters of tokens": b"a2b3c4d5",
    "tokens": b"a2" * 28 + b" ",
    "links with tokens": b"https://example.com/u/" + b"a2" * 28 + b"\n",
    "links": b"http://a.example/b?c=d ",
    "link beginnings": b"http://",
    "addresses": b"anna@example.com ",
    "addresses without blanks": b"a@b.c@d.e",
    "at signs": b"@",
    "dotted domains": b"a@" + b"b." * 120,
    "long addresses": b"a" * 64 + b"@" + b"b" * 63 + b".example\n",
    "remove lines": b"please remove info@example.com\n",
    "status codes": b"550 5.1.1 <a@example.com> user unknown\n",
    "status digits": b"5.1.1.",
    "bounce sayings": b"could not be delivered to one or more recipients",
    "absences": b"I am out of the office until ",
    "combining marks": b"u" + "\u0301".encode() * 400,
    "ligatures": "\ufdfa".encode(),  # 18 letters when normalised (NFKC)
    "capital sharp s": "\u1e9e\u0130".encode(),
    "invisible blanks": "u\u200bn\u200ds\u2060".encode(),
    "right to left": "\u202eebircsbusnu ".encode(),
    "Chinese": "请取消订阅我不想".encode(),
    "Thai": "ยกเลิก".encode(),
    "Hebrew": "הסר ".encode(),
    "Arabic": "إلغاء الاشتراك ".encode(),
    "emoji": "\U0001f6d1".encode(),
    "bytes of no charset": b"\xff\xfe",
    "NUL": b"\0",
    "NUL between letters": b"u\0n\0s\0u\0b\0",
    "carriage returns": b"\r",
    "vertical tabs": b"\x0b\x0c\x1c\x1d\x85 ",
    "equals signs": b"=",
    "boundaries": b"--x\n",
    "encoded words": b"=?utf-8?b?dW5zdWJzY3JpYmU=?= ",
    "open brackets": b"(",
    "quotes": b'"',
    "backslashes": b"\\",
    "entities": b"&amp;",
    "less than": b"<",
    "separators of mboxes": b"From bo@example.net Mon Mar  2\n",
}
HTML: Mapping[str, bytes] = {
    "divs": b"<div>",
    "divs that say a little": b"<div>a",
    "closed divs": b"<div></div>",
    "ends of divs": b"</div>",
    "blockquotes": b"<blockquote>",
    "blockquotes that say a little": b"<blockquote>a</blockquote>b",
    "quotes of Gmail": b"<div class=gmail_quote>a</div>",
    "tables": b"<table><tr><td>",
    "lists": b"<ul><li>a",
    "paragraphs": b"<p>a",
    "bold and italics crossed": b"<b><i></b></i>",
    "formatting never closed": b"<a><b><i><u><font color=red>a",
    "fonts": b"<font>",
    "links": b"<a href=https://example.com/u/" + b"a2" * 28 + b">x</a>",
    "comments": b"<!-- -->",
    "open comments": b"<!--",
    "styles": b"<style>a{}</style>",
    "hidden": b"<span style=display:none>a</span>",
    "attributes": b"<p " + b" ".join(b"a%d=b" % at for at in range(3000)) + b">",
    "one tag of attributes": b"a=b ",
    "selects": b"<select><option>",
    "templates": b"<template>",
    "pictures": b"<svg><math>",
    "frames": b"<frameset>",
    "breaks": b"<br>",
    "numeric entities": b"&#x1F600;",
    "entities without an end": b"&",
    "processing": b"<?x ",
}
#: Header fields: the name, and what their value is repeated of.
FIELDS: Mapping[str, tuple[bytes, bytes]] = {
    "addresses": (b"From", b"anna@example.com, "),
    "names with addresses": (b"From", b'"a@b" <a@b>, '),
    "commas": (b"From", b","),
    "open brackets": (b"From", b"("),
    "brackets": (b"From", b"()"),
    "quotes": (b"From", b'"'),
    "quoted backslashes": (b"From", b'"\\'),
    "groups": (b"From", b"a:b@c;"),
    "colons": (b"From", b":"),
    "at signs": (b"From", b"@"),
    "less than": (b"From", b"<"),
    "routes": (b"From", b"<@a,@b:"),
    "blanks": (b"From", b" "),
    "a long domain": (b"From", b"anna@" + b"a" * 3000),
    "a domain of dots": (b"From", b"anna@" + b"a." * 1500),
    "a domain of other letters": (b"From", b"anna@" + "ü".encode() * 1500),
    "a domain in punycode": (b"From", b"anna@xn--" + b"a-" * 1500),
    "a domain of long labels": (b"From", b"anna@xn--" + b"9" * 3000),
    "recipients": (b"To", b"u+" + b"a2" * 28 + b"@example.com, "),
    "subject": (b"Subject", b"unsubscribe "),
    "reply marks": (b"Subject", b"Re: "),
    "counted reply marks": (b"Subject", b"Re[2]: Fwd: Antw: "),
    "brackets in the subject": (b"Subject", b"["),
    "tags in the subject": (b"Subject", b"[a] "),
    "encoded words": (b"Subject", b"=?utf-8?b?dQ==?= "),
    "broken encoded words": (b"Subject", b"=?utf-8?b?dQ"),
    "beginnings of encoded words": (b"Subject", b"=?"),
    "encoded words without an end": (b"Reply-To", b"=?a?b? "),
    "encoded words without an end or a blank": (b"Sender", b"=?a?b?"),
    "question marks": (b"Subject", b"?"),
    "encoded blanks": (b"Subject", b"=?utf-8?q?_?=\n "),
    "references": (b"References", b"<1@example.com> "),
    "open references": (b"References", b"<"),
    "parameters": (b"Content-Type", b"text/plain; a=b; "),
    "continued parameters": (b"Content-Type", b"text/plain; name*0=a; name*1=b; "),
    "extended parameters": (b"Content-Type", b"text/plain; name*=utf-8''%41; "),
    "semicolons": (b"Content-Type", b"multipart/mixed;"),
    "quotes in a type": (b"Content-Type", b'multipart/mixed; boundary="a\\'),
    "a long boundary": (b"Content-Type", b"multipart/mixed; boundary=" + b"a" * 1500),
    "transfer encodings": (b"Content-Transfer-Encoding", b"base64 "),
    "results": (b"Authentication-Results", b"mail.example.com; dkim=pass header.d=example.com; "),
    "results in brackets": (b"Authentication-Results", b"mail.example.com; dkim=pass ("),
    "results in quotes": (b"Authentication-Results", b'mail.example.com; dkim=pass reason="\\'),
    "automatic": (b"Auto-Submitted", b"auto-replied; "),
    "unsubscribe links": (b"List-Unsubscribe", b"<https://example.com/u/" + b"a2" * 28 + b">, "),
    "a name without an end": (b"X" * 3000, b"X"),
}


def report(blocks: bytes, kind: bytes = b"delivery-status", part: bytes = b"message/delivery-status") -> bytes:
    """A report with these blocks."""
    head = b"Content-Type: multipart/report; report-type=" + kind + b"; boundary=x"
    return mail(b"--x\n\nFailed.\n--x\nContent-Type: " + part + b"\n\n" + blocks + b"\n--x--\n", head)


def reports(fields: bytes) -> bytes:
    """As many recipients with these fields as are read, in reports of which none is too long."""
    part = b"--x\nContent-Type: message/delivery-status\n\n" + (fields + b"Status: 5.0.0\n\n") * 13
    return mail(part * 4, b"Content-Type: multipart/report; report-type=delivery-status; boundary=x")


RECIPIENT = b"Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n\n"
OTHERS: Mapping[str, Maker] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"\n",
    "a header alone": lambda: FROM,
    "fields beyond number": lambda: b"X: y\n" * 300_000,
    "traces beyond number": lambda: mail(b"x", *[b"Received: from a by b; Mon, 2 Mar 2026 09:30:00 +0000"] * 40_000),
    "senders beyond number": lambda: b"From: anna@example.com\n" * 50_000 + b"\nPlease unsubscribe me.\n",
    "names beyond number": lambda: b"".join(b"X-%d: y\n" % at for at in range(150_000)) + b"\nPlease unsubscribe me.\n",
    "results of methods beyond number": lambda: mail(
        b"Please unsubscribe me.\n",
        *[b"Authentication-Results: x; " + b"".join(b"x%d=b;" % at for at in range(1_000))] * 100,
    ),
    "results beyond number": lambda: mail(b"x", *[b"Authentication-Results: mail.example.com; spf=pass"] * 20_000),
    "a field folded beyond number": lambda: mail(b"x", b"X: y" + b"\n z" * 400_000),
    "lines that are no fields": lambda: b"no field\n" * 200_000,
    "colons alone": lambda: b":\n" * 500_000,
    "a report of recipients beyond number": lambda: report(RECIPIENT * 20_000),
    "a report of words for each recipient": lambda: reports(b"Diagnostic-Code: smtp; " + b"no not " * 1_140 + b"\n"),
    "a report of addresses for each recipient": lambda: reports(
        2 * (b"Final-Recipient: rfc822; " + b"a@b.cc, " * 990 + b"\n")
    ),
    "a report of one long field": lambda: report(b"Diagnostic-Code: smtp; " + filled(b"550 5.1.1 a ")),
    "a report of one folded field": lambda: report(b"Diagnostic-Code: smtp;" + b"\n 550" * 200_000),
    "a report of blank lines": lambda: report(filled(b"\n \n")),
    "a report of fields": lambda: report(b"X: y\n" * 200_000),
    "a complaint of fields": lambda: report(
        b"Feedback-Type: abuse\n" * 90_000, b"feedback-report", b"message/feedback-report"
    ),
    "a complaint about tokens": lambda: report(
        filled(b"X: " + b"a2" * 28 + b"\n"), b"feedback-report", b"text/rfc822-headers"
    ),
    "a receipt of fields": lambda: report(b"Disposition: x\n" * 90_000, b"x", b"message/disposition-notification"),
    "parts beyond number": lambda: mail(b"--x\n\na\n" * 200_000, b"Content-Type: multipart/mixed; boundary=x"),
    "parts under one hundred kinds": lambda: mail(
        b"".join(b"--x\nContent-Type: message/rfc822\n\nA: b\n\n" for _ in range(4900)),
        b"Content-Type: multipart/digest; boundary=x",
    ),
    "boundaries that begin alike": lambda: mail(b"--" + filled(b"x"), b"Content-Type: multipart/mixed; boundary=x"),
    "an empty boundary": lambda: mail(filled(b"--\n"), b'Content-Type: multipart/mixed; boundary=""'),
    "senders without an end": lambda: (
        b"From: anna@example.com, bo@example.com\n"
        + (b"Sender: " + filled(b"=?a?b? ", 8 * KB) + b"\n") * 15
        + b"Subject: unsubscribe\n\nunsubscribe me and cecilia@example.com\n"
    ),
    "base64 of garbage": lambda: mail(random.Random(1).randbytes(LARGE), BASE64, b"Content-Type: text/plain"),
    "base64 cut off": lambda: mail(base64.b64encode(b"Please unsubscribe me.")[:-3], BASE64),
    "base64 of one letter": lambda: mail(b"Q", BASE64),
    "base64 of padding": lambda: mail(filled(b"="), BASE64),
    "base64 one letter a line": lambda: mail(filled(b"Q\n"), BASE64),
    "base64 of HTML": lambda: mail(base64.encodebytes(filled(b"<div>", MB)), BASE64, b"Content-Type: text/html"),
    "quoted printable of equals signs": lambda: mail(filled(b"="), QUOTED),
    "quoted printable of soft ends": lambda: mail(filled(b"=\n"), QUOTED),
    "quoted printable of wrong digits": lambda: mail(filled(b"=ZZ=0"), QUOTED),
    "uuencode": lambda: mail(
        b"begin 644 x\n" + filled(b"M" + b"!" * 60 + b"\n"), b"Content-Transfer-Encoding: x-uuencode"
    ),
    "uuencode without an end": lambda: mail(b"begin 644 x\n" + filled(b"~\n"), UUENCODE),
    "letters of a page inside a text": lambda: mail(filled(b"<html><body>")),
    "a page with a text above": lambda: mail(b"x\n" * 40_000 + filled(b"<div>")),
    "all of it one word": lambda: filled(b"unsubscribe"),
    "random bytes": lambda: random.Random(2).randbytes(LARGE),
    "a random body": lambda: mail(random.Random(3).randbytes(LARGE)),
}


def everything() -> Iterator[tuple[str, Maker]]:
    """Every one of them."""
    for name, unit in TEXTS.items():
        yield f"text: {name}", partial(lambda unit: mail(filled(unit)), unit)
        yield (
            f"text with a request below: {name}",
            partial(lambda unit: mail(filled(unit, 60 * KB) + b"\n\nPlease unsubscribe me.\n"), unit),
        )
        yield f"page: {name}", partial(lambda unit: html(filled(unit)), unit)
        yield f"subject: {name}", partial(lambda unit: mail(b"x", subject=filled(unit, MB)), unit)
    for name, unit in HTML.items():
        for size in (60 * KB, LARGE):
            yield f"page of {size // KB} KB: {name}", partial(lambda unit, size: html(filled(unit, size)), unit, size)
        yield f"text and page: {name}", partial(lambda unit: mail(filled(unit)), unit)
    yield "page: one tag", lambda: html(b"<p " + filled(b"a=b ") + b">Please unsubscribe me.")
    for name, (field, unit) in FIELDS.items():
        for size in (7 * KB, MB):
            yield f"field of {size // KB} KB: {name}", partial(with_field, field, unit, size)
        # As many as are read whole, since all of them together are cut.
        yield f"few fields: {name}", partial(with_field, field, unit, 8 * KB, 15)
        yield f"fields: {name}", partial(with_field, field, unit, 8 * KB, 240)
    for kind in (b"multipart/mixed", b"multipart/digest", b"multipart/report", b"message/rfc822"):
        for depth in (7, 9, 50, 99, 101, 2_000, 50_000):
            yield f"nested {depth} times: {kind.decode()}", partial(nested, kind, depth)
    for name in NAMES:
        yield f"charset: {name[:40]!a}", partial(in_charset, name)
    yield from OTHERS.items()


def huge() -> Iterator[tuple[str, Maker]]:
    """What takes a second to make alone."""
    for name in (
        "letters",
        "words",
        "line ends",
        "quote marks",
        "quoted lines",
        "NUL",
        "carriage returns",
        "boundaries",
    ):
        yield f"30 MB: {name}", partial(lambda unit: mail(filled(unit, HUGE)), TEXTS[name])
    yield "30 MB: a page of divs", lambda: html(filled(b"<div>", HUGE))
    yield (
        "30 MB: base64",
        lambda: mail(filled(base64.encodebytes(b"unsubscribe " * 60), HUGE), BASE64),
    )
    yield "30 MB: a header", lambda: filled(b"X-Y: z\n", HUGE)
    yield "30 MB: one field", lambda: b"Subject: " + filled(b"a ", HUGE)
    yield "30 MB: random bytes", lambda: random.Random(4).randbytes(HUGE)
