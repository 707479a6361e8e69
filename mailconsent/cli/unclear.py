"""Why a mail awaits a human, in words for that human."""

from mailconsent.store.review import Waiting

#: By the reason that was stored; a phrase of a language says itself what it is.
WORDS = {
    "names another address": "asks for another address",
    "not one From address": "asks, and its From is not exactly one address",
    "x-auto-response-suppress": "asks, in a mail that wants no automatic answer",
    "subject": "asks, below the subject of an automatic answer",
    "too_deep": "is nested too deep to be read",
    "too_many_headers": "has too many header fields to be read",
    "unparsable": "cannot be read",
    "message broke the reader": "broke the reader",
    "message not applied": "was understood, and could not be applied",
    "server withholds the message": "is withheld by the server",
}


def why(mail: Waiting) -> str:
    """What was not clear about a mail."""
    if mail.reason in WORDS:
        return WORDS[mail.reason]
    if mail.detector == "complaint":
        return f"reports spam, without proof: {mail.reason}"
    if mail.detector == "bounce":
        return f"failed again and again: {mail.reason}"
    if mail.detector == "unsubscribe":
        # The phrase alone would say that it is a request.
        doubt = "asks, and does not ask" if mail.questions else "asks, and whom it is about is not known"
        return f"{doubt}: {example(mail.reason)}"
    return mail.reason


def example(phrase: str) -> str:
    """The first of what a phrase stands for: "remove … me … from" of `remove|delete * me|us * from|off`."""
    return " ".join("…" if word == "*" else word.partition("|")[0] for word in phrase.split())
