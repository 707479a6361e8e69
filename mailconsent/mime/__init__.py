"""
The structure of mail (RFC 5322, 2045, 2046, 2231): the standard library's `email`, kept within bounds, and past it what
can be read in one way only.

Caps come before parsing, and what defeats the parser still gives its header.
"""

from mailconsent.mime.addresses import MAX_ADDRESS_FIELDS, read_addresses
from mailconsent.mime.content import inner, leaves, parameter, read_content, read_text
from mailconsent.mime.entity import MAX_HEADER, MAX_HEADERS, PARSER, Entity, Fields, cut_header, parse_header
from mailconsent.mime.structure import MAX_BOUNDARIES, MAX_NESTED, parse, read_entity, split_parts

__all__ = [
    "MAX_ADDRESS_FIELDS",
    "MAX_BOUNDARIES",
    "MAX_HEADER",
    "MAX_HEADERS",
    "MAX_NESTED",
    "PARSER",
    "Entity",
    "Fields",
    "cut_header",
    "inner",
    "leaves",
    "parameter",
    "parse",
    "parse_header",
    "read_addresses",
    "read_content",
    "read_entity",
    "read_text",
    "split_parts",
]
