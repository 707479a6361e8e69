"""
Seals and what they cover.

A seal is made in steps, so that no writer waits for long: leaf hashes are written under the number of the next seal, a
page each transaction, and the row of the seal comes last. Until then there is no seal of that number, and whoever seals
next goes on with what is there. Nothing here is ever changed or removed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, text

from mailconsent.model import EventId
from mailconsent.seal import Seal
from mailconsent.store import Transaction
from mailconsent.store.driver import driver_cursor
from mailconsent.store.leaves import LEAF_COLUMNS, leaf_of, read_time, stream
from mailconsent.store.tables import sealed, seals

#: An event, and its leaf hash.
Leaf = tuple[EventId, bytes]

_OF_EVENT = "s.recipient_id = e.recipient_id and s.seq = e.seq"
_UNSEALED_ROWS = f"from events e left join sealed s on {_OF_EVENT} where s.seal is null and e.received_at < :before"
_UNSEALED = f"select e.recipient_id, {LEAF_COLUMNS} {_UNSEALED_ROWS}"
# Removed before any seal covered it: its leaf hash is all there is, and from now on it can't be changed.
_UNSEALED_REMOVED = """
    select r.recipient_id, r.seq as own_seq, r.leaf_hash from removed r
    left join sealed s on s.recipient_id = r.recipient_id and s.seq = r.seq
    left join events e on e.recipient_id = r.recipient_id and e.seq = r.seq
    where s.seal is null and e.seq is null
    """
_COVER = "insert into sealed (recipient_id, seq, seal, leaf_hash) values ({}) on conflict do nothing"
_LEAVES = "select s.leaf_hash from sealed s where s.seal = :number order by s.leaf_hash"
_COVERED = f"""
    select s.recipient_id, s.seq as sealed_seq, s.leaf_hash as sealed_hash, r.leaf_hash as removed_hash, {LEAF_COLUMNS}
    from sealed s
    left join events e on {_OF_EVENT}
    left join removed r on r.recipient_id = s.recipient_id and r.seq = s.seq
    where s.seal = :number order by s.leaf_hash
    """  # noqa: S608
_OLD_UNSEALED = f"""
    select e.recipient_id, e.seq from events e left join sealed s on {_OF_EVENT}
    where (s.seal is null or s.seal > :last) and e.received_at < :before
    order by e.recipient_id, e.seq limit 1
    """  # noqa: S608


# A recipient's row counts their events, so each number up to its own is there, or was removed.
_GAP = """
    select r.id, r.last_seq from recipients r
    where r.last_seq <> (select count(*) from events e where e.recipient_id = r.id)
    + (select count(*) from removed m where m.recipient_id = r.id and not exists (
        select 1 from events e where e.recipient_id = m.recipient_id and e.seq = m.seq
    ))
    order by r.id limit 1
    """
_SEQS = "select seq from events where recipient_id = :id union select seq from removed where recipient_id = :id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What is under a seal, and what became of it."""

    event: EventId
    #: The leaf hash that was sealed.
    leaf: bytes
    #: The leaf hash of the event as it is now; none where it is gone.
    now: bytes | None
    received_at: datetime | None
    #: The leaf hash that was written down when the event was removed.
    removed: bytes | None


def read_seals(tx: Transaction) -> list[Seal]:
    """All seals, in the order of their numbers: one for each day."""
    return [Seal(**row) for row in tx.connection.execute(select(seals).order_by(seals.c.number)).mappings()]


def last_seal(tx: Transaction) -> Seal | None:
    """The newest seal."""
    row = tx.connection.execute(select(seals).order_by(seals.c.number.desc()).limit(1)).mappings().first()
    return Seal(**row) if row else None


def hold(tx: Transaction) -> None:
    """Until this transaction ends, nobody else adds to the seals. Everybody can read them."""
    # SQLite's writer has the whole file.
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("lock table seals in exclusive mode"))


