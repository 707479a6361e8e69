"""Batches of imported rows, and the events that they made."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.errors import Refused, UnderWay
from mailconsent.import_effect import Difference, read_difference
from mailconsent.model import Channel, Event, EventId
from mailconsent.store import Transaction
from mailconsent.store.ledger import read_all_events
from mailconsent.store.sends import find_recipients
from mailconsent.store.tables import events, imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An import, as far as it has come."""

    id: str
    #: The value of an `ImportKind`.
    kind: str
    file: bytes
    #: The last line that is done.
    line: int
    counts: Difference
    started_at: datetime
    finished_at: datetime | None
    #: From when on nothing may be added to it, and when all that it granted was ended.
    revert_started_at: datetime | None
    reverted_at: datetime | None

    def source(self, line: int) -> str:
        """The provenance of what this line makes: see `Event.source`."""
        return f"import:{self.id}/{line}"


_COLUMNS = [imports.c[name] for name in Batch.__dataclass_fields__]
_IMPORTED = (
    select(events.c.recipient_id, events.c.seq)
    .where(events.c.channel == Channel.IMPORT.value, events.c.source.in_(bindparam("sources", expanding=True)))
    .order_by(events.c.recipient_id, events.c.seq)
)


def find_batch(tx: Transaction, identity: bytes) -> Batch | None:
    """The batch of these rows, unless it was reverted."""
    row = tx.connection.execute(
        select(*_COLUMNS).where(imports.c.identity == identity, imports.c.revert_started_at.is_(None))
    ).first()
    return _batch(row) if row else None


def add_batch(tx: Transaction, kind: str, file: bytes, identity: bytes, *, now: datetime) -> Batch:
    """A new batch, or the one that somebody else adds of the same rows at this moment."""
    values = {"id": secrets.token_hex(6), "kind": kind, "file": file, "identity": identity, "line": 0}
    counts = json.dumps(Difference().as_json())
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(imports).values(**values, counts=counts, started_at=now)
    tx.connection.execute(new.on_conflict_do_nothing())
    batch = find_batch(tx, identity)
    if batch is None:
        raise UnderWay("Another process works on this batch: wait for it, and run this again.")
    return batch


def read_batch(tx: Transaction, batch_id: str) -> Batch:
    """The batch of this id. Raises `Refused` if there is none."""
    row = tx.connection.execute(select(*_COLUMNS).where(imports.c.id == batch_id)).first()
    if row is None:
        raise Refused("There is no such batch: `mailconsent import list` names them.")
    return _batch(row)


def read_batches(tx: Transaction) -> list[Batch]:
    """Every batch, newest first."""
    return [_batch(row) for row in tx.connection.execute(select(*_COLUMNS).order_by(imports.c.started_at.desc()))]


def advance(
    tx: Transaction, batch: Batch, *, line: int, counts: Difference, finished_at: datetime | None = None
) -> Batch:
    """Say that a batch has come to this line. Raises `UnderWay` if somebody else moved it on, or reverts it."""
    unmoved = (imports.c.id == batch.id, imports.c.line == batch.line, imports.c.finished_at.is_(None))
    done = tx.connection.execute(
        update(imports)
        .where(*unmoved, imports.c.revert_started_at.is_(None))
        .values(line=line, counts=json.dumps(counts.as_json()), finished_at=finished_at)
    )
    if not done.rowcount:
        raise UnderWay("Another process works on this batch: wait for it, and run this again.")
    return read_batch(tx, batch.id)


def mark_reverted(tx: Transaction, batch: Batch, *, now: datetime, wholly: bool) -> Batch:
    """From now on nothing can be added to a batch; `wholly`: all that it granted is ended."""
    values = {"revert_started_at": batch.revert_started_at or now} | ({"reverted_at": now} if wholly else {})
    tx.connection.execute(update(imports).where(imports.c.id == batch.id).values(values))
    return read_batch(tx, batch.id)


def imported_by(tx: Transaction, batch: Batch, lines: range) -> list[EventId]:
    """The events that these lines of a batch made, those of one recipient together."""
    found = tx.connection.execute(_IMPORTED, {"sources": [batch.source(line) for line in lines]})
    return [EventId(*row) for row in found]


def read_histories(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, tuple[int, list[Event]]]:
    """Digest -> the id and all events of its recipient; one that is missing in the answer has none."""
    ids = find_recipients(tx, digests)
    told = read_all_events(tx, list(ids.values())) if ids else {}
    return {digest: (recipient_id, told[recipient_id]) for digest, recipient_id in ids.items()}


def _batch(row: Any) -> Batch:
    return Batch(**dict(row._mapping) | {"counts": read_difference(row.counts), "file": bytes(row.file)})
