"""Legal holds: whose records stay, until when a human looks, and that no hold says anything but "do not delete"."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailconsent.errors import InvalidAddress, Refused
from mailconsent.facts import fold
from mailconsent.model import Channel, EventKind
from mailconsent.services.holds import end_hold, place_hold, standing_holds
from mailconsent.services.recipients import withdraw
from mailconsent.store.holds import HoldReason, held
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address, lock_known
from tests.cast import ANNA, BO, NOW, receipt

REVIEW = date(2026, 6, 1)


@pytest.fixture
def place(store, rules):
    def place(now=NOW, **named):
        with store.begin() as tx:
            return place_hold(
                tx, rules.policy, **{"reason": HoldReason.LEGAL_CLAIM, "review_by": REVIEW, "now": now, **named}
            )

    return place


def write(store, address, kind=EventKind.OBJECTED, source="test"):
    with store.begin() as tx:
        event = receipt(Channel.OPERATOR)
        recipient = lock_address(tx, address)
        return append(tx, recipient, replace(event.event(kind, 0), source=source), event.evidence).recipient_id


def is_held(store, recipient_id):
    with store.begin() as tx:
        return held(tx, recipient_id)


def test_a_hold_is_of_the_person_it_names_until_it_is_ended(store, place):
    anna, bo = write(store, ANNA), write(store, BO)

    hold = place(address="Anna@Example.com")
    assert (is_held(store, anna), is_held(store, bo)) == (True, False)

    with store.begin() as tx:
        end_hold(tx, hold.id, now=NOW)
    assert not is_held(store, anna)


def test_a_hold_of_a_claim_is_of_everyone_whose_records_refer_to_it(store, place):
    anna, bo = write(store, ANNA, source="case-7"), write(store, BO, source="case-8")

    place(claim="case-7")
    assert (is_held(store, anna), is_held(store, bo)) == (True, False)

    write(store, BO, EventKind.COMPLAINT, source="case-7")
    assert is_held(store, bo), "what refers to it later counts, too"


def test_one_of_two_holds_is_enough(store, place):
    anna = write(store, ANNA)
    first = place(address=ANNA)
    place(address=ANNA, reason=HoldReason.AUTHORITY)

    with store.begin() as tx:
        end_hold(tx, first.id, now=NOW)
    assert is_held(store, anna)


def test_a_hold_keeps_no_withdrawal_out_and_makes_nobody_mailable(store, place):
    anna = write(store, ANNA, EventKind.SUPPRESSED)
    place(address=ANNA)

    with store.begin() as tx:
        assert not withdraw(tx, ANNA, receipt()).repeated
        recipient = lock_known(tx, ANNA)
        assert fold(anna, recipient.events)[0].denial == "suppressed"


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({}, "of nobody in particular: a blanket hold"),
        ({"address": ANNA, "claim": "case-7"}, "of two things at once"),
        ({"address": BO}, "of somebody of whom nothing is recorded"),
        ({"claim": "case-8"}, "of a claim that no record refers to"),
        ({"claim": "anna@example.com"}, "of a claim that is an address"),
        ({"claim": ""}, "of a claim without a name"),
        ({"address": ANNA, "review_by": date(2026, 9, 3)}, "reviewed in more than six months"),
        ({"address": ANNA, "review_by": date(2026, 3, 2)}, "reviewed today"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hold_is_refused(store, place, named, why):
    write(store, ANNA, source="case-7")

    with pytest.raises(Refused) as refusal:
        place(**named)
    assert "@" not in str(refusal.value)
    with store.read() as tx:
        assert standing_holds(tx) == [], why


def test_a_hold_of_no_address_is_refused(place):
    with pytest.raises(InvalidAddress):
        place(address="anna")


@pytest.mark.parametrize(
    ("now", "latest", "why"),
    [
        (datetime(2026, 8, 31, 12, tzinfo=UTC), date(2027, 2, 28), "six months after 31 August"),
        (datetime(2027, 8, 31, 12, tzinfo=UTC), date(2028, 2, 29), "in a leap year"),
        (datetime(2026, 8, 30, 22, 30, tzinfo=UTC), date(2027, 2, 28), "it is the 31st already in Copenhagen"),
    ],
)
def test_six_months_are_counted_in_the_calendar_of_the_company(store, place, now, latest, why):
    write(store, ANNA)

    assert place(now=now, address=ANNA, review_by=latest), why
    with pytest.raises(Refused, match=f"{latest} at the latest"):
        place(now=now, address=ANNA, review_by=latest + timedelta(days=1))


def test_holds_are_listed_the_next_to_be_reviewed_first_and_no_ended_one(store, place):
    write(store, ANNA)
    write(store, BO)
    later, sooner = place(address=ANNA), place(address=BO, review_by=REVIEW - timedelta(days=9))
    ended = place(address=BO)
    with store.begin() as tx:
        end_hold(tx, ended.id, now=NOW)

    with store.read() as tx:
        assert standing_holds(tx) == [sooner, later]


def test_only_a_hold_that_stands_can_be_ended(store, place):
    write(store, ANNA)
    hold = place(address=ANNA)

    with store.begin() as tx:
        end_hold(tx, hold.id, now=NOW)
    for name in (hold.id, "nothing"):
        with pytest.raises(Refused, match="No hold of this id"), store.begin() as tx:
            end_hold(tx, name, now=NOW)
