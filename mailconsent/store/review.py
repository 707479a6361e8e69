"""
Mail that awaits a human, and the questions that hang on it.

Who changes what hangs on a question holds the row of its recipient, so that of several mails that ask the same the last
one answered is known to be the last.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, and_, bindparam, delete, exists, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.facts import ENDERS
from mailconsent.mail_id import MailId
from mailconsent.model import Channel, EventId, EventKind, Label
from mailconsent.store import Transaction
from mailconsent.store.inbox import State
from mailconsent.store.tables import events, inbound_messages, mailboxes, questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A mail that awaits a human."""

    id: MailId
    #: The mailbox in which it lay. Often an address, so it stays out of the `repr`.
    mailbox: str = field(repr=False)
    received_at: datetime
    review_until: datetime
    #: What it was taken for, by what, and why.
    label: Label
    detector: str
    reason: str
    confidence: float
    #: The questions that its answer ends, each of one recipient whom it stopped mail to.
    questions: Sequence[EventId]


_KEY = (inbound_messages.c.mailbox_id, inbound_messages.c.uidvalidity, inbound_messages.c.uid)
_KEY_OF_QUESTION = tuple(questions.c[column.name] for column in _KEY)
_OPEN = inbound_messages.c.state != State.DONE.value
_COLUMNS = (
    *_KEY,
    mailboxes.c.name,
    inbound_messages.c.received_at,
    func.coalesce(inbound_messages.c.review_until, inbound_messages.c.stored_at).label("review_until"),
    inbound_messages.c.label,
    inbound_messages.c.detector,
    inbound_messages.c.reason,
    inbound_messages.c.confidence,
)
_WAITING = select(*_COLUMNS).join(mailboxes, mailboxes.c.id == inbound_messages.c.mailbox_id).where(_OPEN)
_HANGS_ON_ANY = (
    exists()
    .where(questions.c.recipient_id == events.c.recipient_id, questions.c.seq == events.c.seq)
    .where(*(questions.c[column.name] == column for column in _KEY), _OPEN)
)
_enders = events.alias()
_ENDED = exists().where(
    _enders.c.recipient_id == events.c.recipient_id,
    _enders.c.ends == events.c.seq,
    _enders.c.kind.in_([kind.value for kind in ENDERS]),
)
# They stand in the statements, and not as values, so that the databases know them for the partial indexes'.
_QUESTIONED: BindParameter[str] = bindparam("kind", EventKind.QUESTIONED.value, literal_execute=True)
_INBOX: BindParameter[str] = bindparam("channel", Channel.INBOX.value, literal_execute=True)
_LEFT_OVER = (
    select(events.c.recipient_id, events.c.seq, events.c.facts)
    .where(events.c.kind == _QUESTIONED, ~_ENDED, ~_HANGS_ON_ANY)
    .order_by(events.c.received_at, events.c.recipient_id, events.c.seq)
)


def list_waiting(tx: Transaction) -> Sequence[Waiting]:
    """The mails that await a human, oldest first."""
    found = tx.connection.execute(_WAITING.order_by("review_until", *_KEY)).all()
    asked: dict[MailId, list[EventId]] = {}
    if found:
        for *event, box, valid, uid in tx.connection.execute(select(questions).order_by(*questions.primary_key)):
            asked.setdefault(MailId(box, valid, uid), []).append(EventId(*event))
    return [_waiting(row, asked.get(MailId(*row[:3]), [])) for row in found]


def read_waiting(tx: Transaction, mail: MailId) -> Waiting | None:
    """A mail that awaits a human; None if it does not, or there is none."""
    found = tx.connection.execute(_WAITING.where(*_is(mail))).first()
    return _waiting(found, questions_of(tx, mail)) if found else None


def read_text(tx: Transaction, mail: MailId) -> bytes | None:
    """The whole text of a mail, where it is kept."""
    return tx.connection.execute(select(inbound_messages.c.raw).where(*_is(mail))).scalar()


def is_stored(tx: Transaction, mail: MailId) -> bool:
    """Whether this mail was ever read."""
    return tx.connection.execute(select(exists().where(*_is(mail)))).scalar_one()


