"""
A message or a part of one: its header, read as the standard library reads it and kept within bounds.

`compat32` is used because `policy.default` raises on common mail (cpython #105802, #117849) and needs 14 seconds for a
From of 260 KB (#136063); but it is quadratic in parameters, so these are cut before they are read.
"""

import re
from collections.abc import Mapping
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

#: Lower-cased field name to its values in order of appearance, unfolded, encoded words not yet decoded.
Fields: TypeAlias = Mapping[str, tuple[str, ...]]

FIELD = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)
FIELD_NAME = re.compile(r"[!-9;-~]+:")
FIELD_END = re.compile(r"\n(?![ \t])")


class Capped(Compat32):
    """compat32 that cuts, unfolds and decodes each field before anything reads a meaning into it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """The name and the value of one field, whose lines come with their undecodable bytes as surrogates."""
        return read_field("".join(sourcelines))


def read_field(text: str) -> tuple[str, str]:
    """The name of a field and its value: cut, unfolded and decoded, with its undecodable bytes as surrogates."""
    name, _, value = text.partition(":")
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
        message.set_raw(*read_field(field))
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
