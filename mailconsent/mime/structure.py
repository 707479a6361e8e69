"""
The parts of a message (RFC 2046 section 5.1): between their boundaries, and by the standard library where that takes
mending.

Its parser recurses into multiparts and attached messages, so what could make it slow is counted in the bytes first.
"""

import re
from collections.abc import Iterator

from mailconsent.mime.entity import PARSER, Entity, cut_header, parse_header, read_header

MAX_NESTED = 100  #: multiparts and attached messages: each may stand within the other
MAX_DEPTH = 8  #: parts within parts that are read between their boundaries; each level holds its bytes once more
MAX_BOUNDARIES = 5_000  #: lines that could be a boundary

#: Searched in lower case. Whatever may be stripped before the type is no letter.
NESTED = re.compile(rb"\ncontent-type:[^a-z]*(?:multipart|message)/")


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


def is_too_deep(data: bytes) -> bool:
    """Whether the parser would recurse too deep, or look at too many parts. It opens attached messages, too."""
    boundaries = data.count(b"\n--")
    if boundaries <= MAX_BOUNDARIES and data.count(b"\nC") + data.count(b"\nc") < MAX_NESTED:
        return False  # of nearly all mail, without a look at every letter
    nested = len(NESTED.findall(b"\n" + data.lower()))
    return nested > MAX_NESTED or (nested > 0 and boundaries > MAX_BOUNDARIES)
