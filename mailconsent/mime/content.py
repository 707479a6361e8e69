"""
What is in a message: its parts and their text.

A wrong label never loses text: an unknown charset, broken base64 and a lost boundary leave what is readable.
"""

import re
from collections.abc import Iterator

from mailconsent.charset import decode_charset
from mailconsent.mime.entity import Entity

#: A Content-Type with one parameter that can be read in one way only.
ONE_PARAMETER = re.compile(r'[\w.+-]+/[\w.+-]+; ?([\w-]+)="?([\w.:-]+)"?', re.ASCII)


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
