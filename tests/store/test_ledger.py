"""The ledger: append-only, free of addresses, and in step with the standings, on both databases."""

import json
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from mailconsent.errors import InvalidAddress, KeyMissing
from mailconsent.facts import fold
from mailconsent.model import (
    ALL_TOPICS,
    Channel,
    EventId,
    EventKind,
    Evidence,
    Grade,
    LegalBasis,
    UnsubscribeClaim,
)
from mailconsent.store.ledger import append, read_events
from mailconsent.store.recipients import describe, lock_address, lock_claim
from mailconsent.store.standings import read_all
from mailconsent.store.tables import events, evidence, metadata, recipients, removed
from tests.cast import ANNA, BO, NOW, receipt
from tests.histories import history as told
from tests.histories import notations

NO_EVIDENCE = Evidence()


def tell(store, address, *told_events):
    """Append these events to an address; its recipient's id."""
    with store.begin() as tx:
        for event in told_events:
            recipient = lock_address(tx, address)
            append(tx, recipient, event, NO_EVIDENCE)
        return lock_address(tx, address).id


def history_of(store, recipient_id):
    with store.read() as tx:
        return read_events(tx, recipient_id)


def execute(store, statement, **values):
    with store.begin() as tx:
        return tx.connection.execute(text(statement), values)


def test_an_event_of_any_kind_is_kept_as_it_was_told(store):
    long_ago = NOW - timedelta(days=400, microseconds=1)
    plain = [receipt(channel).event(kind, 3) for kind, channel in product(EventKind, Channel)]
    graded = [receipt().event(EventKind.CONSENT_GIVEN, 32767, grade=grade) for grade in Grade]
    ender = receipt().event(EventKind.RELEASED, 0, ends=1)
    told_events = [replace(event, occurred_at=long_ago, source="mail:1/2/3") for event in (*plain, *graded, ender)]

    recipient_id = tell(store, ANNA, *told_events)

    assert history_of(store, recipient_id) == [replace(event, seq=n) for n, event in enumerate(told_events, 1)]


def test_a_time_is_kept_in_utc_whatever_zone_it_was_told_in(store):
    copenhagen = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    event = replace(receipt().event(EventKind.WITHDRAWN, 1), occurred_at=copenhagen)

    [kept] = history_of(store, tell(store, ANNA, event))

    assert kept.occurred_at == copenhagen
    assert kept.occurred_at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(store):
    event = replace(receipt().event(EventKind.WITHDRAWN, 1), occurred_at=datetime(2026, 7, 1))

    with pytest.raises(ValueError, match="without a time zone"):
        tell(store, ANNA, event)


def test_an_event_is_named_by_its_recipient_and_its_place(store):
    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        first = append(tx, anna, receipt().event(EventKind.WITHDRAWN, 1), NO_EVIDENCE)
        second = append(tx, lock_address(tx, ANNA), receipt().event(EventKind.OBJECTED, 0), NO_EVIDENCE)

    assert (first, second) == (EventId(anna.id, 1), EventId(anna.id, 2))


def test_two_spellings_of_an_address_are_one_recipient(store):
    event = receipt().event(EventKind.WITHDRAWN, 1)

    assert tell(store, ANNA, event) == tell(store, " Anna@EXAMPLE.com. ", event) != tell(store, BO, event)


def test_what_is_no_address_has_no_recipient(store):
    with store.begin() as tx, pytest.raises(InvalidAddress):
        lock_address(tx, "anna.example.com")

    assert execute(store, "select count(*) from recipients").scalar_one() == 0


def test_the_database_holds_no_address_that_it_was_not_given_to_keep(store):
    tell(store, "anna.smith+news@example.com", receipt().event(EventKind.WITHDRAWN, 0))

    with store.read() as tx:
        everything = str([list(tx.connection.execute(table.select())) for table in metadata.sorted_tables])
    assert "anna" not in everything
    assert "smith" not in everything


def test_the_digests_for_wider_noes_are_kept_beside_the_recipient(store):
    event = receipt().event(EventKind.WITHDRAWN, 0)
    for address in (ANNA, "anna+news@example.com", "cecilia@example.com"):
        tell(store, address, event)

    with store.read() as tx:
        rows = tx.connection.execute(recipients.select()).all()
        anna = tx.digester.digest(ANNA, 1)
        domain = tx.digester.digest("example.com", 1)
    assert [bytes(row.tagless_digest) for row in rows].count(anna) == 2
    assert {bytes(row.domain_digest) for row in rows} == {domain}


def test_an_event_cannot_be_changed(store):
    recipient_id = tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))

    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, "update events set topic = 2 where recipient_id = :id", id=recipient_id)

    assert [event.topic for event in history_of(store, recipient_id)] == [1]


