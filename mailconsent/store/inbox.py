"""
Where each mailbox has been read to, who reads it, and what every message was.

The cursor is (mailbox, UIDVALIDITY, UID), RFC 9051 section 2.3.1.1: any other UIDVALIDITY starts anew. It moves in the
transaction that stored the result, and only while the lease is ours, so a worker that lost it can do no harm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import ModuleType
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, bindparam, insert, or_, select, text, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.errors import LeaseLost
from mailconsent.model import Classification
from mailconsent.store import Transaction
from mailconsent.store.driver import driver_cursor
from mailconsent.store.tables import in_utc, inbound_messages, mailboxes

#: The row of what comes through the pipe, among the mailboxes, whose names are URLs. No worker reads it.
PIPE = "pipe"
#: No server gives this one (RFC 9051 section 2.3.1.1): UIDs under it are ours.
OURS = 0
#: Letters of a reason that are kept.
LONGEST_REASON = 120


class State(StrEnum):
    """What became of a message."""

    DONE = "done"
    REVIEW = "review"  #: a human decides
    FAILED = "failed"  #: it broke us; a human looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A mailbox row as this worker holds it."""

    mailbox_id: int
    uidvalidity: int
    last_uid: int
    #: Whether it was read to its end before, under this UIDVALIDITY.
    swept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A message as it is remembered."""

    uid: int
    raw_digest: bytes
    #: None where it would not tell two requests apart, and of mail that is none of our business.
    content_digest: bytes | None
    state: State
    #: A copy of a message that was seen before: no second effect.
    copy: bool
    classification: Classification
    received_at: datetime
    #: Kept only of mail that had an effect or awaits a human.
    raw: bytes | None
    #: Until when a human is to decide; None where nobody has to.
    review_until: datetime | None = None
    #: It had an effect, and is to get a mark in the mailbox.
    unmarked: bool = False


def take_lease(tx: Transaction, name: str, holder: str, *, now: datetime, lease: timedelta) -> bool:
    """Become, or stay, the one worker that reads this mailbox; whether we are. Compare-and-set on its row."""
    tx.connection.execute(
        _dialect(tx).insert(mailboxes).values(name=name, last_uid=0).on_conflict_do_nothing(index_elements=["name"])
    )
    ours = or_(mailboxes.c.lease_holder.is_(None), mailboxes.c.lease_holder == holder, mailboxes.c.lease_until < now)
    changed = tx.connection.execute(
        update(mailboxes).where(mailboxes.c.name == name, ours).values(lease_holder=holder, lease_until=now + lease)
    )
    return changed.rowcount == 1


def release_lease(tx: Transaction, name: str, holder: str) -> None:
    """Let the next worker in at once."""
    tx.connection.execute(
        update(mailboxes)
        .where(mailboxes.c.name == name, mailboxes.c.lease_holder == holder)
        .values(lease_holder=None, lease_until=None)
    )


def read_cursor(tx: Transaction, name: str, uidvalidity: int) -> Cursor:
    """Where to read on: after UID 0 if the mailbox is new or its UIDVALIDITY is another, lower or higher."""
    row = tx.connection.execute(
        select(mailboxes.c.id, mailboxes.c.uidvalidity, mailboxes.c.last_uid, mailboxes.c.swept_uidvalidity).where(
            mailboxes.c.name == name
        )
    ).one()
    return Cursor(
        mailbox_id=row.id,
        uidvalidity=uidvalidity,
        last_uid=row.last_uid if row.uidvalidity == uidvalidity else 0,
        swept=row.swept_uidvalidity == uidvalidity,
    )


def pipe_cursor(tx: Transaction) -> Cursor:
    """Where mail from the pipe is stored. It has no lease and does not move: any number of processes write there."""
    named = select(mailboxes.c.id).where(mailboxes.c.name == PIPE)
    mailbox_id = tx.connection.execute(named).scalar()
    if mailbox_id is None:
        tx.connection.execute(_dialect(tx).insert(mailboxes).values(name=PIPE, last_uid=0).on_conflict_do_nothing())
        mailbox_id = tx.connection.execute(named).scalar_one()
    return Cursor(mailbox_id=mailbox_id, uidvalidity=OURS, last_uid=0, swept=True)


def advance(tx: Transaction, cursor: Cursor, holder: str, last_uid: int, *, lease_until: datetime) -> Cursor:
    """
    Move the cursor, prolong the lease and hold the mailbox's row until the commit. Raises `LeaseLost` if another worker
    has it now.
    """
    changed: CursorResult[Any] = tx.connection.execute(
        update(mailboxes)
        .where(mailboxes.c.id == cursor.mailbox_id, mailboxes.c.lease_holder == holder)
        .values(uidvalidity=cursor.uidvalidity, last_uid=last_uid, lease_until=lease_until)
    )
    if changed.rowcount != 1:
        raise LeaseLost
    return replace(cursor, last_uid=last_uid)


def note_sweep(tx: Transaction, name: str, uidvalidity: int, *, now: datetime) -> None:
    """The mailbox was read to its end at this time, under this UIDVALIDITY."""
    swept = {"checked_at": now, "swept_uidvalidity": uidvalidity}
    tx.connection.execute(update(mailboxes).where(mailboxes.c.name == name).values(swept))


class Sweep(NamedTuple):
    """How far the reading of a mailbox is."""

    #: When it was last read to its end; None if it never was.
    checked_at: datetime | None
    #: Until when somebody holds it, or held it before he died; None if it was let go.
    lease_until: datetime | None


def last_sweeps(tx: Transaction) -> list[Sweep]:
    """Of each mailbox that was ever read."""
    rows = tx.connection.execute(
        select(mailboxes.c.checked_at, mailboxes.c.lease_until).where(mailboxes.c.name != PIPE)
    )
    return [Sweep(*row) for row in rows]


_THERE = select(inbound_messages.c.uid).where(
    inbound_messages.c.mailbox_id == bindparam("mailbox_id"),
    inbound_messages.c.uidvalidity == bindparam("uidvalidity"),
    inbound_messages.c.uid.between(bindparam("first"), bindparam("last")),
)
_HOLD = text("select pg_advisory_xact_lock(key) from unnest(cast(:keys as bigint[])) as key")
_DIGESTS = (inbound_messages.c.raw_digest, inbound_messages.c.content_digest)
# Not one query with OR: SQLite would walk through all that it has.
_SEEN = union_all(
    *(
        select(*_DIGESTS).where(
            inbound_messages.c.content_digest.is_not(None), column.in_(bindparam("digests", expanding=True))
        )
        for column in _DIGESTS
    )
)


def hold(tx: Transaction, digests: Iterable[bytes]) -> None:
    """
    Let nobody else store a message with one of these digests until this transaction ends; who does waits.

    Else two who read the same message at the same moment would each find that it was not seen before. On SQLite only
    one writes at a time; these locks of PostgreSQL end with the transaction, so they pass through a pooler.
    """
    if tx.connection.dialect.name != "postgresql":
        return
    # In one order, so that no two wait for each other.
    keys = sorted({int.from_bytes(digest[:8], "big", signed=True) for digest in digests})
    if keys:
        tx.connection.execute(_HOLD, {"keys": keys})


def seen(tx: Transaction, digests: Sequence[bytes]) -> set[bytes]:
    """The digests, raw and of content, of messages stored before that have one of these."""
    if not digests:
        return set()
    tx.plan_anew()
    found = {digest for row in tx.connection.execute(_SEEN, {"digests": list(digests)}) for digest in row}
    tx.plan_as_usual()
    return found


def remember(tx: Transaction, cursor: Cursor, messages: Sequence[Stored], *, now: datetime) -> None:
    """Store what these messages were. One already stored under its UID stays as it is."""
    uids = [message.uid for message in messages]
    if not uids:
        return
    span = {"first": min(uids), "last": max(uids), "mailbox_id": cursor.mailbox_id, "uidvalidity": cursor.uidvalidity}
    there = set(tx.connection.execute(_THERE, span).scalars())
    rows = [_row(cursor, message, now) for message in messages if message.uid not in there]
    if rows and tx.connection.dialect.name == "postgresql":
        # A statement for each row would take twice as long.
        names = ", ".join(rows[0])
        with driver_cursor(tx.connection) as link, link.copy(f"COPY inbound_messages ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    elif rows:
        tx.connection.execute(insert(inbound_messages), rows)


def _row(cursor: Cursor, message: Stored, now: datetime) -> dict[str, object]:
    verdict = message.classification
    return {
        "mailbox_id": cursor.mailbox_id,
        "uidvalidity": cursor.uidvalidity,
        "uid": message.uid,
        "raw_digest": message.raw_digest,
        "content_digest": message.content_digest,
        "state": message.state.value,
        "copy": message.copy,
        "label": verdict.label.value,
        "detector": verdict.detector,
        # A phrase of ours with all its choices may be long, and PostgreSQL would refuse the whole batch for it.
        "reason": verdict.reason[:LONGEST_REASON],
        "confidence": verdict.confidence,
        # Here, since COPY asks no column type.
        "received_at": in_utc(message.received_at),
        "stored_at": in_utc(now),
        "review_until": message.review_until and in_utc(message.review_until),
        "raw": message.raw,
        "unmarked": message.unmarked,
    }


def _dialect(tx: Transaction) -> ModuleType:
    return postgresql if tx.connection.dialect.name == "postgresql" else sqlite
