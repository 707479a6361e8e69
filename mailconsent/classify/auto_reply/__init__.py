"""
Automatic responses: RFC 3834, and what mailers used before it or instead of it.

Rules of this package:

1. It exists so that no machine's answer counts as a person's request: absence notices quote our subject and our links.
2. A `header` is proof, but for one that only asks for no answer, as web forms do, too: above what a person asks for, a
   human decides. `speech` is read where no header says it, and only if it asks for nothing.
3. What a machine sends unasked (`auto-generated` of RFC 3834 section 5.1, unless it says or shows that it answers
   something) is a notification: no response, and no request either.
"""

from collections.abc import Callable
from dataclasses import replace

from mailconsent.classify import unsubscribe
from mailconsent.classify.auto_reply.header import SUPPRESS, auto_submitted, telling_header, telling_vendor
from mailconsent.classify.auto_reply.speech import telling_words
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """An automatic response, if this is one."""
    by_header = telling_header(message)
    if by_header == "auto-submitted" and is_notification(message):
        return Classification(label=Label.OTHER, detector="auto_reply", reason="notification", confidence=0.8)
    by_words = "" if by_header else telling_words(message)
    if not (by_header or by_words):
        return None
    if by_words or may_be_of_a_form(message, by_header):
        asked = unsubscribe.detect(replace(message, subject="") if by_words else message, read_token)
        if asked is not None and asked.label == Label.UNSUBSCRIBE:
            # Automatic by its subject or that header, and the text asks: a human reads it.
            doubt = replace(
                asked, label=Label.UNSURE, detector="auto_reply", reason=by_header or by_words, confidence=0.5
            )
            return None if by_words == "text" else doubt
    return Classification(
        label=Label.AUTO_REPLY,
        detector="auto_reply",
        reason=by_header or by_words,
        confidence=1.0 if by_header else 0.8,
    )


def may_be_of_a_form(message: InboundMessage, by_header: str) -> bool:
    """Whether nothing shows that a message answers one, or speaks as machines do, but that it wants no answer."""
    return by_header == SUPPRESS and not message.in_reply_to and not telling_words(message)


def is_notification(message: InboundMessage) -> bool:
    """Whether a message of `Auto-Submitted: auto-generated` answers nothing; Exchange marks its answers so, too."""
    if auto_submitted(message) != "auto-generated" or message.in_reply_to or message.references:
        return False
    is_reply, _subject = split_prefixes(message.subject)
    return not is_reply and not telling_vendor(message) and not telling_words(message)