def test_an_event_cannot_be_removed(store):
    recipient_id = tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))

    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, "delete from events")

    assert len(history_of(store, recipient_id)) == 1


def test_an_event_can_be_removed_once_that_was_written_down_and_no_other_with_it(store):
    recipient_id = tell(store, ANNA, *[receipt().event(EventKind.WITHDRAWN, 1)] * 3)
    with store.begin() as tx:
        tx.connection.execute(
            removed.insert().values(recipient_id=recipient_id, seq=2, leaf_hash=bytes(32), reason="retention")
        )
        tx.connection.execute(events.delete().where(events.c.seq == 2))

    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, "delete from events where seq = 1")

    assert [event.seq for event in history_of(store, recipient_id)] == [1, 3]


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_sqlites_ways_to_replace_a_row_are_closed_too(store):
    recipient_id = tell(store, ANNA, *[receipt().event(EventKind.WITHDRAWN, 1)] * 2)
    columns = "recipient_id, seq, kind, 9, channel, occurred_at, received_at, source, grade, ends, facts, nonce"
    statements = (
        f"insert or replace into events select {columns} from events where seq = 1",
        f"replace into events select {columns} from events",
        "update or replace events set seq = 1 where seq = 2",
    )

    for statement in statements:
        with pytest.raises(IntegrityError, match="append-only"):
            execute(store, statement)

    assert [event.topic for event in history_of(store, recipient_id)] == [1, 1]


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_postgresqls_way_to_empty_a_table_is_closed_too(store):
    recipient_id = tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))

    with pytest.raises(IntegrityError, match="append-only"):
        execute(store, "truncate events cascade")

    assert len(history_of(store, recipient_id)) == 1


def test_an_insert_that_would_change_an_event_on_conflict_is_refused(store):
    recipient_id = tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))
    columns = "recipient_id, seq, kind, topic, channel, occurred_at, received_at, source"

    with pytest.raises(IntegrityError, match="append-only"):
        execute(
            store,
            # "where true" tells SQLite's parser that the "on" does not belong to a join.
            f"insert into events ({columns}) select {columns} from events where true "
            "on conflict (recipient_id, seq) do update set topic = 9",
        )

    assert [event.topic for event in history_of(store, recipient_id)] == [1]


def test_an_event_needs_a_recipient(store):
    columns = "recipient_id, seq, kind, topic, channel, occurred_at, received_at, source"

    with pytest.raises(IntegrityError):
        execute(
            store,
            f"insert into events ({columns}) values (1, 1, 'withdrawn', 0, 'api', :now, :now, '')",
            now=NOW.strftime("%Y-%m-%d %H:%M:%S.%f"),
        )


def test_evidence_stands_apart_and_can_be_erased(store):
    support = Evidence(details={"wording": "Ja tak, send mig bloggen", "form": "/nyhedsbrev"})
    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        append(tx, anna, receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B), support)

    with store.begin() as tx:
        [row] = tx.connection.execute(evidence.select()).all()
        tx.connection.execute(evidence.delete())

    assert (row.recipient_id, row.seq, json.loads(row.details)) == (anna.id, 1, support.details)
    assert len(history_of(store, anna.id)) == 1


def test_no_text_of_a_writer_keeps_an_event_from_being_recorded(store):
    texts = ["\x00", "\ud800", "a" * 100_000, "'; drop table events; --", "😀"]

    with store.begin() as tx:
        for said in texts:
            event = receipt().event(EventKind.WITHDRAWN, 1)
            append(tx, lock_address(tx, ANNA), event, Evidence(details={"said": said}))

    with store.read() as tx:
        rows = tx.connection.execute(evidence.select().order_by(evidence.c.seq)).all()
    assert [json.loads(row.details) for row in rows] == [{"said": said} for said in texts]


def test_the_number_of_an_event_that_retention_removed_is_not_given_again(store):
    for _ in range(2):
        recipient_id = tell(store, ANNA, receipt().event(EventKind.COMPLAINT, 0))
    execute(
        store,
        "insert into removed (recipient_id, seq, leaf_hash, reason) values (:id, 2, :hash, 'test')",
        id=recipient_id,
        hash=bytes(32),
    )
    execute(store, "delete from events where seq = 2")

    tell(store, ANNA, receipt().event(EventKind.OBJECTED, 0))

    with store.read() as tx:
        assert [event.seq for event in read_events(tx, recipient_id)] == [1, 3]


def test_who_waited_for_the_lock_sees_what_the_other_recorded(store):
    """PostgreSQL reads the events before it waits for the row, so the first reading may be too old."""
    tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))
    seen = []

    def read():
        with store.begin() as tx:
            seen.extend(event.kind for event in lock_address(tx, ANNA).events)

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as tx:
            append(tx, lock_address(tx, ANNA), receipt().event(EventKind.OBJECTED, 0), NO_EVIDENCE)
            waiting = pool.submit(read)
            with pytest.raises(FutureTimeout):
                waiting.result(timeout=0.3)
        waiting.result(timeout=10)

    assert seen == [EventKind.WITHDRAWN, EventKind.OBJECTED]


