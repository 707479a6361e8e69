"""
Mutants: real mail, changed at random in the ways that mail goes wrong, and in some in which only an attacker writes it.

A mutant is made of its number alone, so that one that was found can be made again.
"""

import base64
import quopri
import random
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tests.fuzz.charsets import NAMES

Mutation: TypeAlias = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

#: A mutant is cut here; what is long takes time, and the messages of `hostile` are long enough.
LONGEST = 96 * 1024
#: Changes of one mutant.
CHANGES = (1, 1, 1, 2, 2, 3, 5, 8)

CHARSET = re.compile(rb'(charset\s*=\s*"?)[\w.:+-]*|(=\?)[^?\s]+(?=\?)', re.IGNORECASE)
BOUNDARY = re.compile(rb'(boundary\s*=\s*"?)([^"\s;]+)', re.IGNORECASE)
ENCODINGS = (b"base64", b"quoted-printable", b"7bit", b"8bit", b"binary", b"x-uuencode", b"", b"\0", b"base64; x=y")
KINDS = (
    *(b"text/plain", b"text/html", b"text/enriched", b"text/rfc822-headers", b"message/rfc822", b"message/global"),
    *(b"message/delivery-status", b"message/feedback-report", b"message/disposition-notification", b"message/partial"),
    *(b"multipart/mixed", b"multipart/alternative", b"multipart/digest", b"multipart/report", b"multipart/signed"),
    *(b"application/octet-stream", b"text", b"/", b"text/plain; charset", b"multipart/mixed; boundary="),
)
#: What the readers look for: headers, marks of quotes, encodings, tags, words of requests and of what is none.
PIECES = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b"\n \n", b"\t", b"\x0b", b"\x0c", b"\x85", b"\xff", b"\xfe\xff"),
    *(b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xe2\x80\x8b", b"\xc2\xa0", b"\xe2\x80\xae"),
    *(b"\xcc\x81", b"\xf0\x9f\x9b\x91", b"=", b"==", b"=\n", b"=3D", b"=00", b"=?utf-8?b?", b"=?utf-8?q?=?="),
    *(b"?=", b"=?", b"=?x?b?A?=", b"=?utf-8*en?q?a?=", b"<", b">", b"<<", b"@", b"@@", b"(", b"((", b")", b'"'),
    *(b'\\"', b"\\", b",", b";", b":", b":;", b"<>", b"<@>", b"a@b", b"> ", b">>>> ", b"\n> ", b"\n-- \n"),
    *(b"\n--\n", b"\n--", b"\nOn Mon, Bo wrote:\n", b"\n-----Original Message-----\n", b"\nFrom: "),
    *(b"\nSubject: ", b"\nTo: ", b"\nCc: ", b"\nDate: ", b"\nMessage-ID: <["),
    *(b"\nAuto-Submitted: auto-replied", b"\nReturn-Path: <>", b"\nStatus: 5.1.1", b"\nAction: failed"),
    *(b"\nFinal-Recipient: rfc822; ", b"\nFeedback-Type: abuse"),
    *(b"\nAuthentication-Results: mail.example.com; dmarc=pass header.from=", b"\nReferences: ", b"\nSender: "),
    *(b"\nReply-To: ", b"\nContent-Type: ", b"\nContent-Transfer-Encoding: base64\n"),
    *(b"\nContent-Disposition: attachment", b"\nList-Unsubscribe: ", b"<div>", b"</div>", b"<blockquote>"),
    *(b"</blockquote>", b"<style>", b"<!--", b"-->", b"<![CDATA[", b"&#0;", b"&#xD800;", b"&nbsp;", b"&amp"),
    *(b"<br>", b"<p", b"<a href=", b"<script>", b"<table>", b"<div class=gmail_quote>", b"<title>"),
    *(b"unsubscribe", b"Unsubscribe me", b"don't", b"please", b"stop", b"not", b"how do I", b"?", b"!", b"."),
    *(b"remove", b"http://", b"https://example.com/u/", b"mailto:", b"xn--", b"a2" * 28, b"A2" * 28),
    *(b"info@example.com", b"%00", b"5.7.1"),
)


def mutant(number: int, seed: int, seeds: Sequence[bytes]) -> bytes:
    """The mutant of that number."""
    chance = random.Random(f"{seed}:{number}")
    raw = chance.choice(seeds)
    for _ in range(chance.choice(CHANGES)):
        raw = chance.choice(MUTATIONS)(chance, raw, seeds)[:LONGEST]
    return raw


