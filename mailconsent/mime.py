"""
The standard library's `email` under `mailconsent.message` (RFC 5322, 2045 to 2047, 2231), kept within bounds.

Rules of this file:

1. Caps come before parsing. `compat32` is used because `policy.default` raises on common mail (cpython #105802,
   #117849) and needs 14 seconds for a From of 260 KB (#136063); but it recurses into multiparts and attached messages
   and is quadratic in parameters. What could make it slow is counted in the bytes or cut before it is read.
2. What defeats the parser still gives its header.
3. A stranger's text never chooses a codec: Python's registry also holds compressors, `idna` and `punycode` (quadratic)
   and `utf_7` (gives lone surrogates, which no database takes), and it remembers every wrong name it is asked for.
4. A wrong label never loses text: an unknown charset, broken base64 and a lost boundary leave what is readable.
"""

import email.utils
import re
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from encodings.aliases import aliases
from itertools import islice
from typing import TypeAlias

MAX_HEADERS = 250  #: fields of one header block; mail that crossed ten relays has about 80
MAX_HEADER = 8 * 1024  #: characters of one value
MAX_CONTENT_TYPE = 2 * 1024  #: its parameters take quadratic time
MAX_NESTED = 100  #: multiparts and attached messages: each may stand within the other
MAX_BOUNDARIES = 5_000  #: lines that could be a boundary
MAX_BRACKETS = 100  #: comments and groups of an address field, which are read by recursion
MAX_ADDRESS_FIELDS = 20  #: of those that are read together; each takes `email` up to 10 ms

#: Lower-cased field name to its values in order of appearance, unfolded, encoded words not yet decoded.
Fields: TypeAlias = Mapping[str, tuple[str, ...]]

FIELD = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)
#: Searched in lower case. Whatever may be stripped before the type is no letter.
NESTED = re.compile(rb"\ncontent-type:[^a-z]*(?:multipart|message)/")
ENCODED_WORDS = re.compile(r"=\?[^?\s]+\?[bq]\?.*?\?=(?:\s+=\?[^?\s]+\?[bq]\?.*?\?=)*", re.IGNORECASE | re.DOTALL)
#: The look-behind keeps it linear: a run of letters is tried from its beginning only.
DISPLAY_NAME = re.compile(r'(?<![^,;:<>"()])[^,;:<>"()]+<')
#: One mailbox that can be read in one way only: a name without signs, or in quotes, and an address without signs.
PLAIN_ADDRESS = re.compile(r'(?:[\w .-]*|"[^"\\]*" ?)<([\w.+-]+@[\w.-]+)>')
ADDRESS = re.compile(r"[^\s<>]+@[^\s<>@]+")
#: CPython 3.11.10 began to refuse a field whole that has one odd mailbox; read alike by all, it is left to a human.
NOT_STRICT = {"strict": False} if getattr(email.utils, "supports_strict_parsing", False) else {}

#: The codecs that are charsets of mail (rule 3).
CHARSETS = frozenset(name for name in aliases.values() if not name.endswith("_codec")) - {
    "ascii", "latin_1", "mbcs", "rot_13", "utf_7",
} | {"cp874", "koi8_u", "utf_8_sig"}  # fmt: skip


