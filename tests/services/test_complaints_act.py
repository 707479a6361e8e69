"""What a report of spam does, and whom it is believed of."""

import json

import pytest

from mailconsent.errors import Refused
from mailconsent.model import Channel, EventId, EventKind, Reason
from mailconsent.policy.reports import Reports
from mailconsent.services.operators import release
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, receipt
from tests.houses import ask, consent, unfolded
from tests.reports import complaint, deliver, permit_of, states, to_be_marked, told_of, with_ours_attached

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


@pytest.mark.parametrize(
    ("kind", "reason"), [("abuse", Reason.COMPLAINT), ("not-spam", Reason.CONSENT), ("auth-failure", Reason.CONSENT)]
)
def test_what_a_sending_service_tells_of_acts_by_its_type(here, kind, reason):
    returned = [{"name": "Message-ID", "value": permit_of(here, ANNA).message_id}]
    told = {"complaintFeedbackType": kind, "complainedRecipients": [{"emailAddress": ANNA}]}
    notice = json.dumps({"notificationType": "Complaint", "complaint": told, "mail": {"headers": returned}})

    deliver(here, f"From: no-reply@sns.example\r\nSubject: Notification\r\n\r\n{notice}\r\n".encode())

    assert reasons(here, ANNA) == [reason]


def test_a_person_who_complains_and_asks_is_no_longer_mailed_also_with_our_mail_attached(here):
    deliver(here, with_ours_attached("This is a spam complaint. Unsubscribe me immediately!", sender=ANNA))

    assert reasons(here, ANNA) == [Reason.WITHDRAWN]
    assert states(here) == [("unsubscribe", "done")]


def test_what_may_be_a_person_s_complaint_stops_marketing_until_a_human_has_read_it(here):
    link = f"List-Unsubscribe: <{permit_of(here, BO).unsubscribe_url}>"
    consent(here, "carl@example.net")
    complains = "Dies ist eine Beschwerde über die Lieferung."

    deliver(here, with_ours_attached(complains, sender=ANNA, returned=link, to="carl@example.net"))

    assert reasons(here, ANNA, BO, "carl@example.net") == [Reason.QUESTIONED] * 3, "who wrote it, and whose mail it is"
    assert states(here) == [("unsure", "review")]


def test_who_asks_at_the_desk_of_a_provider_is_asked_about_too(here):
    consent(here, "abuse@provider.example")
    asks = "This is a spam complaint. Unsubscribe me immediately!"

    deliver(here, with_ours_attached(asks, sender="abuse@provider.example"))

    assert reasons(here, "abuse@provider.example") == [Reason.QUESTIONED]


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
    deliver(here, complaint(returned=link), complaint(returned=link, kind="fraud"), marks=True)

    assert to_be_marked(here) == [True, False], "only what had an effect"
    assert [event.kind for event in told_of(here, ANNA)].count(EventKind.COMPLAINT) == 1
    with here.store.begin() as tx:
        person = lock_address(tx, ANNA)
        with pytest.raises(Refused):
            release(tx, EventId(person.id, person.last_seq), receipt(Channel.OPERATOR), "they did not mean it")
