"""
The mail that acknowledges a request. Rules (RFC 3834 section 3):

1. It is marked as an automatic response (`Auto-Submitted: auto-replied`, section 3.1.7), and names what it answers
   (`In-Reply-To` and `References`, section 3.1.3). Its envelope sender is the null one `<>` (section 3.3).
2. It repeats nothing of the message: also the subject is ours, since the message may be forged, and would be spam in our
   name. (Section 3.1.5 has the subject repeated, for who asked much.)
3. Plain text, short, in the person's language: what was stopped, what was not, how to undo it, how to complain.
4. It is no marketing: it has no `List-Unsubscribe`, and no request is read from it if it ever comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from mailconsent.message import InboundMessage
from mailconsent.policy.controller import Controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What a request ended."""

    #: All marketing mail, whatever else is named.
    everything: bool = False
    #: What people call the topics that ended (`Policy.name`), in the language of the mail. Empty for one that is no
    #: longer published: the mail then says "mail like the one that you answered".
    topics: Sequence[str] = ()


def compose(
    message: InboundMessage,
    *,
    to: str,
    sender: str,
    controller: Controller,
    stopped: Stopped,
    language: str,
    undo_url: str | None,
    message_id: str,
    now: datetime,
) -> EmailMessage:
    """
    The acknowledgement of the request in this message, to be sent as `as_bytes()` gives it, from `<>`.

    `to` is who wrote, `sender` the address in its From, `language` one of `choose_language`, `message_id` with its angle
    brackets; `undo_url` is None where nothing can be undone. Raises `ValueError` for a language without a text.
    """
    raise NotImplementedError


__all__ = ["Stopped", "compose"]
