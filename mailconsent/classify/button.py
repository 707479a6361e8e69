"""
Requests that a program writes for the person who pressed its "unsubscribe" button.

Rules of this file:

1. It comes before `auto_reply`: such mail is a request, though it may call itself automatic (Apple Mail does).
2. A mail client is known by its own header or sentence. A provider is, by a subject that is the request above a text
   that says nothing, the same, or no more than that a machine wrote it. An answer to something is never that.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from mailconsent.classify import unsubscribe
from mailconsent.classify.auto_reply.header import auto_submitted, telling_header
from mailconsent.classify.auto_reply.speech import load_words
from mailconsent.classify.sayings import begins, hear
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim

#: What Apple Mail sends when its user presses the button: the header says so in every language, the sentence in one.
APPLE_HEADER = "x-apple-unsubscribe"
APPLE_TEXT = "Apple Mail sent this email to unsubscribe from the message"

MAX_TEXT = 200
MAX_SUBJECT = 3  #: words
#: What ties a number of the sender's to the word: "unsubscribe-kx8821".
JOINT = re.compile(r"[-:.=+|]+")


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request that a program wrote for somebody, if this is one."""
    if is_of_apple_mail(message):
        return unsubscribe.answer(message, read_token, "button of Apple Mail", Label.UNSUBSCRIBE)
    if not may_be_of_a_provider(message):
        return None
    asked = unsubscribe.detect(replace(message, subject=JOINT.sub(" ", message.subject), text="", html=""), read_token)
    if asked is None or asked.label != Label.UNSUBSCRIBE:
        return None
    return unsubscribe.answer(message, read_token, asked.reason, Label.UNSUBSCRIBE)


def is_of_apple_mail(message: InboundMessage) -> bool:
    """Whether Apple Mail wrote this."""
    return message.header(APPLE_HEADER).lower() == "true" or message.text.startswith(APPLE_TEXT)


def may_be_of_a_provider(message: InboundMessage) -> bool:
    """Whether a message is what providers write for their users, but for its subject."""
    # RFC 3834 section 5: `auto-generated` is sent unasked, `auto-replied` answers.
    if message.in_reply_to or auto_submitted(message) not in ("", "no", "auto-generated"):
        return False
    is_reply, subject = split_prefixes(message.subject)
    if is_reply or len(subject.split()) > MAX_SUBJECT or len(message.text) > MAX_TEXT:
        return False
    if telling_header(message) not in ("", "auto-submitted"):
        return False
    text = (message.text or message.html).strip()
    return text.lower() in ("", subject.strip().lower()) or begins(hear(text), load_words().machines)
