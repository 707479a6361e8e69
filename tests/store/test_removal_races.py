"""Removing an event while somebody else waits for that recipient's row."""

import threading

import pytest
from sqlalchemy import text

from mailconsent.model import EventKind, Evidence
from mailconsent.services.holds import place_hold
from mailconsent.store.holds import HoldReason, held
from mailconsent.store.leaves import remove_event
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, NOW, receipt
from tests.houses import unfolded, until
from tests.ledgers import tell

WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

pytestmark = pytest.mark.parametrize("house", ["postgresql"], indirect=True)


def waits(store):
    with store.read() as tx:
        return tx.connection.execute(text(WAITING)).scalar_one()


def during(store, work):
    """A thread that runs this, and is waiting for a lock."""
    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: waits(store), "a lock that somebody waits for")
    return thread


@pytest.mark.parametrize(
    ("removed", "added", "why"),
    [
        ({1}, 0, "the first one: the last number is as before"),
        ({3}, 0, "the last one"),
        ({3}, 1, "the last one, after one more was added: as many as before"),
        ({1, 2, 3}, 0, "all of them"),
    ],
)
def test_who_waited_for_the_row_sees_no_event_that_was_removed_meanwhile(installation, removed, added, why):
    store = installation.store
    kinds = (EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN, EventKind.CONSENT_GIVEN)
    names = [tell(store, ANNA, kind=kind) for kind in kinds]
    seen = []

    def append_one():
        with store.begin() as tx:
            anna = lock_address(tx, ANNA)
            seen.extend(event.seq for event in anna.events)
            append(tx, anna, receipt().event(EventKind.CONSENT_GIVEN, 2), Evidence())

    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        thread = during(store, append_one)
        for _ in range(added):
            append(tx, anna, receipt().event(EventKind.OBJECTED, 0), Evidence())
        for name in names:
            if name.seq in removed:
                remove_event(tx, name, "retention")
    thread.join()

    assert seen == sorted({1, 2, 3, *([4] if added else [])} - removed), why


def test_a_hold_placed_meanwhile_waits_until_the_deletion_is_through(installation):
    store, policy = installation.store, installation.rules.policy
    tell(store, ANNA)
    placed = []

    def place():
        with store.begin() as tx:
            hold = {"claim": "test", "reason": HoldReason.AUTHORITY, "review_by": NOW.date().replace(month=6)}
            placed.append(place_hold(tx, policy, now=NOW, **hold))

    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        assert not held(tx, anna.id)
        thread = during(store, place)
        assert not placed, "or it would be acknowledged, and the deletion would still come"
    thread.join()

    assert placed
    assert unfolded(installation) == []
