"""
Who sends bounces, as far as a name tells it.

Rules of this file:

1. A name is words of the display name or of the local part. A domain is the name of a company, and in no way of who
   writes there; nor is a part of a word a name.
2. Some names nobody bears but a mail server. Others people's and companies' mail has, too: with them alone nothing is
   told.
"""

import re
from functools import cache
from typing import NamedTuple

from mailconsent.charset import decode_words
from mailconsent.classify.sayings import Sayings, gather, hear, load_table, says
from mailconsent.message import InboundMessage

DOMAINS = re.compile(r"@[^\s<>()\",;]*")
#: What parts a display name, a comment and an address from one another.
BETWEEN = re.compile(r"[<>()\",;]+")


class SenderForms(NamedTuple):
    """What mail servers are called, from `forms.toml`."""

    daemons: Sayings
    services: Sayings
    postmasters: Sayings


@cache
def load_sender_forms() -> SenderForms:
    """The names in this package."""
    table = load_table("bounce/forms.toml")
    return SenderForms(**{name: gather(table[name]) for name in SenderForms._fields})


def is_daemon(message: InboundMessage) -> bool:
    """Whether a mail server says by its name that it is one."""
    return is_called(message, load_sender_forms().daemons)


def is_service(message: InboundMessage) -> bool:
    """Whether it calls itself a mail service, as companies do, too."""
    return is_called(message, load_sender_forms().services)


def is_postmaster(message: InboundMessage) -> bool:
    """Whether it calls itself so, or by another name that people's mail has, too."""
    return is_service(message) or is_called(message, load_sender_forms().postmasters)


def is_called(message: InboundMessage, names: Sayings) -> bool:
    """Whether the sender, of the header or of the envelope, has one of these names."""
    written = DOMAINS.sub(" ", f"{decode_words(message.header('from'))} <{message.return_path or ''}>")
    whole = hear(written)
    if not whole.letters and not names.may_be_in(whole.words):  # nearly all mail
        return False
    return any(says(hear(part), names) for part in BETWEEN.split(written) if part.strip())