def unsealed(tx: Transaction, before: datetime) -> Iterator[Sequence[Leaf]]:
    """What no seal covers of the events received before this moment, and of the removed ones; a page at a time."""
    for page in stream(tx, _UNSEALED, {"before": before}):
        yield [(EventId(row["recipient_id"], row["own_seq"]), leaf_of(row)) for row in page]
    for page in stream(tx, _UNSEALED_REMOVED, {}):
        yield [(EventId(row["recipient_id"], row["own_seq"]), bytes(row["leaf_hash"])) for row in page]


def count_unsealed(tx: Transaction, before: datetime) -> int:
    """How many of the events received before this moment no seal covers."""
    query = f"select count(*) as number {_UNSEALED_ROWS}"
    return next(int(page[0]["number"]) for page in stream(tx, query, {"before": before}))


def cover(tx: Transaction, number: int, leaves: Sequence[Leaf]) -> None:
    """Put these under the seal of this number, which is being made."""
    mark = "?, ?, ?, ?" if tx.connection.dialect.name == "sqlite" else "%s, %s, %s, %s"
    with driver_cursor(tx.connection) as cursor:
        cursor.executemany(_COVER.format(mark), [(*event, number, leaf) for event, leaf in leaves])


def leaves_of(tx: Transaction, number: int) -> Iterator[bytes]:
    """The leaf hashes under a seal, in order."""
    for page in stream(tx, _LEAVES, {"number": number}):
        yield from (bytes(row["leaf_hash"]) for row in page)


def covered(tx: Transaction, number: int) -> Iterator[Sequence[Covered]]:
    """All that is under a seal, in the order of the leaf hashes; a page at a time."""
    for page in stream(tx, _COVERED, {"number": number}):
        yield [
            Covered(
                event=EventId(row["recipient_id"], row["sealed_seq"]),
                leaf=bytes(row["sealed_hash"]),
                now=leaf_of(row) if row["own_seq"] is not None else None,
                received_at=read_time(row["received_at"]),
                removed=row["removed_hash"] and bytes(row["removed_hash"]),
            )
            for row in page
        ]


def count_leaves(tx: Transaction, number: int) -> int:
    """How many leaf hashes are under a seal."""
    return tx.connection.execute(select(func.count()).where(sealed.c.seal == number)).scalar_one()


def add_seal(tx: Transaction, seal: Seal) -> None:
    """Add a seal after the last one."""
    values = {name: getattr(seal, name) for name in Seal.__dataclass_fields__}
    tx.connection.execute(insert(seals).values(values))


def count_sealed(tx: Transaction) -> int:
    """How many leaf hashes there are."""
    return tx.connection.execute(select(func.count()).select_from(sealed)).scalar_one()


def stray_seal(tx: Transaction, last: int) -> int | None:
    """The number of a seal that leaf hashes name, and that is neither there nor the one being made."""
    strays = select(func.min(sealed.c.seal)).where((sealed.c.seal < 1) | (sealed.c.seal > last + 1))
    number: int | None = tx.connection.execute(strays).scalar_one()
    return number


def old_unsealed(tx: Transaction, last: int, before: datetime) -> EventId | None:
    """The first event received before this moment that no seal up to the last covers."""
    for page in stream(tx, _OLD_UNSEALED, {"last": last, "before": before}):
        return EventId(page[0]["recipient_id"], page[0]["seq"])
    return None


def gap_of(tx: Transaction) -> EventId | None:
    """The first event, sealed or not, that its recipient's row counts, and that is neither there nor removed."""
    found = tx.connection.execute(text(_GAP)).first()
    if found is None:
        return None
    recipient_id, last_seq = found
    seqs = {seq for (seq,) in tx.connection.execute(text(_SEQS), {"id": recipient_id})}
    missing = (seq for seq in range(1, last_seq + 1) if seq not in seqs)
    return EventId(recipient_id, next(missing, last_seq))
