"""What a report of spam does, and whom it is believed of."""

import pytest

from mailconsent.errors import Refused
from mailconsent.model import Channel, EventId, EventKind, Reason
from mailconsent.policy.reports import Reports
from mailconsent.services.operators import release
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, receipt
from tests.houses import ask, consent, unfolded
from tests.reports import complaint, deliver, permit_of, states, told_of

REPORTERS = Reports(reporters=frozenset({"arf.example.net", "staff@hotmail.com"}))
SIGNED = "Authentication-Results: mx.shop.example; dkim=pass header.d={0}; dmarc=pass header.from={0}\r\n"


@pytest.fixture
def here(installation):
    consent(installation, ANNA, BO)
    consent(installation, ANNA, topic="alerts")
    return installation


def reasons(here, *addresses, topic="blog"):
    return [decision.reason for decision in ask(here, *addresses, topic=topic)]


@pytest.mark.parametrize(
    "returned",
    ["List-Unsubscribe: <{unsubscribe_url}>", "Message-ID: {message_id}", "Return-Path: <{return_path}>"],
)
def test_a_complaint_with_a_token_of_ours_ends_all_marketing_and_no_invoice(here, returned):
    permit = permit_of(here, ANNA)
    fields = {name: getattr(permit, name) for name in ("unsubscribe_url", "message_id", "return_path")}

    deliver(here, complaint(returned=returned.format(**fields), named="redacted@example.org"))

    assert reasons(here, ANNA, BO) == [Reason.COMPLAINT, Reason.CONSENT]
    assert reasons(here, ANNA, topic="alerts") == [Reason.COMPLAINT]
    assert reasons(here, ANNA, topic="orders") == [Reason.TRANSACTIONAL]
    assert (told_of(here, ANNA)[-1].kind, told_of(here, ANNA)[-1].facts) == (EventKind.COMPLAINT, {"proof": "token"})
    assert states(here) == [("complaint", "done")]
    assert unfolded(here) == []


def test_what_is_no_complaint_does_nothing(here):
    link = f"List-Unsubscribe: <{permit_of(here, ANNA).unsubscribe_url}>"

    deliver(here, *(complaint(kind=kind, returned=link) for kind in ("not-spam", "auth-failure")))

    assert reasons(here, ANNA) == [Reason.CONSENT]
    assert states(here) == [("other", "done")] * 2


BELIEVED = [
    ("fbl@arf.example.net", SIGNED.format("arf.example.net"), "a domain that the policy names"),
    ("fbl@eu.arf.example.net", SIGNED.format("eu.arf.example.net"), "and one below it"),
    ("Staff@Hotmail.com", SIGNED.format("hotmail.com"), "one address at a provider"),
]
DOUBTED = [
    ("fbl@arf.example.net", "", "our server found nothing"),
    ("fbl@arf.example.net", SIGNED.format("evil.example.org"), "somebody else signed it"),
    ("fbl@arf.example.net", SIGNED.format("arf.example.net").replace("mx.shop", "mx.evil"), "no server of ours"),
    ("fbl@arf.example.net", SIGNED.format("arf.example.net").replace("dmarc=pass", "dmarc=fail"), "it is not"),
    ("fbl@fbl.example.org", SIGNED.format("fbl.example.org"), "the policy does not name it"),
    ("fbl@evilarf.example.net", SIGNED.format("evilarf.example.net"), "it only ends so"),
    ("anna@hotmail.com", SIGNED.format("hotmail.com"), "another customer of the provider"),
]


def test_a_reporter_whom_the_policy_names_is_believed(here):
    for number, (sender, top, why) in enumerate(BELIEVED):
        deliver(here, complaint(sender=sender, top=top, named=f"{number}{ANNA}"), reports=REPORTERS)

        assert reasons(here, f"{number}{ANNA}") == [Reason.COMPLAINT], why
        assert told_of(here, f"{number}{ANNA}")[-1].facts == {"proof": "reporter"}


def test_any_other_report_is_shown_to_a_human_and_does_nothing(here):
    for number, (sender, top, why) in enumerate(DOUBTED):
        deliver(here, complaint(sender=sender, top=top, named=f"{number}{ANNA}"), reports=REPORTERS)

        assert reasons(here, f"{number}{ANNA}") == [Reason.NO_LEGAL_BASIS], why
    assert states(here) == [("unsure", "review")] * len(DOUBTED)


def test_without_a_word_in_the_policy_nobody_is_believed(here):
    deliver(here, complaint(top=SIGNED.format("arf.example.net"), named=ANNA))

    assert reasons(here, ANNA) == [Reason.CONSENT]


def test_a_report_that_names_nobody_is_shown_to_a_human(here):
    deliver(here, complaint(top=SIGNED.format("arf.example.net")), reports=REPORTERS)

    assert states(here) == [("unsure", "review")]


def test_a_second_complaint_adds_nothing_and_nobody_can_release_the_first(here):
    link = f"List-Unsubscribe: <{permit_of(here, ANNA).unsubscribe_url}>"
    deliver(here, complaint(returned=link), complaint(returned=link, kind="fraud"))

    assert [event.kind for event in told_of(here, ANNA)].count(EventKind.COMPLAINT) == 1
    with here.store.begin() as tx:
        person = lock_address(tx, ANNA)
        with pytest.raises(Refused):
            release(tx, EventId(person.id, person.last_seq), receipt(Channel.OPERATOR), "they did not mean it")