def count_overdue(tx: Transaction, *, now: datetime) -> int:
    """How many mails await a human for longer than they should."""
    late = select(func.count()).select_from(inbound_messages).where(_OPEN, inbound_messages.c.review_until < now)
    return tx.connection.execute(late).scalar_one()


def hang(tx: Transaction, mail: MailId, asked: Collection[EventId]) -> None:
    """This mail asks for these events, too: questions that wait for its answer, and requests that it makes again."""
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    if asked:
        rows = [{**event._asdict(), **mail._asdict()} for event in asked]
        tx.connection.execute(dialect.insert(questions).on_conflict_do_nothing(), rows)


def unhang(tx: Transaction, mail: MailId) -> None:
    """This mail was answered, or asks for nothing."""
    tx.connection.execute(delete(questions).where(*(questions.c[n] == v for n, v in mail._asdict().items())))


def questions_of(tx: Transaction, mail: MailId) -> list[EventId]:
    """The events that this mail asks for, too, in the order in which their recipients are locked."""
    theirs = select(questions.c.recipient_id, questions.c.seq).where(
        *(questions.c[name] == value for name, value in mail._asdict().items())
    )
    return [EventId(*row) for row in tx.connection.execute(theirs.order_by("recipient_id", "seq"))]


def mails_about(tx: Transaction, recipient_id: int) -> list[MailId]:
    """The mails that ask something of this recipient besides those that made the events."""
    asking = select(*_KEY_OF_QUESTION).where(questions.c.recipient_id == recipient_id)
    return [MailId(*row) for row in tx.connection.execute(asking.distinct())]


def asking_again(tx: Transaction, event: EventId) -> list[MailId]:
    """The mails that ask for this event, too."""
    asking = select(*_KEY_OF_QUESTION).where(
        questions.c.recipient_id == event.recipient_id, questions.c.seq == event.seq
    )
    return [MailId(*row) for row in tx.connection.execute(asking.order_by(*_KEY_OF_QUESTION))]


def awaits_mail(tx: Transaction, question: EventId) -> bool:
    """Whether a mail that awaits a human asks this question."""
    asking = (
        select(*_KEY)
        .join(questions, and_(*(questions.c[column.name] == column for column in _KEY)))
        .where(_OPEN, questions.c.recipient_id == question.recipient_id, questions.c.seq == question.seq)
    )
    return tx.connection.execute(asking.limit(1)).first() is not None


def left_over(tx: Transaction) -> Sequence[EventId]:
    """
    The open questions of which no mail awaits a human: replayed from a journal, say. Of those that reached the tagged
    forms of an address, the first.
    """
    found = tx.connection.execute(_LEFT_OVER)
    return [EventId(row.recipient_id, row.seq) for row in found if "of" not in json.loads(row.facts or "{}")]


def events_of(tx: Transaction, mail: MailId) -> list[EventId]:
    """The events that a mail made, in the order in which their recipients are locked."""
    made = (
        select(events.c.recipient_id, events.c.seq)
        .where(events.c.channel == _INBOX, events.c.source == mail.source)
        .order_by(events.c.recipient_id, events.c.seq)
    )
    return [EventId(*row) for row in tx.connection.execute(made)]


def settle(tx: Transaction, mail: MailId, *, label: Label | None = None, keep_text: bool) -> bool:
    """
    Take a mail from the queue; whether it was there. `label` where it turned out to be something else than it was taken
    for.
    """
    change: dict[str, Any] = {"state": State.DONE.value, "review_until": None}
    if label:
        change["label"] = label.value
    if not keep_text:
        change["raw"] = null()
    return tx.connection.execute(update(inbound_messages).where(*_is(mail), _OPEN).values(**change)).rowcount == 1


def _is(mail: MailId) -> list[Any]:
    return [column == part for column, part in zip(_KEY, mail, strict=True)]


def _waiting(row: Row[*tuple[Any, ...]], asked: Sequence[EventId]) -> Waiting:
    return Waiting(
        id=MailId(row.mailbox_id, row.uidvalidity, row.uid),
        mailbox=row.name,
        received_at=row.received_at,
        review_until=row.review_until,
        label=Label(row.label),
        detector=row.detector,
        reason=row.reason,
        confidence=row.confidence,
        questions=asked,
    )
