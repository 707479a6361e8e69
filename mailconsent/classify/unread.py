"""
Mail of which no word was read, since it was cut off before: phones put what is written below the pictures.

Nobody knows what it says. A human finds that in the inbox, and marketing stops until then (design 5.6). Where some text
was read, were it a quote, it says what the mail is; and what people attach as files, as scanners do, stands at the end.
"""

from collections.abc import Callable

from mailconsent.classify.identity import requesters
from mailconsent.classify.token import quoted_claims
from mailconsent.classify.unsubscribe.mailing import is_mailing
from mailconsent.message import READABLE_TYPES, InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import html_to_text


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """The doubt about a message that a person wrote and of which no text was read because it is so long."""
    if not is_cut_before_text(message) or message.text or is_mailing(message):
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


def is_cut_before_text(message: InboundMessage) -> bool:
    """Whether a message was cut off in a text, or in a picture that is shown and may have a text below it."""
    is_shown = message.cut_in.startswith("image/") and message.content_type.startswith("multipart/")
    return is_shown or message.cut_in in READABLE_TYPES
