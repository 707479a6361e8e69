"""Leaf hashes in the database, removing an event, and that seals are append-only. On both databases."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from mailconsent.errors import Refused
from mailconsent.model import EventId
from mailconsent.store.leaves import remove_event
from mailconsent.store.seals import unsealed
from tests.cast import ANNA, BO
from tests.ledgers import after, tell, write_history


def leaves(store):
    with store.read() as tx:
        return dict(leaf for page in unsealed(tx, after(99)) for leaf in page)


def execute(store, statement):
    with store.begin() as tx:
        return tx.connection.execute(text(statement))


def test_every_event_has_a_nonce_of_its_own(store):
    for address in (ANNA, ANNA, BO):
        tell(store, address)

    nonces = [bytes(row[0]) for row in execute(store, "select nonce from events").all()]

    assert {len(nonce) for nonce in nonces} == {16}
    assert len(set(nonces)) == 3


def test_two_events_that_say_the_same_have_other_leaf_hashes(store):
    tell(store, ANNA)
    tell(store, ANNA)

    assert len(set(leaves(store).values())) == 2


def test_a_leaf_hash_outlives_its_event_and_the_evidence_does_not(store):
    event = tell(store, ANNA)
    before = leaves(store)

    with store.begin() as tx:
        remove_event(tx, event, "retention")

    [row] = execute(store, "select recipient_id, seq, leaf_hash, reason from removed").all()
    assert (row.recipient_id, row.seq, bytes(row.leaf_hash), row.reason) == (*event, before[event], "retention")
    assert leaves(store) == before, "a removed event waits for its seal as any other"
    assert [execute(store, f"select count(*) from {name}").scalar_one() for name in ("events", "evidence")] == [0, 0]


def test_what_is_not_there_cannot_be_removed(store):
    with pytest.raises(Refused, match="no such event"), store.begin() as tx:
        remove_event(tx, EventId(1, 1), "retention")


@pytest.mark.parametrize("table", ["seals", "sealed"])
@pytest.mark.parametrize("statement", ["update {} set {} = 9", "delete from {}"])
def test_what_was_sealed_cannot_be_changed(store, table, statement):
    write_history(store)
    column = {"seals": "number", "sealed": "seal"}[table]

    with pytest.raises(IntegrityError, match=f"{table} is append-only"):
        execute(store, statement.format(table, column))


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["seals", "sealed"])
def test_postgresqls_way_to_empty_a_table_of_seals_is_closed_too(store, table):
    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, f"truncate {table}")


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", ["seals", "sealed"])
def test_sqlites_ways_to_replace_a_seal_are_closed_too(store, table):
    write_history(store)

    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, f"replace into {table} select * from {table}")
