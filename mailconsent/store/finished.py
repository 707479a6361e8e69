"""
What is finished, and kept for a while from that day on: answers to API calls that may be repeated, mail of our own,
people's requests that were answered, and erasures.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, select, text, true, tuple_

from mailconsent.due import Kept
from mailconsent.store import Transaction
from mailconsent.store.holds import HELD, lock_holds
from mailconsent.store.tables import erasures, idempotency, outbox, rights_requests

#: Rows deleted in one transaction, or held in memory at a time.
PAGE = 10_000
#: When each of a kind was finished.
_FINISHED: dict[Kept, Column[Any]] = {
    Kept.ANSWER: idempotency.c.answered_at,
    # One that still waits then is of no use any more.
    Kept.LETTER: outbox.c.created_at,
    Kept.RIGHTS_REQUEST: rights_requests.c.answered_on,
    Kept.ERASURE: erasures.c.erased_at,
}


def finished(tx: Transaction, kept: Kept, before: date, *, held: bool) -> Iterator[Sequence[date]]:
    """When those finished before this day or moment were, held ones or the others, some at a time."""
    column = _FINISHED[kept]
    query = select(column).where(column < before, _of_held(column) if held else ~_of_held(column))
    yield from tx.connection.execute(query.execution_options(yield_per=PAGE)).scalars().partitions()


def forget_finished(tx: Transaction, kept: Kept, before: date) -> Sequence[date]:
    """Delete some of those finished before this day or moment, and not held, if there are any; when each was."""
    lock_holds(tx)
    column = _FINISHED[kept]
    key = list(column.table.primary_key)
    batch = select(*key).where(column < before, ~_of_held(column)).limit(PAGE)
    gone = delete(column.table).where(tuple_(*key).in_(batch)).returning(column)
    return tx.connection.execute(gone).scalars().all()


def _of_held(column: Column[Any]) -> ColumnElement[bool]:
    """Whether the row names somebody under a legal hold or a restriction."""
    recipient = column.table.c.get("recipient_id")
    if recipient is None:
        return ~true()
    return recipient.is_not(None) & recipient.in_(text(HELD).columns(recipient))