class Capped(Compat32):
    """compat32 that cuts, unfolds and decodes each field before anything reads a meaning into it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """The name and the value of one field, whose lines come with their undecodable bytes as surrogates."""
        name, _, value = "".join(sourcelines).partition(":")
        value = value.strip()[:MAX_HEADER]
        if not value.isascii():
            value = decode_charset(value.encode("ascii", "surrogateescape"), "")
        if "\n" in value:
            value = " ".join(map(str.strip, value.split("\n")))
        return name, cut_parameters(value) if name.lower() == "content-type" else value


PARSER = BytesParser(policy=Capped())


def parse(data: bytes) -> tuple[Message, str | None]:
    """
    The message in these bytes, which have LF line ends, and why it is less than all of it.

    Of one that would take too long or defeats the parser, only the header.
    """
    data, defect = cut_header(data)
    try:
        # Most mail has one part, whose lines need not be looked at: what follows the header is its payload.
        head, _, body = data.partition(b"\n\n")
        message = PARSER.parsebytes(head + b"\n", headersonly=True)
        if message.get_content_maintype() not in ("multipart", "message") and not message.get_payload():
            message.set_payload(body.decode("ascii", "surrogateescape"))
            return message, defect
        if is_too_deep(data):
            return parse_header(data), "too_deep"
        return PARSER.parsebytes(data), defect
    except Exception:  # noqa: BLE001 - whatever the parser stumbles on stands in the body or in its declaration
        return parse_header(data), "unparsable"


def parse_header(data: bytes) -> Message:
    """A message of the first header block alone."""
    return PARSER.parsebytes(data.partition(b"\n\n")[0], headersonly=True)


def cut_header(data: bytes) -> tuple[bytes, str | None]:
    """The message with as many header fields as anything sensible has."""
    head, _, body = data.partition(b"\n\n")
    if head.count(b"\n") < MAX_HEADERS:
        return data, None
    starts = [match.start() for match in islice(FIELD.finditer(head), MAX_HEADERS + 1)]
    if len(starts) <= MAX_HEADERS:
        return data, None
    return head[: starts[-1]] + b"\n" + body, "too_many_headers"


def cut_parameters(value: str) -> str:
    """
    A Content-Type without its extended parameters (RFC 2231 section 4), since each names the codec to read it by.

    A boundary or a charset that is written in that way has not been seen; a continued one (section 3) is kept.
    """
    pieces = value[:MAX_CONTENT_TYPE].split(";")
    value = ";".join(piece for piece in pieces if not piece.partition("=")[0].rstrip().endswith("*"))
    return value + '"' if value.count('"') % 2 else value  # left open by some, and by the cut


def is_too_deep(data: bytes) -> bool:
    """Whether the parser would recurse too deep, or look at too many parts. It opens attached messages, too."""
    nested = len(NESTED.findall(b"\n" + data.lower()))
    return nested > MAX_NESTED or (nested > 0 and data.count(b"\n--") > MAX_BOUNDARIES)


def leaves(message: Message) -> Iterator[tuple[str, Message]]:
    """
    The parts that have no parts, in document order, with their media types (lower case).

    A multipart whose boundary never comes is read as text. `Message.walk` would go on into attached messages.
    """
    stack = [message]
    while stack:
        part = stack.pop()
        kind = part.get_content_type()
        if not kind.startswith("multipart/"):
            yield kind, part
        elif part.is_multipart():
            stack += reversed(inner(part))
        else:
            yield "text/plain", part


def inner(part: Message) -> list[Message]:
    """What the parser found in a part: parts, an attached message, or the blocks of a report."""
    # Never of a text: without `decode`, that would be read by the codec its sender names (rule 3).
    return part.get_payload() if part.is_multipart() else []  # type: ignore[return-value]


def read_fields(message: Message) -> Fields:
    """The header fields by name."""
    found: dict[str, list[str]] = {}
    # Not `items`, which would look every value over once more: they were decoded when they were read.
    for name, value in islice(message.raw_items(), MAX_HEADERS):
        found.setdefault(name.lower(), []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def parameter(part: Message, name: str) -> str:
    """A parameter of the Content-Type (RFC 2045 section 5.1), or nothing."""
    try:
        value = part.get_param(name, "")
    except (TypeError, ValueError):  # numbered continuations that are no numbers
        return ""
    return value if isinstance(value, str) else ""


def read_content(part: Message, limit: int) -> bytes:
    """The first bytes of a part, its transfer encoding undone (RFC 2045 section 6)."""
    content = part.get_payload(decode=True)
    return content[:limit] if isinstance(content, bytes) else b""


def read_text(part: Message, limit: int) -> str:
    """The text of a part, in whatever charset it says and can be read in."""
    text = decode_charset(read_content(part, 4 * limit), parameter(part, "charset"))
    return text.replace("\0", "").replace("\r\n", "\n")[:limit]


def decode_charset(data: bytes, charset: str) -> str:
    """
    Text of `data`. Unknown and missing charsets are tried as UTF-8, then read as Windows-1252, which is also what
    "iso-8859-1" and "us-ascii" mean in mail that says so (the WHATWG Encoding Standard has the same rule).
    """
    name = charset.strip("'\" ").lower().replace("-", "_").replace(" ", "_")
    name = aliases.get(name, name)
    if name in CHARSETS:
        return data.decode(name, "replace")
    try:
        return data.decode("cp1252" if name == "latin_1" else "utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def decode_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) read; letters split between two words are put together."""
    return ENCODED_WORDS.sub(_decode_run, value).replace("\0", "") if "=?" in value else value


def _decode_run(match: re.Match[str]) -> str:
    try:
        words = decode_header(match[0])
    except (HeaderParseError, ValueError):  # broken base64
        return match[0]
    # A str is what was no encoded word after all. RFC 2231 section 5 adds a language to the charset.
    return "".join(
        word if isinstance(word, str) else decode_charset(word, (charset or "").partition("*")[0])
        for word, charset in words
    )


def read_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """
    The addr-specs of an address field (RFC 5322 section 3.4), as given, each once.

    Display names, comments and group names never count: "anna@example.com <bo@example.net>" is bo.
    """
    found: dict[str, str] = {}
    for value in values[:MAX_ADDRESS_FIELDS]:
        if value.count("(") + value.count(":") > MAX_BRACKETS:
            continue
        if plain := PLAIN_ADDRESS.fullmatch(value):  # as in nearly all mail, where `email` would take 20 times as long
            found.setdefault(plain[1].lower(), plain[1])
            continue
        if value.count("@") > 1:  # `email` takes the one in an unquoted display name for a mailbox
            value = DISPLAY_NAME.sub("<", value)
        try:
            mailboxes = email.utils.getaddresses([value], **NOT_STRICT)
        except (IndexError, RecursionError):
            continue
        for _name, address in mailboxes:
            if ADDRESS.fullmatch(address):
                found.setdefault(address.lower(), address)
    return tuple(found.values())
