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

from mailconsent.classify import auto_reply, bounce, button, complaint, token, unsubscribe
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim

#: Reads a token of ours, or raises `InvalidToken`.
ReadToken = Callable[[str], MailedClaim]
Detector = Callable[[InboundMessage, ReadToken], Classification | None]

DETECTORS: tuple[Detector, ...] = (
    token.detect,
    complaint.detect,  # RFC 5965
    bounce.detect,  # RFC 3464
    button.detect,
    auto_reply.detect,  # RFC 3834
    unsubscribe.detect,
)


def load_words() -> None:
    """Read the words of all languages now, which takes a while, and not when the first message waits for it."""
    # A request of which only the last detector can tell, so that all of them look, and a bounce without a code.
    classify(InboundMessage(subject="Hello", text="Please unsubscribe me."), no_token)
    classify(
        InboundMessage(subject="Undelivered", text="It could not be delivered.", return_path="mailer-daemon"), no_token
    )


def no_token(_text: str) -> MailedClaim:
    """Reads the tokens of nobody."""
    raise InvalidToken


def classify(message: InboundMessage, read_token: ReadToken) -> Classification:
    """What this message is, what says so, and whom it is about as far as it says so itself."""
    for detect in DETECTORS:
        answer = detect(message, read_token)
        if answer is not None:
            return answer
    return Classification(label=Label.OTHER, detector="other", reason="nothing_found", confidence=0.5)
