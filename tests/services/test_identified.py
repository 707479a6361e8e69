"""A mail that names others, as the worker judges it: nothing is done for strangers on anybody's word."""

from datetime import UTC, datetime

import pytest

from mailconsent.errors import InvalidToken
from mailconsent.mailbox import Fetched
from mailconsent.model import Label
from mailconsent.services.inbox import judge

TRUSTED = frozenset({"mx.shop.example"})
NAMES_ANOTHER = "From: anna@example.com\r\nSubject: Unsubscribe\r\n\r\nPlease unsubscribe me and info@example.com\r\n"
PASSED = "Authentication-Results: mx.shop.example; dmarc=pass header.from=example.com\r\n"


def no_token(_text):
    raise InvalidToken


def judged(mail, trusted=TRUSTED):
    fetched = Fetched(uid=1, raw=mail.encode(), received_at=datetime(2025, 3, 3, tzinfo=UTC))
    return judge(fetched, no_token, trusted)


def test_an_authenticated_sender_acts_for_others_of_the_domain():
    found = judged(PASSED + NAMES_ANOTHER)

    assert found.classification.label is Label.UNSUBSCRIBE
    assert found.classification.addresses == ("anna@example.com", "info@example.com")
    assert found.authentication == "dmarc=pass dkim=none spf=none"


@pytest.mark.parametrize(
    ("head", "trusted"),
    [
        ("", TRUSTED),
        (PASSED, frozenset()),  # nobody said which servers are ours
        (PASSED.replace("mx.shop", "mx.evil"), TRUSTED),
        (PASSED.replace("dmarc=pass", "dmarc=fail"), TRUSTED),
    ],
)
def test_without_authentication_a_human_decides(head, trusted):
    found = judged(head + NAMES_ANOTHER, trusted).classification

    assert found.label is Label.UNSURE
    assert found.addresses == ("anna@example.com",)
    assert found.named == ("info@example.com",)


def test_who_asks_for_nobody_else_needs_no_authentication():
    mail = "From: anna@example.com\r\nSubject: Unsubscribe\r\n\r\n"

    assert judged(mail).classification.label is Label.UNSUBSCRIBE
