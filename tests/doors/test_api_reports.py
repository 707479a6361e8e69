"""What senders report over the API: failures and complaints, believed for the key."""

from datetime import UTC, datetime, timedelta

from mailconsent.client import Client
from mailconsent.model import EventKind, Reason
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, told, unique
from tests.houses import ask, consent, events, rows, unfolded
from tests.served import Served

NOW = datetime.now(UTC)


def failed(sender: Sender, address: str = ANNA, **why: object) -> dict[str, object]:
    """The answer to a report of a failure."""
    return told(sender.post("bounces", {"address": address, **why}))


def test_a_dead_address_ends_and_a_repeat_names_the_same_event(sender: Sender, installation: Installation) -> None:
    consent(installation, ANNA)

    first, second = failed(sender, status="5.1.1"), failed(sender, status="5.1.1")

    assert (first["effect"], first["repeated"]) == ("ended", False)
    assert second == first | {"repeated": True}
    assert ask(installation, ANNA)[0].reason is Reason.PERMANENT_FAILURE
    [happened] = events(installation).values()
    assert happened[-1].facts == {"status": "5.1.1", "proof": "key"}
    assert unfolded(installation) == []


SAID = [
    ({"said": "550 5.1.1 <anna@example.com>: Recipient address rejected"}, "ended", "its status"),
    ({"said": "550 No such user here"}, "ended", "its words, where there is no status"),
    ({"status": "5.0.0", "said": "550 unknown user"}, "ended", "its words, where the status says nothing"),
    (
        {"status": "5.1.1", "said": "550 5.7.1 Your IP is on our blocklist"},
        "nothing",
        "what the server says goes first",
    ),
    ({"status": "5.7.1"}, "nothing", "our own fault"),
    ({"status": "5.0.0"}, "nothing", "it says nothing"),
    ({"said": " "}, "nothing", "nor does this"),
    ({"status": "5.2.2"}, "counted", "a full mailbox"),
    ({"status": "5.7.17"}, "owner_changed", "RFC 7293"),
]


def test_a_failure_acts_by_its_status_or_by_what_the_server_said(sender: Sender, installation: Installation) -> None:
    for number, (why, effect, reason) in enumerate(SAID):
        answer = failed(sender, f"{number}{ANNA}", **why)

        assert answer["effect"] == effect, reason
        assert (answer["event_id"] is None) == (effect == "nothing")
    assert "blocklist" not in str(rows(installation, "select details from evidence"))


def test_what_says_nothing_of_an_address_makes_nobody_known(sender: Sender, installation: Installation) -> None:
    assert failed(sender, status="5.7.1")["effect"] == "nothing"

    assert rows(installation, "select count(*) from recipients") == [(0,)]


def test_failures_add_up_by_when_they_happened(sender: Sender) -> None:
    effects = [
        failed(sender, status="5.2.2", occurred_at=(NOW - timedelta(days=days)).isoformat())["effect"]
        for days in (15, 8, 1)
    ]

    assert effects == ["counted", "counted", "ended"]


def test_a_wrong_clock_costs_nobody_their_no(sender: Sender, installation: Installation) -> None:
    later = (NOW + timedelta(days=300)).isoformat()

    assert failed(sender, status="5.1.1", occurred_at=later)["effect"] == "ended"
    assert sender.post("complaints", {"address": BO, "occurred_at": later}).status_code == 200
    assert all(event.occurred_at <= datetime.now(UTC) for of_one in events(installation).values() for event in of_one)


def test_a_complaint_ends_marketing_and_no_invoice(sender: Sender, installation: Installation) -> None:
    consent(installation, ANNA)

    first, second = (told(sender.post("complaints", {"address": ANNA, "source": "fbl-1"})) for _ in range(2))

    assert (first["repeated"], second) == (False, first | {"repeated": True})
    assert ask(installation, ANNA)[0].reason is Reason.COMPLAINT
    assert ask(installation, ANNA, topic="orders")[0].allowed
    [happened] = events(installation).values()
    assert [event.kind for event in happened] == [EventKind.CONSENT_GIVEN, EventKind.COMPLAINT]


REFUSED = [
    ({"address": ANNA}, "says nothing"),
    ({"address": ANNA, "status": "2.1.5"}, "a success"),
    ({"address": ANNA, "status": "550"}, "a reply code"),
    ({"address": "nobody", "status": "5.1.1"}, "no address"),
    ({"address": ANNA, "status": "5.1.1", "topic": "blog"}, "a topic"),
]


def test_what_is_no_failure_is_refused_and_echoes_nothing(sender: Sender) -> None:
    for asked, why in REFUSED:
        answer = sender.post("bounces", asked)

        assert answer.status_code in (400, 422), why
        assert ANNA not in answer.text


def test_each_call_needs_its_own_scope(installation: Installation) -> None:
    reports = {Scope.BOUNCES: ("bounces", {"address": ANNA, "status": "5.1.1"}), Scope.COMPLAINTS: ("complaints", {})}
    for scope, (path, more) in reports.items():
        asked = {"address": ANNA, **more}

        assert (
            Sender(installation, *(other for other in Scope if other is not scope)).post(path, asked).status_code == 403
        )
        assert Sender(installation, scope).post(path, asked).status_code == 200


def test_the_client_reports_both(web: Served) -> None:
    anna, bo = unique("anna"), unique("bo")
    with Client(web.origin, web.api_key()) as client:
        assert client.record_bounce(anna, status="5.1.1") == "ended"
        assert client.record_bounce(bo, said="452 4.2.2 over quota") == "counted"
        assert client.record_complaint(bo)

        assert client.check(anna, "orders").reason is Reason.PERMANENT_FAILURE
        assert client.check(bo, "blog").reason is Reason.COMPLAINT