def flip(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """Some bytes are others."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 12) if data else 0):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def lose(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A piece is missing: often the rest."""
    start, end = span(chance, raw)
    return raw[:start] + (b"" if chance.random() < 0.3 else raw[end:])


def repeat(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A piece stands there again, perhaps many times, perhaps elsewhere."""
    start, end = span(chance, raw)
    at = chance.choice((end, chance.randint(0, len(raw))))
    return raw[:at] + raw[start:end] * chance.choice((1, 1, 2, 10, 300)) + raw[at:]


def insert(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """Something that a reader looks for stands where it should not."""
    at = chance.randint(0, len(raw))
    if chance.random() < 0.5:  # at the end of a line, where headers, quotes and boundaries begin
        at = raw.find(b"\n", at) if b"\n" in raw[at:] else len(raw)
    piece = b"".join(chance.choices(PIECES, k=chance.choice((1, 1, 2, 5))))
    return raw[:at] + piece * chance.choice((1, 1, 1, 2, 50)) + raw[at:]


def splice(chance: random.Random, raw: bytes, seeds: Sequence[bytes]) -> bytes:
    """The beginning of one mail and the end of another, or the header of one and the body of the other."""
    other = chance.choice(seeds)
    if chance.random() < 0.5:
        return raw.partition(b"\n\n")[0] + b"\n\n" + other.partition(b"\n\n")[2]
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


def lines(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """Lines are lost, doubled, swapped, joined, quoted or continued."""
    all_lines = raw.split(b"\n")
    at, other = (chance.randrange(len(all_lines)) for _ in range(2))
    match chance.randrange(6):
        case 0:
            del all_lines[at]
        case 1:
            all_lines[at:at] = [all_lines[other]] * chance.choice((1, 1, 3, 400))
        case 2:
            all_lines[at], all_lines[other] = all_lines[other], all_lines[at]
        case 3:
            all_lines[min(at, other) : max(at, other)] = [b" ".join(all_lines[min(at, other) : max(at, other)])]
        case 4:
            all_lines[at:] = [chance.choice((b">", b"> ", b"| ", b">> > ")) + line for line in all_lines[at:]]
        case _:
            all_lines[at] = chance.choice((b" ", b"\t", b"--")) + all_lines[at]
    return b"\n".join(all_lines)


def line_ends(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """As careless gateways make them."""
    ends = chance.choice(((b"\r\n",), (b"\r",), (b"\r\r\n",), (b"\n", b"\r\n", b"\r"), (b"\n\0",), (b"\x85", b"\n")))
    return b"".join(line + chance.choice(ends) for line in raw.replace(b"\r\n", b"\n").split(b"\n"))


def charset(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """What is said of the letters is wrong."""
    name = chance.choice(NAMES).encode()
    if not CHARSET.search(raw):
        return b'Content-Type: text/plain; charset="' + name + b'"\n' + raw
    return CHARSET.sub(lambda match: (match[1] or match[2]) + name, raw, count=chance.choice((0, 1)))


def recode(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """The body is in other letters, while the header says what it said."""
    head, gap, body = raw.partition(b"\n\n")
    with_letters = chance.choice(("utf-16", "utf-32", "utf-8-sig", "iso2022_jp", "gb18030", "utf-7", "cp037", "hz"))
    return head + gap + body.decode("utf-8", "replace").encode(with_letters, "replace")


def encoding(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """The transfer encoding is another, is only said, or is only done."""
    head, gap, body = raw.partition(b"\n\n")
    name = chance.choice(ENCODINGS)
    if name == b"base64" and chance.random() < 0.8:
        body = base64.encodebytes(body)
    elif name == b"quoted-printable" and chance.random() < 0.8:
        body = quopri.encodestring(body)
    said = b"Content-Transfer-Encoding: " + name + b"\n" if chance.random() < 0.8 else b""
    return said + head + gap + body


def kind(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """It says to be of another kind."""
    field = b"Content-Type: " + chance.choice(KINDS)
    if b"\nContent-Type:" in raw and chance.random() < 0.7:
        found = list(re.finditer(rb"\nContent-Type:[^\n;]*", raw))
        match = chance.choice(found)
        return raw[: match.start()] + b"\n" + field + raw[match.end() :]
    return field + b"\n" + raw


def boundary(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A boundary is lost, another, or the same as that of the part around it."""
    found = BOUNDARY.findall(raw)
    if not found:
        return raw
    old = chance.choice(found)[1]
    new = chance.choice((b"", b"x", old + b"x", old[:-1], b"=_", b"\xff", chance.choice(found)[1]))
    return raw.replace(old, new, chance.choice((1, 2, -1)))


def wrap(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """It stands within another, perhaps deep."""
    for depth in range(chance.choice((1, 1, 2, 7, 12, 60))):
        mark = b"w%d" % depth
        outer = chance.choice((b"mixed", b"alternative", b"digest", b"report; report-type=delivery-status"))
        inside = chance.choice((b"", b"Content-Type: message/rfc822\n\n", b"Content-Type: text/html\n\n"))
        raw = (
            b"From: Bo <bo@example.net>\nContent-Type: multipart/" + outer + b"; boundary=" + mark + b"\n\n--" + mark
            + b"\n" + inside + raw + (b"\n--" + mark + b"--\n" if chance.random() < 0.9 else b"")
        )  # fmt: skip
    return raw


def field(chance: random.Random, raw: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A header field says something else, or stands there twice."""
    head, gap, body = raw.partition(b"\n\n")
    fields = head.split(b"\n")
    at = chance.randrange(len(fields))
    name = fields[at].partition(b":")[0][:60]
    value = b"".join(chance.choices(PIECES, k=chance.randint(1, 12))).replace(b"\n", b"\n ")
    fields[at : at + chance.randint(0, 1)] = [name + b": " + value * chance.choice((1, 1, 20))]
    return b"\n".join(fields) + gap + body


MUTATIONS: tuple[Mutation, ...] = (
    *(flip, lose, repeat, insert, insert, splice, lines, lines),
    *(line_ends, charset, recode, encoding, kind, boundary, wrap, field, field),
)


def span(chance: random.Random, raw: bytes) -> tuple[int, int]:
    """Some piece, short more often than long."""
    start = chance.randint(0, len(raw))
    return start, min(len(raw), start + chance.choice((1, 4, 20, 100, 1000, len(raw))))
