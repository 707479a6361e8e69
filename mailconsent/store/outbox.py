"""
Our own mail on its way out: put here in the transaction of what it tells of, and sent after the commit.

A process takes a letter for a time, sends it, and then says what became of it. One that dies in between leaves it to
the others, when that time is over. The address and the text go as soon as the letter no longer waits; the row stays a
while, so that nobody is written to too often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, insert, or_, select, true, update

from mailconsent.dossier import Answered
from mailconsent.store import Transaction
from mailconsent.store.tables import outbox, recipients


class LetterKind(StrEnum):
    """What our own mail says."""

    ACKNOWLEDGEMENT = "acknowledgement"  #: of a request in the contact inbox


class LetterState(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    SENT = "sent"  #: a mail server has it
    REFUSED = "refused"  #: the mail server takes no such letter
    EXPIRED = "expired"  #: given up: it could not be sent while it was of use


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail of ours that waits."""

    #: Whom it goes to.
    recipient_id: int
    #: Random; the Message-ID is made of it, so that it stays the same however often the letter is tried.
    id: str
    kind: LetterKind
    address: str = field(repr=False)
    raw: bytes = field(repr=False)
    created_at: datetime
    #: From then on it is of no use.
    expires_at: datetime
    #: How often it was tried, this time included.
    attempts: int = 0


def add_letter(tx: Transaction, letter: Letter) -> None:
    """Let a letter wait. Its recipient is locked."""
    row = {
        "recipient_id": letter.recipient_id,
        "id": letter.id,
        "kind": letter.kind.value,
        "state": LetterState.WAITING.value,
        "created_at": letter.created_at,
        "due_at": letter.created_at,
        "expires_at": letter.expires_at,
        "attempts": 0,
        "address": letter.address,
        "raw": letter.raw,
    }
    tx.connection.execute(insert(outbox).values(row))


def was_written(tx: Transaction, recipient_id: int, kind: LetterKind, *, since: datetime) -> bool:
    """
    Whether such a letter to a locked recipient was made since then, sent or not. All forms `name+tag@` count as one.
    """
    tagless = select(recipients.c.tagless_digest).where(recipients.c.id == recipient_id).scalar_subquery()
    forms = select(recipients.c.id).where(recipients.c.tagless_digest == tagless)
    theirs = or_(outbox.c.recipient_id == recipient_id, outbox.c.recipient_id.in_(forms))
    ours = (theirs, outbox.c.kind == kind.value, outbox.c.created_at > since)
    return bool(tx.connection.execute(select(exists().where(*ours))).scalar_one())


_WAITING = outbox.c.state == LetterState.WAITING.value


def is_due(tx: Transaction, *, now: datetime) -> bool:
    """Whether any letter may be sent now."""
    return bool(tx.connection.execute(select(exists().where(_WAITING, outbox.c.due_at <= now))).scalar_one())


def take_letter(tx: Transaction, holder: str, *, now: datetime, lease: timedelta) -> Letter | None:
    """The letter that is due longest, ours for the time of a `lease`; None if none is due that nobody else takes."""
    due = select(outbox).where(_WAITING, outbox.c.due_at <= now).order_by(outbox.c.due_at).limit(1)
    row = tx.connection.execute(due.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    attempts = row.attempts + 1
    taken = update(outbox).where(outbox.c.recipient_id == row.recipient_id, outbox.c.id == row.id)
    tx.connection.execute(taken.values(holder=holder, due_at=now + lease, attempts=attempts))
    return _letter(row, attempts)


def _letter(row: Row[Any], attempts: int) -> Letter:
    return Letter(
        recipient_id=row.recipient_id,
        id=row.id,
        kind=LetterKind(row.kind),
        address=row.address,
        raw=row.raw,
        created_at=row.created_at,
        expires_at=row.expires_at,
        attempts=attempts,
    )


def end_letter(tx: Transaction, letter: Letter, holder: str, state: LetterState, status: str | None) -> bool:
    """
    A letter that we took waits no longer; False if it is another's meanwhile, or gone. One that was sent is nobody's:
    who took it over is not to send it again.
    """
    whose = true() if state is LetterState.SENT else outbox.c.holder == holder
    return _change(tx, letter, whose, state=state.value, status=status, address=None, raw=None)


def defer_letter(tx: Transaction, letter: Letter, holder: str, status: str | None, *, due_at: datetime) -> bool:
    """A letter that we took is to be tried again; False if it is another's meanwhile, or gone."""
    return _change(tx, letter, outbox.c.holder == holder, status=status, due_at=due_at)


def _change(tx: Transaction, letter: Letter, whose: ColumnElement[bool], **values: object) -> bool:
    waiting = update(outbox).where(*_is(letter), whose, _WAITING)
    return tx.connection.execute(waiting.values(holder=None, **values)).rowcount == 1


def read_state(tx: Transaction, letter: Letter) -> LetterState | None:
    """What became of a letter; None if that is forgotten."""
    state = tx.connection.execute(select(outbox.c.state).where(*_is(letter))).scalar()
    return LetterState(state) if state else None


def _is(letter: Letter) -> tuple[ColumnElement[bool], ...]:
    return outbox.c.recipient_id == letter.recipient_id, outbox.c.id == letter.id


def read_letters(tx: Transaction, recipient_id: int) -> Sequence[Answered]:
    """Our own mail to a recipient, as far as it is remembered, oldest first."""
    theirs = select(outbox).where(outbox.c.recipient_id == recipient_id).order_by(outbox.c.created_at)
    return [
        Answered(kind=row.kind, state=row.state, made_at=row.created_at, raw=row.raw)
        for row in tx.connection.execute(theirs)
    ]


def forget_letters(tx: Transaction, recipient_id: int) -> int:
    """Forget the address and the text of what waits for a recipient, so that it is not sent; of how many."""
    theirs = update(outbox).where(outbox.c.recipient_id == recipient_id, _WAITING)
    ended = {"state": LetterState.EXPIRED.value, "holder": None, "address": None, "raw": None}
    return tx.connection.execute(theirs.values(ended)).rowcount
