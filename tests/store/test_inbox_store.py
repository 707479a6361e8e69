"""Leases, cursors and what every message was, on both databases (design 5.6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.errors import LeaseLost
from mailconsent.model import Classification, EventKind, Evidence, Label
from mailconsent.store.inbox import State, Stored, remember, seen
from mailconsent.store.ledger import append
from mailconsent.store.mailboxes import Cursor, advance, last_sweeps, note_sweep, read_cursor, release_lease, take_lease
from mailconsent.store.recipients import lock_address
from mailconsent.store.tables import events, inbound_messages
from tests.cast import ANNA, NOW, receipt

BOX = "contact@imap.example.com/INBOX"
OTHER = "support@imap.example.com/INBOX"
LEASE = timedelta(seconds=30)
LATER = NOW + LEASE
VERDICT = Classification(label=Label.UNSUBSCRIBE, detector="unsubscribe", reason="unsubscribe me", confidence=0.9)


def take(store, holder, name=BOX, seconds=0):
    with store.begin() as tx:
        return take_lease(tx, name, holder, now=NOW + timedelta(seconds=seconds), lease=LEASE)


def cursor_of(store, uidvalidity=7, name=BOX):
    with store.read() as tx:
        return read_cursor(tx, name, uidvalidity)


def message(uid, mark=b"r", content=None, **changes):
    stored = Stored(
        uid=uid,
        raw_digest=mark * 16,
        content_digest=content and content * 16,
        state=State.DONE,
        copy=False,
        classification=VERDICT,
        received_at=NOW,
        raw=None,
    )
    return replace(stored, **changes)


def rows(store):
    with store.read() as tx:
        return tx.connection.execute(inbound_messages.select().order_by(inbound_messages.c.uid)).all()


def test_the_first_who_asks_holds_the_mailbox(store):
    assert take(store, "one")
    assert not take(store, "two")
    assert not take(store, "two", seconds=30)


def test_each_mailbox_has_its_own_lease(store):
    assert take(store, "one")
    assert take(store, "two", OTHER)


def test_the_holder_renews_and_nobody_else_gets_in_meanwhile(store):
    assert take(store, "one")
    assert take(store, "one", seconds=20)
    assert not take(store, "two", seconds=49)


def test_a_lease_that_ran_out_is_taken_over_and_not_taken_back(store):
    take(store, "one")

    assert take(store, "two", seconds=31)
    assert not take(store, "one", seconds=32)


def test_who_comes_back_before_anybody_else_holds_it_again(store):
    take(store, "one")

    assert take(store, "one", seconds=3600)


def test_a_lease_given_back_is_free_at_once(store):
    take(store, "one")

    with store.begin() as tx:
        release_lease(tx, BOX, "one")

    assert take(store, "two", seconds=1)


def test_nobody_gives_back_what_another_holds(store):
    take(store, "one")

    with store.begin() as tx:
        release_lease(tx, BOX, "two")

    assert not take(store, "two", seconds=1)


def test_a_new_mailbox_is_read_from_its_beginning(store):
    take(store, "one")

    assert cursor_of(store).last_uid == 0


def test_the_cursor_moves_and_stays(store):
    take(store, "one")

    with store.begin() as tx:
        moved = advance(tx, read_cursor(tx, BOX, 7), "one", 42, lease_until=LATER)

    assert moved.last_uid == 42
    assert cursor_of(store) == moved


def test_another_uidvalidity_begins_anew_whether_higher_or_lower(store):
    take(store, "one")
    with store.begin() as tx:
        advance(tx, read_cursor(tx, BOX, 7), "one", 42, lease_until=LATER)

    assert [cursor_of(store, uidvalidity).last_uid for uidvalidity in (6, 7, 8)] == [0, 42, 0]


def test_the_old_uidvalidity_does_not_come_back_to_life(store):
    take(store, "one")
    with store.begin() as tx:
        advance(tx, read_cursor(tx, BOX, 7), "one", 42, lease_until=LATER)
        advance(tx, read_cursor(tx, BOX, 8), "one", 3, lease_until=LATER)

    assert [cursor_of(store, uidvalidity).last_uid for uidvalidity in (7, 8)] == [0, 3]


def test_uids_of_32_bits_fit(store):
    take(store, "one")

    with store.begin() as tx:
        moved = advance(tx, read_cursor(tx, BOX, 2**32 - 1), "one", 2**32 - 1, lease_until=LATER)
        remember(tx, moved, [message(2**32 - 1)], now=NOW)

    assert cursor_of(store, 2**32 - 1).last_uid == 2**32 - 1
    assert [row.uid for row in rows(store)] == [2**32 - 1]


def test_who_lost_the_lease_writes_nothing_at_all(store):
    take(store, "one")
    cursor = cursor_of(store)
    take(store, "two", seconds=31)

    def work_on():
        with store.begin() as tx:
            remember(tx, cursor, [message(1)], now=NOW)
            append(tx, lock_address(tx, ANNA), receipt().event(EventKind.WITHDRAWN, 0), Evidence())
            advance(tx, cursor, "one", 1, lease_until=LATER)

    with pytest.raises(LeaseLost):
        work_on()

    with store.read() as tx:
        assert tx.connection.execute(events.select()).all() == []
    assert rows(store) == []
    assert cursor_of(store).last_uid == 0


def test_a_mailbox_that_there_is_not_cannot_be_read_on(store):
    with store.begin() as tx, pytest.raises(LeaseLost):
        advance(tx, Cursor(mailbox_id=99, uidvalidity=7, last_uid=0, swept=False), "one", 1, lease_until=LATER)


def test_a_message_is_remembered_as_it_was_judged(store):
    take(store, "one")
    stored = message(5, content=b"c", state=State.REVIEW, copy=True, raw=b"From: bo@example.net\r\n\r\n\x00\xff")

    with store.begin() as tx:
        remember(tx, read_cursor(tx, BOX, 7), [stored], now=NOW + LEASE)

    [row] = rows(store)
    assert (row.uid, row.uidvalidity, row.state, row.copy) == (5, 7, "review", True)
    assert (row.label, row.detector, row.reason, row.confidence) == (
        "unsubscribe",
        "unsubscribe",
        "unsubscribe me",
        0.9,
    )
    assert (row.received_at, row.stored_at) == (NOW, NOW + LEASE)
    assert (bytes(row.raw_digest), bytes(row.content_digest), bytes(row.raw)) == (b"r" * 16, b"c" * 16, stored.raw)


def test_a_message_stored_under_its_uid_stays_as_it_is(store):
    take(store, "one")
    cursor = cursor_of(store)

    for state in (State.DONE, State.FAILED):
        with store.begin() as tx:
            remember(tx, cursor, [message(5, state=state)], now=NOW)

    assert [row.state for row in rows(store)] == ["done"]


def test_the_same_uid_under_another_uidvalidity_or_mailbox_is_another_message(store):
    take(store, "one")
    take(store, "one", OTHER)

    for cursor in (cursor_of(store, 7), cursor_of(store, 8), cursor_of(store, 7, OTHER)):
        with store.begin() as tx:
            remember(tx, cursor, [message(5)], now=NOW)

    assert len(rows(store)) == 3


def test_remembering_nothing_is_nothing(store):
    take(store, "one")

    with store.begin() as tx:
        remember(tx, read_cursor(tx, BOX, 7), [], now=NOW)

    assert rows(store) == []


def test_a_copy_is_known_by_its_bytes_or_by_its_content(store):
    take(store, "one")
    stored = [message(1, mark=b"a", content=b"x"), message(2, mark=b"b", content=b"y"), message(3, mark=b"c")]
    with store.begin() as tx:
        remember(tx, read_cursor(tx, BOX, 7), stored, now=NOW)

    with store.read() as tx:
        assert seen(tx, [b"a" * 16, b"z" * 16]) == {b"a" * 16, b"x" * 16}
        assert seen(tx, [b"y" * 16]) == {b"b" * 16, b"y" * 16}
        assert seen(tx, [b"c" * 16]) == set(), "without an identity of its own it is never a copy"
        assert seen(tx, []) == set()
        assert seen(tx, [bytes([n]) * 16 for n in range(256)]) == {letter * 16 for letter in (b"a", b"b", b"x", b"y")}


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "\\N", "\\.", "", "'; --", "ø"])
def test_whatever_a_reason_says_is_kept_as_it_is(store, text):
    take(store, "one")
    stored = message(1, raw=text.encode(), classification=replace(VERDICT, reason=text))

    with store.begin() as tx:
        remember(tx, read_cursor(tx, BOX, 7), [stored], now=NOW)

    assert [(row.reason, bytes(row.raw)) for row in rows(store)] == [(text, text.encode())]


def test_a_time_of_receipt_without_a_zone_is_refused(store):
    take(store, "one")

    with store.begin() as tx, pytest.raises(ValueError, match="without a time zone"):
        remember(tx, read_cursor(tx, BOX, 7), [message(1, received_at=NOW.replace(tzinfo=None))], now=NOW)


def test_to_read_on_prolongs_the_lease(store):
    take(store, "one")
    with store.begin() as tx:
        advance(tx, read_cursor(tx, BOX, 7), "one", 42, lease_until=NOW + 3 * LEASE)

    assert not take(store, "two", seconds=2 * LEASE.seconds)
    assert take(store, "two", seconds=4 * LEASE.seconds)


def test_a_sweep_is_noted_for_its_mailbox(store):
    take(store, "one")
    take(store, "one", OTHER)

    with store.begin() as tx:
        note_sweep(tx, BOX, 7, now=NOW)

    with store.read() as tx:
        found = {sweep.checked_at: sweep.lease_until for sweep in last_sweeps(tx)}
    assert found == {NOW: LATER, None: LATER}


def test_under_another_uidvalidity_a_mailbox_is_not_swept_until_its_end_is_reached(store):
    take(store, "one")
    with store.begin() as tx:
        note_sweep(tx, BOX, 7, now=NOW)
    assert cursor_of(store, 7).swept

    with store.begin() as tx:
        advance(tx, cursor_of(store, 8), "one", 42, lease_until=LATER)
    # As a worker finds it that comes after one which died.
    assert not cursor_of(store, 8).swept

    with store.begin() as tx:
        note_sweep(tx, BOX, 8, now=NOW)
    assert cursor_of(store, 8).swept
