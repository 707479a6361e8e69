"""Why a mail awaits a human, as `mailconsent review` says it."""

from datetime import UTC, datetime

import pytest

from mailconsent.classify.auto_reply.header import SUPPRESS
from mailconsent.cli.unclear import WORDS, why
from mailconsent.mail_id import MailId
from mailconsent.model import EventId, Label
from mailconsent.services.inbox.judging import BROKEN, UNAPPLIED, UNREADABLE, WITHHELD
from mailconsent.store.review import Waiting

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ONE = (EventId(1, 1),)


def waiting(detector: str, reason: str, questions: tuple[EventId, ...] = ONE) -> Waiting:
    return Waiting(
        id=MailId(1, 2, 3),
        mailbox="",
        received_at=NOW,
        review_until=NOW,
        label=Label.UNSURE,
        detector=detector,
        reason=reason,
        confidence=0.5,
        questions=questions,
    )


@pytest.mark.parametrize(
    ("detector", "reason", "said"),
    [
        ("unsubscribe", "unsubscribe", "asks, and does not ask: unsubscribe"),
        ("unsubscribe", "remove|delete * me|us * from|off", "asks, and does not ask: remove … me … from"),
        ("unsubscribe", "names another address", "asks for another address"),
        ("auto_reply", "x-auto-response-suppress", "asks, in a mail that wants no automatic answer"),
        ("auto_reply", "subject", "asks, below the subject of an automatic answer"),
        ("complaint", "feedback-type abuse", "reports spam, without proof: feedback-type abuse"),
        ("bounce", "status 4.4.7", "failed again and again: status 4.4.7"),
        ("guard", "too_deep", "is nested too deep to be read"),
    ],
)
def test_a_human_reads_why_in_plain_words(detector: str, reason: str, said: str) -> None:
    assert why(waiting(detector, reason)) == said


def test_of_a_mail_about_nobody_it_says_so() -> None:
    assert why(waiting("unsubscribe", "unsubscribe", ())) == "asks, and whom it is about is not known: unsubscribe"


def test_each_reason_that_is_a_name_has_its_words() -> None:
    assert {SUPPRESS, BROKEN.reason, UNAPPLIED.reason, WITHHELD.reason, *UNREADABLE} <= WORDS.keys()
