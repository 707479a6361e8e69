"""What newsletter systems tell: consents with their proof, opt-outs that reached them; and what a repeat does."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mailconsent.model import Channel, EventKind, Grade
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from tests.cast import ANNA, BO
from tests.doors.serving import EVIDENCE, Sender, told
from tests.houses import events, rows, unfolded

DETAILS = "select details from evidence"


def kinds(here: Installation) -> list[EventKind]:
    """What the one recipient's events are, in their order."""
    (history,) = events(here).values() or [[]]
    return [event.kind for event in history]


def test_a_consent_is_kept_with_its_proof(installation: Installation, sender: Sender) -> None:
    said = "2026-03-01T09:30:00+01:00"

    answer = sender.consent(f" {ANNA} ", occurred_at=said, language="da", source="crm:4711")

    assert (answer.status_code, told(answer)["repeated"]) == (200, False)
    ((event,),) = events(installation).values()
    assert (event.kind, event.channel, event.grade) == (EventKind.CONSENT_GIVEN, Channel.API, Grade.B)
    assert event.occurred_at == datetime.fromisoformat(said)
    assert event.received_at > event.occurred_at
    assert event.source == "crm:4711"
    assert [json.loads(str(details)) for (details,) in rows(installation, DETAILS)] == [EVIDENCE]
    # Mail goes to the address as given.
    assert rows(installation, "select address, language from recipients") == [(ANNA, "da")]


def test_without_a_reference_the_source_is_the_key_and_never_its_secret(
    installation: Installation, sender: Sender
) -> None:
    sender.consent(ANNA)

    ((event,),) = events(installation).values()
    _, key_id, _ = sender.key.split("_")
    assert event.source == f"key:{key_id}"


def test_evidence_may_hold_any_text(installation: Installation, sender: Sender) -> None:
    evidence = {"wording": 'Já\u0000 \u2028 🙂 \\ "', "form": ""}

    assert sender.consent(ANNA, evidence=evidence).status_code == 200

    assert [json.loads(str(details)) for (details,) in rows(installation, DETAILS)] == [evidence]


