"""
What an inbound message is: an ordered tuple of detectors, and the first answer wins.

Rules of this package:

1. The order is the argument. A token of ours in the local part or the subject is the request, whatever else the message
   is (design 5.6). After it, the machine-readable formats before the guesses, and everything automatic before anything
   that reads human words: automatic mail quotes us and must never count as a request.
2. A detector answers or passes; it never changes what a later one sees.
3. `reason` names a rule, a header or a phrase of ours. The writer's text and addresses never get into it.
"""

from collections.abc import Callable

from mailconsent.classify import (
    auto_reply,
    bounce,
    button,
    complaint,
    complaint_form,
    list_command,
    token,
    unread,
    unsubscribe,
)
from mailconsent.classify.auto_reply.speech import load_words
from mailconsent.classify.bounce.prose import load_bounce_forms
from mailconsent.classify.bounce.sender import load_sender_forms
from mailconsent.classify.bounce.status import load_guesses, load_meanings
from mailconsent.classify.machine_text import load_goods
from mailconsent.classify.unsubscribe.wording import load_wording
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words.marks import load_marks

#: Reads a token of ours, or raises `InvalidToken`.
ReadToken = Callable[[str], MailedClaim]
Detector = Callable[[InboundMessage, ReadToken], Classification | None]

DETECTORS: tuple[Detector, ...] = (
    token.detect,
    complaint.detect,  # RFC 5965
    bounce.detect,  # RFC 3464
    button.detect,
    list_command.detect,
    auto_reply.detect,  # RFC 3834
    unsubscribe.detect,
    unread.detect,
)


def classify(message: InboundMessage, read_token: ReadToken) -> Classification:
    """What this message is, what says so, and whom it is about as far as it says so itself."""
    for detect in DETECTORS:
        answer = detect(message, read_token)
        if answer is not None:
            return answer
    return Classification(label=Label.OTHER, detector="other", reason="nothing_found", confidence=0.5)


def no_token(_text: str) -> MailedClaim:
    """Reads no token at all: for who has no keys."""
    raise InvalidToken


def preload() -> None:
    """Load the words that detectors go by, which takes a second: threads that find them missing load them each."""
    for load in (
        load_wording,
        load_marks,
        load_words,
        load_bounce_forms,
        load_sender_forms,
        load_goods,
        load_guesses,
        load_meanings,
        complaint_form.load_forms,
    ):
        load()
