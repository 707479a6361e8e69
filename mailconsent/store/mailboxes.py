"""
Where each mailbox has been read to, and who reads it.

The cursor is (mailbox, UIDVALIDITY, UID), RFC 9051 section 2.3.1.1: any other UIDVALIDITY starts anew. It moves in the
transaction that stores the messages, and only while the lease is ours, so a worker that lost it can do no harm.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.errors import LeaseLost
from mailconsent.store import Transaction
from mailconsent.store.tables import mailboxes

#: The row of what comes through the pipe, among the mailboxes, whose names are URLs. No worker reads it.
PIPE = "pipe"
#: No server gives this one (RFC 9051 section 2.3.1.1): UIDs under it are ours.
OURS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A mailbox row as this worker holds it."""

    mailbox_id: int
    uidvalidity: int
    last_uid: int
    #: Whether it was read to its end before, under this UIDVALIDITY.
    swept: bool


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


def _dialect(tx: Transaction) -> ModuleType:
    return postgresql if tx.connection.dialect.name == "postgresql" else sqlite
