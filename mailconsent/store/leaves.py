"""
The leaf hashes of events, and removing an event so that its leaf hash stays.

Rows are read as they are, without our enums and types: whoever tampers with a row may write anything into it, and the
event must still be named.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, text

from mailconsent.errors import Refused
from mailconsent.merkle import event_leaf
from mailconsent.model import EventId
from mailconsent.store import Transaction
from mailconsent.store.driver import change, moment
from mailconsent.store.ledger import FIELDS

#: Rows held in memory at a time.
PAGE = 2_000

_TIMES = ("occurred_at", "received_at")
#: Of a table called `e`, as `leaf_of` reads them; its `seq` under another name, as tables joined to it have one too.
LEAF_COLUMNS = ", ".join(("e.nonce", "e.seq as own_seq", *(f"e.{name}" for name in FIELDS if name != "seq")))
_ONE = f"select e.recipient_id, {LEAF_COLUMNS} from events e where e.recipient_id = :recipient_id and e.seq = :seq"  # noqa: S608
_REMOVED = """
    insert into removed (recipient_id, seq, leaf_hash, reason) values (:recipient_id, :seq, :leaf_hash, :reason)
    """


def leaf_of(row: RowMapping) -> bytes:
    """The leaf hash of the event in a row of the `LEAF_COLUMNS` and the `recipient_id`."""
    fields = {name: row[name] for name in FIELDS if name != "seq"}
    fields |= {name: read_time(row[name]) or row[name] for name in _TIMES}
    fields |= {"recipient_id": row["recipient_id"], "seq": row["own_seq"]}
    nonce = row["nonce"]
    return event_leaf(bytes(nonce) if isinstance(nonce, bytes | memoryview) else repr(nonce).encode(), fields)


def read_time(value: Any) -> datetime | None:
    """The time in a row, on both databases; None for what is no time."""
    try:
        return moment(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


def stream(tx: Transaction, statement: str, values: dict[str, object]) -> Iterator[Sequence[RowMapping]]:
    """What a query gives, a page at a time, whatever there is of it."""
    held = {name: _as_stored(tx, value) for name, value in values.items()}
    with tx.connection.execute(text(statement).execution_options(yield_per=PAGE), held) as result:
        yield from result.mappings().partitions(PAGE)


def _as_stored(tx: Transaction, value: object) -> object:
    if isinstance(value, datetime) and tx.connection.dialect.name == "sqlite":
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value


def remove_event(tx: Transaction, event: EventId, reason: str) -> None:
    """
    Remove an event and its evidence; its leaf hash and the reason stay. Raises `Refused` if there is no such event.

    The caller holds the recipient's row, and makes the standings anew.
    """
    name = {"recipient_id": event.recipient_id, "seq": event.seq}
    row = tx.connection.execute(text(_ONE), name).mappings().first()
    if row is None:
        raise Refused("There is no such event.")
    change(tx.connection, _REMOVED, {**name, "leaf_hash": leaf_of(row), "reason": reason})
    for table in ("evidence", "questions", "events"):
        change(tx.connection, f"delete from {table} where recipient_id = :recipient_id and seq = :seq", name)  # noqa: S608