def test_what_a_savepoint_held_is_asked_for_again_after_it_broke_off(store):
    with store.begin() as tx:
        with pytest.raises(RuntimeError), tx.savepoint():  # noqa: PT012 - what raises is the second line
            tx.settle()
            raise RuntimeError("this one broke")
        assert not tx.settled
        tx.settle()
        with tx.savepoint():
            tx.settle()
        assert tx.settled


def test_without_evidence_there_is_no_row_of_it(store):
    tell(store, ANNA, receipt().event(EventKind.WITHDRAWN, 1))

    assert execute(store, "select count(*) from evidence").scalar_one() == 0


def test_what_breaks_off_leaves_nothing(store):
    def break_off():
        with store.begin() as tx:
            append(tx, lock_address(tx, ANNA), receipt().event(EventKind.WITHDRAWN, 1), NO_EVIDENCE)
            raise RuntimeError("the door fell shut")

    with pytest.raises(RuntimeError):
        break_off()

    with store.read() as tx:
        counts = [len(tx.connection.execute(table.select()).all()) for table in (recipients, events)]
    assert counts == [0, 0]


def test_what_breaks_off_in_a_savepoint_leaves_the_rest(store):
    def break_off(tx):
        with tx.savepoint():
            append(tx, lock_address(tx, BO), receipt().event(EventKind.WITHDRAWN, 1), NO_EVIDENCE)
            raise RuntimeError("this one broke")

    with store.begin() as tx:
        append(tx, lock_address(tx, ANNA), receipt().event(EventKind.WITHDRAWN, 1), NO_EVIDENCE)
        with pytest.raises(RuntimeError):
            break_off(tx)

    assert execute(store, "select count(*) from events").scalar_one() == 1
    assert execute(store, "select count(*) from recipients").scalar_one() == 1


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(notation=notations(max_size=10))
def test_standings_always_equal_the_fold_of_the_events(store, notation):
    with store.begin() as tx:
        anna = lock_address(tx, f"anna-{uuid4()}@example.com")
        for event in told(notation):
            name = append(tx, anna, replace(event, seq=0), NO_EVIDENCE)
            anna = replace(anna, last_seq=name.seq, events=read_events(tx, anna.id))

    with store.read() as tx:
        kept, stored = read_events(tx, anna.id), read_all(tx, anna.digest)
    assert kept == told(notation)
    assert stored == fold(anna.id, kept)


def test_the_address_to_write_to_is_kept_when_it_was_given(store):
    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        describe(tx, anna, address="Anna@Example.com", language="da")
        describe(tx, anna, address="Anna@example.com", language=None)

    with store.read() as tx:
        row = tx.connection.execute(recipients.select()).one()
    assert (row.address, row.language) == ("Anna@example.com", "da")


def test_the_recipient_of_a_link_is_the_one_of_the_address(store):
    recipient_id = tell(store, ANNA, receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B))

    with store.begin() as tx:
        claim = UnsubscribeClaim(digest=tx.digester.digest(ANNA, 1), generation=1, topic=1, basis=LegalBasis.CONSENT)
        found = lock_claim(tx, claim)

    assert found.id == recipient_id
    assert [event.kind for event in found.events] == [EventKind.CONSENT_GIVEN]


def test_a_link_of_somebody_we_have_no_row_of_makes_one_that_the_address_finds_later(store):
    with store.begin() as tx:
        claim = UnsubscribeClaim(
            digest=tx.digester.digest(ANNA, 1), generation=1, topic=ALL_TOPICS, basis=LegalBasis.CONSENT
        )
        made = lock_claim(tx, claim)
        append(tx, made, receipt().event(EventKind.WITHDRAWN, ALL_TOPICS), NO_EVIDENCE)

    with store.begin() as tx:
        assert lock_address(tx, ANNA).id == made.id


def test_a_link_of_a_generation_that_the_database_does_not_have_waits(store):
    for generation in (0, 2):
        claim = UnsubscribeClaim(digest=bytes(16), generation=generation, topic=1, basis=LegalBasis.CONSENT)
        with store.begin() as tx, pytest.raises(KeyMissing):
            lock_claim(tx, claim)

    assert execute(store, "select count(*) from recipients").scalar_one() == 0


def test_a_country_that_is_none_keeps_no_opt_out_from_being_recorded(store):
    consent = replace(told("B1")[0], facts={"country": "Denmark"})
    tell(store, ANNA, consent)

    anna = tell(store, ANNA, told("W1")[0])

    assert [event.kind for event in history_of(store, anna)] == [EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN]
