"""
Imports: many rows at once, from another system. Decision 0018.

1. A dry run shows what would change and writes nothing (`services/dry_run.py`).
2. A batch goes forward in transactions of a few hundred rows, each with the line that it has come to. The same file
   with the same options goes on with its batch after a kill, and adds nothing twice.
3. A batch can be reverted: every consent and sale of it ends, by an event that names it. What it told of people who do
   not want mail stays, unless an operator says why it was wrong.
4. Nothing that was denied for a no becomes allowed by an import, and nothing at all by a reverted one that was not
   allowed without it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from mailconsent.errors import Refused, StorageUnavailable
from mailconsent.facts import ended
from mailconsent.import_effect import Difference
from mailconsent.import_rows import BadRow, Row, Wanted
from mailconsent.model import Channel, EventKind, Evidence, ImportKind, Receipt
from mailconsent.services.import_row import do, prepare
from mailconsent.store import Store, Transaction
from mailconsent.store.imports import (
    Batch,
    add_batch,
    advance,
    find_batch,
    imported_by,
    mark_reverted,
    read_batch,
)
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_recipient

#: Rows of a transaction: on SQLite nobody else writes meanwhile.
CHUNK = 500
RETRIES = 20
#: What a batch granted, and what a revert ends without being told why.
GRANTED = frozenset({EventKind.CONSENT_GIVEN, EventKind.SALE})
_Done = TypeVar("_Done")
_Told = ParamSpec("_Told")


def open_batch(tx: Transaction, wanted: Wanted, file: bytes, *, now: datetime) -> Batch:
    """
    The batch of these rows, with this SHA-256: one that was begun or finished with the same options, or a new one.
    """
    said = [file.hex(), wanted.kind, wanted.topic, sorted(wanted.evidence.items()), wanted.partial]
    identity = hashlib.sha256(json.dumps(said).encode()).digest()
    return find_batch(tx, identity) or add_batch(tx, wanted.kind, file, identity, now=now)


def require_nobody_lost(batch: Batch, unusable: int) -> None:
    """
    Raises `Refused` where rows of a batch could not be used when it came to them and could be now, as after a change of
    the policy: it is past them, so they are not recorded.
    """
    if (usable := batch.counts.bad - unusable) > 0:
        raise Refused(
            f"{usable} rows could not be used when batch {batch.id} did them, and could be now. They are not recorded: "
            "import them in a file of their own."
        )


def apply_rows(
    tx: Transaction, batch: Batch, rows: Sequence[Row | BadRow], *, now: datetime, last: bool = False
) -> tuple[Batch, list[BadRow]]:
    """
    Do these rows, which follow those that the batch has done; the batch, and the rows that could not be done.

    Raises `UnderWay` where somebody else moved the batch on.
    """
    difference, bad = Difference(rows=len(rows)), list[BadRow]()
    for row in rows:
        deed = row if isinstance(row, BadRow) else prepare(tx, row, batch.id, now=now)
        if isinstance(deed, BadRow):
            bad.append(deed)
            continue
        do(tx, deed, difference)
    difference.bad = len(bad)
    difference.add(batch.counts)
    line = rows[-1].line if rows else batch.line
    return advance(tx, batch, line=line, counts=difference, finished_at=now if last else None), bad


def apply_all(
    store: Store, batch: Batch, chunks: Iterator[Sequence[Row | BadRow]], *, clock: Callable[[], datetime]
) -> Iterator[tuple[Batch, list[BadRow]]]:
    """Do the rows that a batch has not done yet, a chunk each step. It may be broken off at any time."""
    for chunk in chunks:
        batch, bad = _surely(store, apply_rows, batch, chunk, now=clock())
        yield batch, bad
    with store.begin() as tx:
        yield advance(tx, batch, line=batch.line, counts=batch.counts, finished_at=clock()), []


def _surely(
    store: Store, work: Callable[Concatenate[Transaction, _Told], _Done], *told: _Told.args, **named: _Told.kwargs
) -> _Done:
    # On PostgreSQL a chunk may meet the locks of another in reverse order, and one of the two is sent back.
    for _ in range(RETRIES):
        try:
            with store.begin() as tx:
                return work(tx, *told, **named)
        except StorageUnavailable as fault:
            trouble = fault
    raise trouble


def revert(store: Store, batch_id: str, reason: str | None = None) -> Iterator[tuple[Batch, int, int]]:
    """
    End all that a batch granted: (the batch, events ended so far, noes kept so far), some lines each step.

    With a reason, which becomes evidence, what the batch told of people who do not want mail is released too, as though
    it had never been imported; their own newer noes stay. May be broken off and run again. Raises `Refused` for no such
    batch, and without a reason for opt-outs.
    """
    reason = (reason or "").strip()
    with store.begin() as tx:
        batch = read_batch(tx, batch_id)
        if batch.kind == ImportKind.OPT_OUTS and not reason:
            raise Refused("These are opt-outs: say with a reason why they are none, or leave them.")
        batch = mark_reverted(tx, batch, now=datetime.now(UTC), wholly=False)
    released = kept = 0
    for first in range(1, batch.line + 1, CHUNK):
        lines = range(first, min(first + CHUNK, batch.line + 1))
        more, left = _surely(store, _revert_lines, batch, lines, reason)
        released, kept = released + more, kept + left
        yield batch, released, kept
    with store.begin() as tx:
        yield mark_reverted(tx, batch, now=datetime.now(UTC), wholly=True), released, kept


def _revert_lines(tx: Transaction, batch: Batch, lines: range, reason: str) -> tuple[int, int]:
    receipt = Receipt(
        channel=Channel.OPERATOR,
        received_at=datetime.now(UTC),
        source=f"revert:{batch.id}",
        evidence=Evidence(details={"reason": reason} if reason else {}),
    )
    released = kept = 0
    for event_id in imported_by(tx, batch, lines):
        recipient = lock_recipient(tx, event_id.recipient_id)
        known = recipient.events if recipient else ()
        event = next((event for event in known if event.seq == event_id.seq), None)
        if recipient is None or event is None or event.seq in ended(recipient.events):
            continue
        if event.kind in GRANTED or reason:
            append(tx, recipient, receipt.event(EventKind.RELEASED, event.topic, ends=event.seq), receipt.evidence)
            released += 1
        else:
            kept += 1
    return released, kept
