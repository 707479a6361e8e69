"""
Mail of which no word was read, since it was cut off before: phones put what is written below the pictures.

Nobody knows what it says. A human finds that in the inbox, and marketing stops until then (design 5.6). Where some text
was read, were it a quote, it says what the mail is; and who sends a picture alone has no text that was cut off.
"""

from collections.abc import Callable

from mailconsent.classify.identity import requesters
from mailconsent.classify.token import quoted_claims
from mailconsent.classify.unsubscribe.mailing import is_mailing
from mailconsent.message import READABLE_TYPES, InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import html_to_text

#: Types of a whole message whose text is a machine's, or in none of its parts.
NO_TEXT = frozenset({"multipart/report", "multipart/encrypted"})


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """The doubt about a message that a person wrote and of which no text was read because it is so long."""
    if not message.truncated or message.text or not may_hold_text(message.content_type) or is_mailing(message):
        return None
    if message.html and html_to_text(message.html).strip():
        return None
    return Classification(
        label=Label.UNSURE,
        detector="unread",
        reason="too long to be read to its first word",
        confidence=0.5,
        addresses=requesters(message),
        claims=quoted_claims(message, read_token),
    )


def may_hold_text(kind: str) -> bool:
    """Whether a message of this type may hold more text further down."""
    return kind in READABLE_TYPES or (kind.startswith("multipart/") and kind not in NO_TEXT)
