"""The outbox: who takes a letter, how long it is theirs, and what is left of it."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailconsent.store import Store
from mailconsent.store.outbox import (
    Letter,
    LetterKind,
    LetterState,
    add_letter,
    defer_letter,
    end_letter,
    forget_letters,
    is_due,
    take_letter,
    was_written,
)
from mailconsent.store.recipients import lock_address
from tests.houses import clear, rows

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEASE, MINUTE = timedelta(minutes=20), timedelta(minutes=1)
ACK = LetterKind.ACKNOWLEDGEMENT


def write(store: Store, address: str, *, name: str = "a" * 32, at: datetime = NOW) -> Letter:
    """A letter, waiting."""
    with store.begin() as tx:
        letter = Letter(
            recipient_id=lock_address(tx, address).id,
            id=name,
            kind=ACK,
            address=address,
            raw=b"Subject: done\r\n\r\n\r\n",
            created_at=at,
            expires_at=at + timedelta(days=1),
        )
        add_letter(tx, letter)
    return letter


def take(store: Store, holder: str = "one", *, now: datetime = NOW) -> Letter | None:
    with store.begin() as tx:
        return take_letter(tx, holder, now=now, lease=LEASE)


def test_a_letter_is_taken_once_and_taken_over_when_its_time_is_over(store):
    letter = write(store, "anna@example.com")

    assert take(store) == replace(letter, attempts=1)
    assert take(store, "two") is None
    assert take(store, "two", now=NOW + LEASE) == replace(letter, attempts=2)


def test_the_longest_due_is_taken_first_and_none_before_it_is_due(store):
    late = write(store, "anna@example.com", at=NOW + MINUTE)
    early = write(store, "bo@example.net", at=NOW)

    assert take(store, now=NOW - MINUTE) is None
    taken = [take(store, now=NOW + MINUTE) for _ in range(3)]
    assert [letter and letter.address for letter in taken] == [early.address, late.address, None]


def test_whether_any_is_due_is_seen_without_taking_it(store):
    with store.read() as tx:
        assert not is_due(tx, now=NOW)
    write(store, "anna@example.com")

    with store.read() as tx:
        assert [is_due(tx, now=at) for at in (NOW - MINUTE, NOW)] == [False, True]


@pytest.mark.parametrize("state", [state for state in LetterState if state is not LetterState.WAITING])
def test_what_waits_no_longer_keeps_neither_address_nor_text(installation, state):
    store = installation.store
    write(store, "anna@example.com")
    letter = take(store)

    with store.begin() as tx:
        assert end_letter(tx, letter, "one", state, "250 2.0.0")

    assert rows(installation, "select state, status, holder, address, raw from outbox") == [
        (state.value, "250 2.0.0", None, None, None)
    ]
    assert take(store, now=NOW + LEASE) is None


def test_a_letter_that_was_put_off_is_due_then(store):
    write(store, "anna@example.com")
    letter = take(store)
    with store.begin() as tx:
        assert defer_letter(tx, letter, "one", "450 4.2.1", due_at=NOW + MINUTE)

    assert take(store, "two") is None
    again = take(store, "two", now=NOW + MINUTE)
    assert again
    assert again.attempts == 2
    assert again.raw == letter.raw, "the same message, under the same Message-ID"


def test_who_lost_a_letter_changes_nothing_of_it(installation):
    store = installation.store
    write(store, "anna@example.com")
    letter = take(store, "one")
    take(store, "two", now=NOW + LEASE)

    with store.begin() as tx:
        assert not end_letter(tx, letter, "one", LetterState.REFUSED, "550")
        assert not defer_letter(tx, letter, "one", None, due_at=NOW)

    assert rows(installation, "select state, holder from outbox") == [("waiting", "two")]


def test_of_many_at_once_each_letter_is_taken_by_one(store):
    for number in range(8):
        write(store, f"r{number}@example.com", name=f"{number:032}")
    taken: list[str] = []

    def work(holder: str) -> None:
        while letter := take(store, holder):
            taken.append(letter.address)

    threads = [threading.Thread(target=work, args=(f"h{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [f"r{number}@example.com" for number in range(8)]


def test_nobody_waits_for_a_letter_that_another_process_is_taking(lasting_house):
    clear(lasting_house)  # on PostgreSQL: the writers of SQLite take turns
    with lasting_house.opened() as here:
        write(here.store, "anna@example.com", name="a" * 32)
        write(here.store, "bo@example.net", name="b" * 32, at=NOW + MINUTE)

        with here.store.begin() as tx:
            first = take_letter(tx, "one", now=NOW + MINUTE, lease=LEASE)
            second = take(here.store, "two", now=NOW + MINUTE)

    assert [letter and letter.address for letter in (first, second)] == ["anna@example.com", "bo@example.net"]


def test_it_is_known_for_a_while_that_somebody_was_written_to(store):
    letter = write(store, "anna@example.com")
    other = write(store, "bo@example.net", at=NOW - timedelta(days=8))
    taken = take(store)
    with store.begin() as tx:
        end_letter(tx, taken, "one", LetterState.SENT, None)
        since = NOW - timedelta(days=7)
        written = [was_written(tx, who.recipient_id, ACK, since=since) for who in (letter, other)]

    assert written == [True, False]


def test_a_forgotten_letter_is_not_sent_not_even_by_who_has_it_in_hand(installation):
    store = installation.store
    written = write(store, "anna@example.com")
    write(store, "bo@example.net", name="b" * 32)
    letter = take(store)

    with store.begin() as tx:
        assert forget_letters(tx, written.recipient_id) == 1
    with store.begin() as tx:
        assert not end_letter(tx, letter, "one", LetterState.SENT, "250")

    assert sorted(rows(installation, "select state, address from outbox")) == [
        ("expired", None),
        ("waiting", "bo@example.net"),
    ]
