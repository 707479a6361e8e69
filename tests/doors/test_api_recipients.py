"""People's rights over the API."""

import pytest

from mailconsent.store.access import Scope
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, told
from tests.houses import ask, consent, rows
from tests.people import HOSTILE, live_through


def test_a_look_up_says_in_short_what_is_recorded(installation, sender):
    live_through(installation, ANNA)

    answer = told(sender.post("recipients/lookup", {"address": ANNA}))

    assert (answer["known"], answer["address_kept"], answer["messages"], answer["sends"]) == (True, True, 2, 1)
    kinds = ["consent_given", "consent_requested", "sale", "withdrawn", "questioned"]
    assert [event["kind"] for event in answer["events"]] == kinds
    assert {v["topic"]: v["reason"] for v in answer["verdicts"]}["blog"] == "withdrawn"


def test_an_export_has_all_of_it(installation, sender):
    live_through(installation, ANNA)

    answer = told(sender.post("recipients/export", {"address": ANNA}))

    assert answer["events"][0]["evidence"]["wording"] == HOSTILE
    assert [record["pii_processing"]["purpose"] for record in answer["consent_records"]]
    assert len(answer["messages"]) == 2


def test_an_erasure_answers_with_a_receipt_that_names_nobody_and_once(installation, sender):
    live_through(installation, ANNA)

    first = sender.post("recipients/erase", {"address": ANNA, "source": "ticket/7"}, Idempotency_Key="erase-7")
    again = sender.post("recipients/erase", {"address": ANNA, "source": "ticket/7"}, Idempotency_Key="erase-7")

    assert first.data == again.data
    assert ANNA not in first.text
    assert told(first)["removed"]
    assert any("21(3)" in kept["ground"] for kept in told(first)["kept"])
    assert rows(installation, "select source from erasures") == [("ticket/7",)]


def test_of_somebody_unknown_it_is_said_that_nothing_is_recorded(sender):
    for call in ("lookup", "export", "erase"):
        assert told(sender.post(f"recipients/{call}", {"address": BO}))["known"] is False


def test_the_digest_goes_only_if_the_person_was_told(installation, sender):
    consent(installation, ANNA)

    refused = sender.post("recipients/erase", {"address": ANNA, "digest": True})
    done = sender.post("recipients/erase", {"address": ANNA, "digest": True, "told": True})

    assert (refused.status_code, done.status_code) == (422, 200)
    assert "Tell the person first" in told(refused)["detail"]
    assert rows(installation, "select count(*) from recipients") == [(0,)]


@pytest.mark.parametrize(
    ("call", "scope"),
    [("lookup", Scope.RECIPIENTS_ERASE), ("export", Scope.RECIPIENTS_ERASE), ("erase", Scope.RECIPIENTS)],
)
def test_each_call_needs_its_own_scope(installation, call, scope):
    consent(installation, ANNA)

    answer = Sender(installation, scope).post(f"recipients/{call}", {"address": ANNA})

    assert answer.status_code == 403
    assert ask(installation, ANNA)[0].allowed


@pytest.mark.parametrize("call", ["lookup", "export", "erase"])
def test_what_is_no_address_is_refused_without_being_repeated(sender, call):
    answer = sender.post(f"recipients/{call}", {"address": "anna at home"})

    assert answer.status_code == 422
    assert "anna" not in answer.text
