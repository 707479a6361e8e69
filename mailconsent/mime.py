"""
The structure of mail (RFC 5322, 2045, 2046, 2231): the standard library's `email`, kept within bounds, and past it what
can be read in one way only.

Rules of this file:

1. Caps come before parsing. `compat32` is used because `policy.default` raises on common mail (cpython #105802,
   #117849) and needs 14 seconds for a From of 260 KB (#136063); but it recurses into multiparts and attached messages
   and is quadratic in parameters. What could make it slow is counted in the bytes or cut before it is read.
2. What defeats the parser still gives its header.
3. A wrong label never loses text: an unknown charset, broken base64 and a lost boundary leave what is readable.
"""

import email.utils
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

from mailconsent.charset import decode_charset

MAX_HEADERS = 250  #: fields of one header block; mail that crossed ten relays has about 80
MAX_HEADER = 8 * 1024  #: characters of one value
MAX_CONTENT_TYPE = 2 * 1024  #: its parameters take quadratic time
MAX_NESTED = 100  #: multiparts and attached messages: each may stand within the other
MAX_DEPTH = 8  #: parts within parts that are read between their boundaries; each level holds its bytes once more
MAX_BOUNDARIES = 5_000  #: lines that could be a boundary
MAX_BRACKETS = 100  #: comments and groups of an address field, which are read by recursion
MAX_ADDRESS_FIELDS = 20  #: of those that are read together
MAX_ADDRESSES = 4 * MAX_HEADER  #: characters of them; `email` takes up to 10 ms for one of full length
MAX_SIGNS = 1_000  #: of one sort in an address field; it would take three times as long for nothing but `@`

#: Lower-cased field name to its values in order of appearance, unfolded, encoded words not yet decoded.
Fields: TypeAlias = Mapping[str, tuple[str, ...]]

FIELD = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)
FIELD_NAME = re.compile(r"[!-9;-~]+:")
FIELD_END = re.compile(r"\n(?![ \t])")
#: Searched in lower case. Whatever may be stripped before the type is no letter.
NESTED = re.compile(rb"\ncontent-type:[^a-z]*(?:multipart|message)/")
#: The look-behind keeps it linear: a run of letters is tried from its beginning only.
DISPLAY_NAME = re.compile(r'(?<![^,;:<>"()])[^,;:<>"()]+<')
#: One mailbox that can be read in one way only: a name without signs, or in quotes, and an address without signs.
PLAIN_ADDRESS = re.compile(r'(?:[\w .-]*|"[^"\\]*" ?)<([\w.+-]+@[\w.-]+)>')
#: A Content-Type with one parameter that can be read in one way only.
ONE_PARAMETER = re.compile(r'[\w.+-]+/[\w.+-]+; ?([\w-]+)="?([\w.:-]+)"?', re.ASCII)
ADDRESS = re.compile(r"[^\s<>]+@[^\s<>@]+")
#: CPython 3.11.10 began to refuse a field whole that has one odd mailbox; read alike by all, it is left to a human.
NOT_STRICT = {"strict": False} if getattr(email.utils, "supports_strict_parsing", False) else {}


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


class Entity(Message):
    """A message or a part (RFC 2045 section 2.4), whose fields and type are looked for once."""

    @cached_property
    def fields(self) -> Fields:
        """The header fields by name."""
        found: dict[str, list[str]] = {}
        # Not `items`, which would look every value over once more: they were decoded when they were read.
        for name, value in islice(self.raw_items(), MAX_HEADERS):
            found.setdefault(name.lower(), []).append(value)
        return {name: tuple(values) for name, values in found.items()}

    def get(self, name: str, failobj: Any = None) -> Any:
        """The topmost field of that name. `email` asks for the same few again and again, and looks through all."""
        return self.fields.get(name.lower(), (failobj,))[0]

    def __setitem__(self, name: str, value: str) -> None:
        """Add a field."""
        super().__setitem__(name, value)
        self.__dict__.pop("fields", None)

    @cached_property
    def kind(self) -> str:
        """The media type, lower case."""
        return self.get_content_type()


CAPPED = Capped()
PARSER: "BytesParser[Entity]" = BytesParser(Entity, policy=CAPPED)  # type: ignore[arg-type]


def parse(data: bytes) -> tuple[Entity, str | None]:
    """
    The message in these bytes, which have LF line ends, and why it is less than all of it.

    Of one that would take too long or defeats the parser, only the header.
    """
    data, defect = cut_header(data)
    try:
        header = read_header(data.partition(b"\n\n")[0])
        if (header is None or is_composite(header)) and is_too_deep(data):
            return parse_header(data), "too_deep"
        return read_entity(data, header), defect
    except Exception:  # noqa: BLE001 - whatever the parser stumbles on stands in the body or in its declaration
        return parse_header(data), "unparsable"


def read_entity(data: bytes, header: Entity | None = None, depth: int = 0) -> Entity:
    """
    A message or a part, as the parser reads it, which looks at each line: it gets what is broken and what is attached.
    Nearly all else is a header and what follows it, or some of these between boundaries.
    """
    head, _, body = (b"\n" + data).partition(b"\n\n")  # a part may have no fields
    message = read_header(head[1:]) if header is None else header
    if message is None or depth == MAX_DEPTH:
        return PARSER.parsebytes(data)
    if not is_composite(message):
        message.set_payload(body.decode("ascii", "surrogateescape"))
        return message
    is_plain = message.kind.startswith("multipart/") and message.kind != "multipart/digest"
    parts = split_parts(body, message.get_boundary() or "") if is_plain else []
    if not parts:
        return PARSER.parsebytes(data)
    message.set_payload([read_entity(part, depth=depth + 1) for part in parts])
    return message


