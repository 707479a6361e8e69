"""
By what a complaint is known that has no report: who sent it, and what it says.

Rules of this file:

1. The address that a provider is known to report from proves its form, as far as anything here does.
2. A mail that returns ours and begins like a report is a provider's where a machine sent it, or an address that is
   nobody's own. Anybody may begin a mail with "this is a complaint".
"""

import re
from functools import cache
from typing import NamedTuple

from mailconsent.classify.auto_reply.header import auto_submitted
from mailconsent.classify.bounce import prose
from mailconsent.classify.sayings import Sayings, beginning_of, begins, gather, hear, load_table, says
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage

#: Hotmail and Outlook.com write it into what they report, and it is in no other mail.
HOTMAIL = "x-hmxmroriginalrecipient"
NAME_SEPARATOR = re.compile(r"[._+=-]")


class Forms(NamedTuple):
    """What is known of complaints without a report, from `complaints.toml`."""

    senders: tuple[str, ...]
    desks: frozenset[str]
    subjects: Sayings
    beginnings: Sayings


@cache
def load_forms() -> Forms:
    """The forms in this package."""
    table = load_table("complaints.toml")
    return Forms(
        senders=tuple(table["senders"]),
        desks=frozenset(table["desks"]),
        subjects=gather(table["subjects"]),
        beginnings=gather(table["beginnings"]),
    )


def is_form(message: InboundMessage) -> bool:
    """Whether this is a complaint without a report, by who sent it and what it says."""
    if HOTMAIL in message.original_headers:
        return True
    forms = load_forms()
    if not any(address.lower().endswith(forms.senders) for address in message.from_addresses):
        return False
    _, subject = split_prefixes(message.subject)
    return says(hear(subject), forms.subjects) or begins(hear(beginning_of(message.text)), forms.beginnings)


def begins_as_form(message: InboundMessage) -> bool:
    """Whether a mail that returns another begins like a complaint, whoever sent it."""
    if not begins(hear(beginning_of(message.text)), load_forms().beginnings):
        return False
    is_reply, _ = split_prefixes(message.subject)
    return not is_reply and not message.in_reply_to and bool(prose.returned_header(message))


def is_desk(message: InboundMessage) -> bool:
    """Whether a machine sent it, or who deals with complaints at a provider: by its address, which is nobody's own."""
    if message.return_path == "" or auto_submitted(message) not in ("", "no"):
        return True
    desks = load_forms().desks
    return any(not desks.isdisjoint(name_parts(address.lower())) for address in message.from_addresses)


def name_parts(address: str) -> tuple[str, ...]:
    """What an address is called: its local part, whole and in words, and its host, if that is more than a domain."""
    local, _, domain = address.rpartition("@")
    words = NAME_SEPARATOR.split(local)
    host, _, parent = domain.partition(".")
    return ("".join(words), *words, host if "." in parent else "")
