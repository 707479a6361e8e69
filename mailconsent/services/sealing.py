"""
Sealing the ledger: one seal for each day that has ended, also for a day on which nothing happened.

The first seal covers all that was recorded before. An event that commits after its day was sealed is covered by the
next day's seal. It may be broken off at any time, and run by several processes at once.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from mailconsent.keyring import Purpose
from mailconsent.merkle import root
from mailconsent.seal import NO_SEAL, Seal, hash_of, sign
from mailconsent.store import Store, Transaction
from mailconsent.store.seals import (
    add_seal,
    count_leaves,
    count_unsealed,
    cover,
    hold,
    last_seal,
    leaves_of,
    read_seals,
    unsealed,
)

#: How long after a day has ended it is sealed: longer than any transaction that may hold an event of that day.
MARGIN = timedelta(hours=1)
DAY = timedelta(days=1)


def end_of(day: date) -> datetime:
    """The first moment after a day."""
    return datetime.combine(day + DAY, time(), UTC)


def seal_days(store: Store, *, now: datetime, advance: Callable[[int], None] = lambda _seen: None) -> list[Seal]:
    """Make every seal that is due, the oldest day first; those that were made. `advance` gets the events so far."""
    newest = _newest(now)
    made: list[Seal] = []
    seen = 0
    while True:
        with store.read() as tx:
            last = last_seal(tx)
        day = last.day + DAY if last else newest
        if day > newest:
            return made
        number = last.number + 1 if last else 1
        seen = _cover_day(store, number, day, seen, advance)
        if seal := _finish(store, number, day):
            made.append(seal)


def list_seals(store: Store) -> list[Seal]:
    """All seals, oldest first."""
    with store.read() as tx:
        return read_seals(tx)


def count_due(store: Store, *, now: datetime) -> int:
    """How many events `seal_days` would cover now."""
    with store.read() as tx:
        return count_unsealed(tx, end_of(_newest(now)))


def _newest(now: datetime) -> date:
    """The newest day that may be sealed."""
    return (now - MARGIN).astimezone(UTC).date() - DAY


def _cover_day(store: Store, number: int, day: date, seen: int, advance: Callable[[int], None]) -> int:
    with store.read() as reading:
        # To the end also when another process was faster: who leaves a cursor of PostgreSQL open is warned about.
        for page in unsealed(reading, end_of(day)):
            with store.begin() as tx:
                if _next_number(tx) == number:
                    cover(tx, number, page)
            seen += len(page)
            advance(seen)
    return seen


def _finish(store: Store, number: int, day: date) -> Seal | None:
    """Compute the root while others write, then add the seal; None if another process did."""
    while True:
        with store.read() as tx:
            count = count_leaves(tx, number)
            top = root(leaves_of(tx, number))
        with store.begin() as tx:
            if _next_number(tx) != number:
                return None
            if count_leaves(tx, number) == count:  # another process may have put more under it since
                return _add(tx, number, day, count, top)


def _add(tx: Transaction, number: int, day: date, count: int, top: bytes) -> Seal:
    last = last_seal(tx)
    previous = hash_of(last) if last else NO_SEAL
    seal = Seal(number=number, day=day, count=count, root=top, previous=previous, key=tx.state.signing)
    seal = replace(seal, signature=sign(seal, tx.keyring.keys(Purpose.SIGNING)))
    add_seal(tx, seal)
    return seal


def _next_number(tx: Transaction) -> int:
    hold(tx)
    last = last_seal(tx)
    return last.number + 1 if last else 1