def is_composite(message: Entity) -> bool:
    """Whether something with a header of its own may be inside (RFC 2045 section 5.1, composite-type)."""
    return message.kind.startswith(("multipart/", "message/"))


def split_parts(body: bytes, boundary: str) -> list[bytes]:
    """What stands between the boundary lines of a multipart body (RFC 2046 section 5.1.1); nothing without any."""
    if not boundary or not boundary.isascii():
        return []
    text = b"\n" + body
    parts: list[bytes] = []
    start = None
    for at, end, closes in boundary_lines(text, b"\n--" + boundary.encode("ascii")):
        if start is not None and start > at:  # the parser takes two with nothing between for one
            start = end + 1
            continue
        if start is not None:
            parts.append(text[start:at])
        if closes:
            return parts
        start = end + 1
    if start is not None:  # the last line was cut off, or forgotten
        parts.append(text[start:].removesuffix(b"\n"))
    return parts


def boundary_lines(text: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each boundary line begins and ends, and whether it closes the multipart."""
    at = text.find(mark)
    while at >= 0:
        end = text.find(b"\n", at + 1)
        end = len(text) if end < 0 else end
        rest = text[at + len(mark) : end].rstrip(b" \t")
        if rest in (b"", b"--"):
            yield at, end, bool(rest)
        at = text.find(mark, end)


def parse_header(data: bytes) -> Entity:
    """A message of the first header block alone."""
    head = data.partition(b"\n\n")[0]
    return read_header(head) or PARSER.parsebytes(head + b"\n", headersonly=True)


def read_header(head: bytes) -> Entity | None:
    """
    A message of these fields, as the parser reads them in twice the time. None where it has to mend something first.
    """
    fields = FIELD_END.split(head.decode("ascii", "surrogateescape"))
    if b"\r" in head or not all(map(FIELD_NAME.match, fields)):
        return None
    message = Entity(policy=CAPPED)
    message.set_payload("")
    for field in fields:
        message.set_raw(*CAPPED.header_source_parse([field]))
    return message


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
    kind, *pieces = value[:MAX_CONTENT_TYPE].split(";")
    value = ";".join([kind, *(piece for piece in pieces if not piece.partition("=")[0].rstrip().endswith("*"))])
    return value + '"' if value.count('"') % 2 else value  # left open by some, and by the cut


def is_too_deep(data: bytes) -> bool:
    """Whether the parser would recurse too deep, or look at too many parts. It opens attached messages, too."""
    boundaries = data.count(b"\n--")
    if boundaries <= MAX_BOUNDARIES and data.count(b"\nC") + data.count(b"\nc") < MAX_NESTED:
        return False  # of nearly all mail, without a look at every letter
    nested = len(NESTED.findall(b"\n" + data.lower()))
    return nested > MAX_NESTED or (nested > 0 and boundaries > MAX_BOUNDARIES)


def leaves(message: Entity) -> Iterator[tuple[str, Entity]]:
    """
    The parts that have no parts, in document order, with their media types (lower case).

    A multipart whose boundary never comes is read as text. `Message.walk` would go on into attached messages.
    """
    stack = [message]
    while stack:
        part = stack.pop()
        kind = part.kind
        if not kind.startswith("multipart/"):
            yield kind, part
        elif part.is_multipart():
            stack += reversed(inner(part))
        else:
            yield "text/plain", part


def inner(part: Entity) -> list[Entity]:
    """What the parser found in a part: parts, an attached message, or the blocks of a report."""
    # Never of a text: without `decode`, that would be read by the codec its sender names (see `charset`).
    return part.get_payload() if part.is_multipart() else []  # type: ignore[return-value]


def parameter(part: Entity, name: str) -> str:
    """A parameter of the Content-Type (RFC 2045 section 5.1), or nothing."""
    if plain := ONE_PARAMETER.fullmatch(part.get("content-type", "")):
        return plain[2] if plain[1].lower() == name else ""
    try:
        value = part.get_param(name, "")
    except (TypeError, ValueError):  # numbered continuations that are no numbers
        return ""
    return value if isinstance(value, str) else ""


def read_content(part: Entity, limit: int) -> bytes:
    """The first bytes of a part, its transfer encoding undone (RFC 2045 section 6)."""
    content = part.get_payload(decode=True)
    return content[:limit] if isinstance(content, bytes) else b""


def read_text(part: Entity, limit: int) -> str:
    """The text of a part, in whatever charset it says and can be read in."""
    text = decode_charset(read_content(part, 4 * limit), parameter(part, "charset"))
    text = text.replace("\0", "")
    return (text.replace("\r\n", "\n") if "\r" in text else text)[:limit]


def read_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """
    The addr-specs of an address field (RFC 5322 section 3.4), as given, each once.

    Display names, comments and group names never count: "anna@example.com <bo@example.net>" is bo.
    """
    found: dict[str, str] = {}
    left = MAX_ADDRESSES
    for value in values[:MAX_ADDRESS_FIELDS]:
        if len(value) > left or value.count("(") + value.count(":") > MAX_BRACKETS:
            continue
        if len(value) > MAX_SIGNS and max(map(value.count, '@<>"[]\\,;')) > MAX_SIGNS:
            continue
        left -= len(value)
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
