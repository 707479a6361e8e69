"""The addresses of a field (RFC 5322 section 3.4): by the standard library, within bounds."""

import email.utils
import re

from mailconsent.mime.entity import MAX_HEADER

MAX_BRACKETS = 100  #: comments and groups of an address field, which are read by recursion
MAX_ADDRESS_FIELDS = 20  #: of those that are read together
MAX_ADDRESSES = 4 * MAX_HEADER  #: characters of them; `email` takes up to 10 ms for one of full length
MAX_SIGNS = 1_000  #: of one sort in an address field; it would take three times as long for nothing but `@`

#: The look-behind keeps it linear: a run of letters is tried from its beginning only.
DISPLAY_NAME = re.compile(r'(?<![^,;:<>"()])[^,;:<>"()]+<')
#: One mailbox that can be read in one way only: a name without signs, or in quotes, and an address without signs.
PLAIN_ADDRESS = re.compile(r'(?:[\w .-]*|"[^"\\]*" ?)<([\w.+-]+@[\w.-]+)>')
ADDRESS = re.compile(r"[^\s<>]+@[^\s<>@]+")
#: CPython 3.11.10 began to refuse a field whole that has one odd mailbox; read alike by all, it is left to a human.
NOT_STRICT = {"strict": False} if getattr(email.utils, "supports_strict_parsing", False) else {}


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
