"""What newsletter systems tell of the mail that they sent, and a check that records what it allows."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from mailconsent import wire
from mailconsent.errors import StorageUnavailable
from mailconsent.services.installation import Installation
from mailconsent.store.access import ApiKey, Scope
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, told
from tests.houses import House, clear, rows, unfolded
from web.v1.senders import check

SENDS = "select send_id, topic, reason, basis from sends order by send_id"


def test_a_mailing_that_went_out_is_recorded_once(installation: Installation, sender: Sender) -> None:
    sender.consent(ANNA)
    mailing = {"send_id": "2026-w10", "topic": "blog", "addresses": [ANNA, BO]}

    answers = [sender.post("sends", mailing) for _ in range(2)]

    without = [{"place": 1, "reason": "no_legal_basis"}]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [told(answer) for answer in answers] == [
        {"recorded": 1, "without_ground": without},
        {"recorded": 0, "without_ground": without},
    ]
    assert rows(installation, SENDS) == [("2026-w10", 1, "consent", "consent")]
    assert unfolded(installation) == []


def test_a_check_with_a_send_id_records_each_marketing_yes(installation: Installation, sender: Sender) -> None:
    sender.consent(ANNA)

    answer = sender.post("check", {"topic": "blog", "addresses": [ANNA, BO], "send_id": "2026-w11", "headers": True})

    assert [verdict["allowed"] for verdict in told(answer)["verdicts"]] == [True, False]
    assert rows(installation, SENDS) == [("2026-w11", 1, "consent", "consent")]


def test_a_check_without_one_records_nothing(installation: Installation, sender: Sender) -> None:
    sender.consent(ANNA)

    sender.check(ANNA)

    assert rows(installation, SENDS) == []


@pytest.mark.parametrize(
    ("scopes", "why"),
    [
        ((Scope.CHECK,), "a key that may only ask"),
        ((Scope.SENDS,), "a key that may only tell"),
    ],
)
def test_a_check_that_records_needs_both_scopes(
    installation: Installation, scopes: tuple[Scope, ...], why: str
) -> None:
    limited = Sender(installation, *scopes)

    answer = limited.post("check", {"topic": "blog", "addresses": [ANNA], "send_id": "x"})

    assert answer.status_code == 403, why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"send_id": "to anna@example.com"}, "a name of a mailing is no place for an address"),
        ({"send_id": ""}, "no name"),
        ({"send_id": "x" * 65}, "longer than a name"),
        ({"addresses": []}, "to nobody"),
        ({"topic": "orders"}, "transactional mail is not recorded"),
        ({"topic": "nothing"}, "no such topic"),
        ({"sent_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "tomorrow"),
        ({"sent_at": "2026-01-01T10:00:00"}, "a time without its zone"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_repeated(
    installation: Installation, sender: Sender, change: dict[str, object], why: str
) -> None:
    answer = sender.post("sends", {"send_id": "x", "topic": "blog", "addresses": [ANNA]} | change)

    assert answer.status_code == 422, why
    assert "@" not in answer.text
    assert rows(installation, SENDS) == []


def test_transactional_mail_is_checked_and_never_recorded(installation: Installation, sender: Sender) -> None:
    answer = sender.post("check", {"topic": "orders", "addresses": [ANNA], "send_id": "x"})

    assert answer.status_code == 422
    assert rows(installation, SENDS) == []


def test_a_large_mailing_is_recorded_in_one_call(installation: Installation, sender: Sender) -> None:
    sender.consent(ANNA)
    strangers = [f"stranger-{number}@example.com" for number in range(9_999)]

    answer = sender.post("sends", {"send_id": "x", "topic": "blog", "addresses": [*strangers, ANNA]})

    assert told(answer)["recorded"] == 1
    assert len(told(answer)["without_ground"]) == len(strangers)


def test_no_rotation_begins_in_the_midst_of_a_check_that_records(lasting_house: House) -> None:
    """On PostgreSQL it reads one thing after another, and a suppressed domain could be moved away between the two."""
    clear(lasting_house)
    key = ApiKey(id="newsletter", scopes=frozenset({Scope.CHECK.value, Scope.SENDS.value}))
    asked = wire.CheckRequest(topic="blog", addresses=[ANNA], send_id="2026-w10")
    with lasting_house.opened() as here, here.store.begin() as tx:
        check(tx, key, asked, here.rules)

        with pytest.raises(StorageUnavailable), here.store.begin() as other:
            other.connection.execute(text("select 1 from installation for update nowait"))