NO_CONSENTS: list[tuple[dict[str, object], str]] = [
    ({"evidence": {"wording": " ", "form": ""}}, "evidence that says nothing is none"),
    ({"evidence": {}}, "no evidence"),
    ({"topic": "orders"}, "transactional mail must not seem to rest on a consent"),
    ({"topic": "nope"}, "an unknown topic is not all topics"),
    ({"address": "anna"}, "no address"),
    ({"address": "anna@"}, "nowhere"),
    ({"address": "anna@localhost"}, "no mail goes there"),
    ({"address": "anna@exa mple.com"}, "a blank within"),
    ({"address": "anna..b@example.com"}, "RFC 5321: no two dots in a row"),
    ({"address": f"{'a' * 65}@example.com"}, "RFC 5321: 64 octets before the @"),
    ({"address": "Anna <anna@example.com>"}, "a name beside it"),
    ({"address": "anna@example.com, bo@example.net"}, "two"),
    ({"address": "anna@example.com\nbcc: bo@example.net"}, "a line of its own"),
    ({"address": "an\u0000na@example.com"}, "a NUL"),
    ({"occurred_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "still to come"),
    ({"occurred_at": "9999-12-31T23:59:59Z"}, "the end of time"),
    ({"occurred_at": "9999-12-31T23:59:59-01:00"}, "after it"),
    ({"occurred_at": "0001-01-01T00:00:00+01:00"}, "before the first day there is in UTC"),
    ({"language": "Danish"}, "not a language code"),
    ({"source": ANNA}, "an address where it could not be erased"),
]


def test_a_consent_that_proves_nothing_is_refused_and_leaves_nothing(
    installation: Installation, sender: Sender
) -> None:
    for change, why in NO_CONSENTS:
        answer = sender.post("consents", {"address": ANNA, "topic": "blog", "evidence": EVIDENCE} | change)

        assert answer.status_code == 422, why
    assert rows(installation, "select id from recipients") == []


def test_consent_from_outside_never_lifts_a_withdrawal(sender: Sender) -> None:
    sender.consent(ANNA)
    sender.withdraw(ANNA, topic="blog")

    later = sender.consent(ANNA, occurred_at=datetime.now(UTC).isoformat())

    assert later.status_code == 200
    (answer,) = sender.check(ANNA)
    assert (answer["allowed"], answer["reason"]) == (False, "withdrawn")


def test_a_withdrawal_counts_as_soon_as_it_is_acknowledged(sender: Sender) -> None:
    sender.consent(ANNA, "blog")
    sender.consent(ANNA, "alerts")

    answer = sender.withdraw(ANNA, topic="blog")

    assert answer.status_code == 200
    assert [sender.check(ANNA, topic=topic)[0]["reason"] for topic in ("blog", "alerts")] == ["withdrawn", "consent"]


@pytest.mark.parametrize("more", [{}, {"topic": None}], ids=["left out", "null"])
def test_a_withdrawal_of_no_topic_is_of_all_marketing(sender: Sender, more: dict[str, None]) -> None:
    for topic in ("blog", "alerts"):
        sender.consent(ANNA, topic)

    sender.withdraw(ANNA, **more)

    assert {sender.check(ANNA, topic=topic)[0]["reason"] for topic in ("blog", "alerts", "industry")} == {"withdrawn"}
    assert sender.check(ANNA, topic="orders")[0]["allowed"]


def test_an_opt_out_is_taken_for_any_address(sender: Sender) -> None:
    """Whoever wrote it, however, and whether we know them or not."""
    for address in (ANNA.upper(), f" {BO} ", "odd..dots@example.com", "o\u0000@x", "🙂@例え.jp", "a@b@c"):
        assert sender.withdraw(address).status_code == 200
        assert sender.check(address)[0]["reason"] == "withdrawn"
    assert sender.check(ANNA)[0]["reason"] == "withdrawn"


@pytest.mark.parametrize("said", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"])
def test_a_wrong_clock_costs_nobody_their_opt_out(installation: Installation, sender: Sender, said: str) -> None:
    assert sender.withdraw(ANNA, occurred_at=said).status_code == 200

    ((event,),) = events(installation).values()
    assert event.occurred_at == event.received_at


def test_what_cannot_be_an_opt_out_is_refused(installation: Installation, sender: Sender) -> None:
    for change, why in [
        ({"topic": "orders"}, "nobody can opt out of invoices"),
        ({"topic": "nope"}, "an unknown topic is not all topics"),
        ({"topic": ""}, "nor is an empty one"),
        ({"address": "anna"}, "no address"),
        ({"address": ""}, "nobody"),
    ]:
        answer = sender.post("withdrawals", {"address": ANNA} | change)

        assert answer.status_code == 422, why
    assert rows(installation, "select id from recipients") == []


def test_the_same_opt_out_again_is_the_same_event(installation: Installation, sender: Sender) -> None:
    first, second, of_one = (told(sender.withdraw(ANNA, **more)) for more in ({}, {}, {"topic": "blog"}))

    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["event_id"] == second["event_id"]
    assert of_one["event_id"] != first["event_id"]
    assert kinds(installation) == [EventKind.WITHDRAWN, EventKind.WITHDRAWN]


def test_a_repeated_write_gets_the_same_answer_and_has_no_second_effect(
    installation: Installation, sender: Sender
) -> None:
    consent = {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}

    answers = [sender.post("consents", consent, Idempotency_Key="k-1") for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert kinds(installation) == [EventKind.CONSENT_GIVEN]


def test_the_answer_to_a_repeat_is_what_was_true_then(installation: Installation, sender: Sender) -> None:
    consent = {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}
    before = sender.post("consents", consent, Idempotency_Key="k-1")
    sender.withdraw(ANNA)

    assert sender.post("consents", consent, Idempotency_Key="k-1").data == before.data
    assert kinds(installation) == [EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN]


def test_another_key_makes_another_event(installation: Installation, sender: Sender) -> None:
    for key in ("k-1", '"k-1"', "K-1"):
        sender.post("consents", {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}, Idempotency_Key=key)

    assert kinds(installation) == [EventKind.CONSENT_GIVEN] * 3


def test_a_key_used_for_something_else_is_refused(installation: Installation, sender: Sender) -> None:
    sender.post("withdrawals", {"address": ANNA}, Idempotency_Key="k-1")

    for path, other in [
        ("withdrawals", {"address": BO}),
        ("withdrawals", {"address": ANNA, "topic": "blog"}),
        ("consents", {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}),
    ]:
        answer = sender.post(path, other, Idempotency_Key="k-1")
        assert answer.status_code == 422
        assert "used before" in told(answer)["detail"]
    assert kinds(installation) == [EventKind.WITHDRAWN]


def test_what_was_refused_may_be_mended_under_the_same_key(installation: Installation, sender: Sender) -> None:
    assert sender.post("withdrawals", {"address": "anna"}, Idempotency_Key="k-1").status_code == 422
    assert sender.post("withdrawals", {"address": ANNA}, Idempotency_Key="k-1").status_code == 200


def test_two_senders_may_use_the_same_key(installation: Installation) -> None:
    for sender in (Sender(installation), Sender(installation)):
        sender.post("consents", {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}, Idempotency_Key="k-1")

    assert kinds(installation) == [EventKind.CONSENT_GIVEN] * 2


def test_a_sender_whose_key_lost_its_right_gets_no_answer_of_before(installation: Installation) -> None:
    trusted = Sender(installation, Scope.WITHDRAWALS)
    other = Sender(installation, Scope.CHECK)
    trusted.post("withdrawals", {"address": ANNA}, Idempotency_Key="k-1")

    assert other.post("withdrawals", {"address": ANNA}, Idempotency_Key="k-1").status_code == 403


def test_the_same_request_many_times_at_once_makes_one_event(installation: Installation, sender: Sender) -> None:
    consent = {"address": ANNA, "topic": "blog", "evidence": EVIDENCE}
    app = sender.http.application

    def once(_number: int) -> tuple[int, bytes]:
        body = json.dumps(consent)
        headers = {"Authorization": f"Bearer {sender.key}", "Idempotency-Key": "k-1"}
        answer = app.test_client().post("/v1/consents", data=body, headers=headers, content_type="application/json")
        return answer.status_code, answer.data

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(once, range(24)))

    assert {status for status, _ in answers} <= {200, 409}
    assert len({data for status, data in answers if status == 200}) == 1
    assert kinds(installation) == [EventKind.CONSENT_GIVEN]
    assert unfolded(installation) == []
    # Who was told that it is under way asks again, and gets the answer.
    assert once(0) == next(answer for answer in answers if answer[0] == 200)
