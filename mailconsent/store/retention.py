"""
Deleting what is due: looking through everything page by page, then a few recipients a transaction under their locks.

Whatever is deleted here is gone from the database file, too: see `tidy`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, or_, select, text, tuple_, update

from mailconsent.mail_id import MailId
from mailconsent.model import Event, EventId, LegalBasis
from mailconsent.store import Store, Transaction
from mailconsent.store.driver import change, rows
from mailconsent.store.engine import WAIT, translated
from mailconsent.store.holds import HELD, lock_holds
from mailconsent.store.inbox import State
from mailconsent.store.leaves import remove_event
from mailconsent.store.ledger import EVENT_COLUMNS, event_of
from mailconsent.store.tables import inbound_messages, metadata, recipients, sends, standings

#: Recipients, or mails, looked at in one query.
PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """That something was sent."""

    send_id: str
    day: date
    #: The event that it rested on, where nothing newer was sent about the topic on the same basis: it may keep that
    #: ground alive.
    last_of: int | None


#: Basis -> the last day of what was sent that may be due; without a day, none is.
Days = Mapping[LegalBasis | None, date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is kept of one recipient."""

    id: int
    digest: bytes
    #: Whether the address or the language is kept.
    described: bool
    events: Sequence[Event]
    #: The events, by their `seq`, that have evidence.
    supported: frozenset[int]
    #: What was sent up to the days asked for.
    sends: Sequence[Sending]
    #: Topic -> the last day on which mail rested on a consent to it.
    used_on: Mapping[int, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that was dealt with, and of which the text is kept."""

    place: MailId
    label: str
    received_at: datetime
    stored_at: datetime


_DESCRIBED = recipients.c.address.is_not(None) | recipients.c.language.is_not(None)
_WHO = select(recipients.c.id, recipients.c.digest, _DESCRIBED.label("described"))
_EVENTS = f"""
    select e.recipient_id, v.seq is not null, {EVENT_COLUMNS} from events e
    left join evidence v on v.recipient_id = e.recipient_id and v.seq = e.seq
    where e.recipient_id between :first and :last order by e.recipient_id, e.seq
    """  # noqa: S608 - made of constants
_newer = sends.alias()
_IS_LAST = ~exists().where(
    _newer.c.recipient_id == sends.c.recipient_id,
    _newer.c.topic == sends.c.topic,
    _newer.c.basis == sends.c.basis,
    tuple_(_newer.c.day, _newer.c.send_id) > tuple_(sends.c.day, sends.c.send_id),
)
_SENDS = select(
    sends.c.recipient_id, sends.c.send_id, sends.c.day, case((sends.c.basis.is_not(None) & _IS_LAST, sends.c.seq))
)
_USED = select(standings.c.digest, standings.c.topic, standings.c.used_on).where(standings.c.used_on.is_not(None))


def page_of_recipients(tx: Transaction, days: Days, *, after: int | None) -> Sequence[Known]:
    """The recipients next after this id, as they are now."""
    page = tx.connection.execute(
        _WHO.where(recipients.c.id > (-1 if after is None else after)).order_by(recipients.c.id).limit(PAGE)
    ).all()
    return _known(tx, page, days) if page else []


def lock_recipients(tx: Transaction, ids: Collection[int], days: Days) -> Sequence[Known]:
    """
    Lock these recipients, but for those whom somebody else has locked: who waits for nobody cannot be in the way of
    who waits for us.
    """
    rows_of = _WHO.where(recipients.c.id.in_(ids)).order_by(recipients.c.id).with_for_update(skip_locked=True)
    # One at a time: their events lie far apart. Asked for after the lock, so as they are under it.
    return [known for row in tx.connection.execute(rows_of).all() for known in _known(tx, [row], days)]


def _known(tx: Transaction, page: Sequence[Any], days: Days) -> list[Known]:
    first, last = page[0].id, page[-1].id
    events: dict[int, list[Event]] = {}
    supported: dict[int, set[int]] = {}
    for recipient_id, has_evidence, *columns in rows(tx.connection, _EVENTS, {"first": first, "last": last}):
        event = event_of(columns)
        events.setdefault(recipient_id, []).append(event)
        if has_evidence:
            supported.setdefault(recipient_id, set()).add(event.seq)
    sent = _sends(tx, first, last, days)
    used = _used(tx, [row.digest for row in page])
    return [
        Known(
            id=row.id,
            digest=row.digest,
            described=bool(row.described),
            events=events.get(row.id, []),
            supported=frozenset(supported.get(row.id, ())),
            sends=sent.get(row.id, []),
            used_on=used.get(bytes(row.digest), {}),
        )
        for row in page
    ]


def _sends(tx: Transaction, first: int, last: int, days: Days) -> dict[int, list[Sending]]:
    over = [
        (sends.c.basis == basis if basis else sends.c.basis.is_(None)) & (sends.c.day <= day)
        for basis, day in days.items()
        if day
    ]
    found: dict[int, list[Sending]] = {}
    if over:
        query = _SENDS.where(sends.c.recipient_id.between(first, last), or_(*over)).order_by(*sends.primary_key)
        for recipient_id, send_id, day, last_of in tx.connection.execute(query):
            found.setdefault(recipient_id, []).append(Sending(send_id=send_id, day=day, last_of=last_of))
    return found


def _used(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, dict[int, date]]:
    found: dict[bytes, dict[int, date]] = {}
    for digest, topic, used_on in tx.connection.execute(_USED.where(standings.c.digest.in_(digests))):
        found.setdefault(bytes(digest), {})[topic] = date.fromordinal(used_on)
    return found


def remove(tx: Transaction, known: Known, seqs: Collection[int], reason: str) -> None:
    """Remove events of a locked recipient."""
    for seq in sorted(seqs):
        remove_event(tx, EventId(known.id, seq), reason)


def remove_sends(tx: Transaction, recipient_id: int, send_ids: Collection[str]) -> None:
    """Remove what was sent to a locked recipient."""
    tx.connection.execute(
        sends.delete().where(sends.c.recipient_id == recipient_id, sends.c.send_id == bindparam("of_send")),
        [{"of_send": send_id} for send_id in send_ids],
    )


def remove_evidence(tx: Transaction, event: EventId) -> None:
    """Remove what supports an event that stays."""
    change(tx.connection, "delete from evidence where recipient_id = :recipient_id and seq = :seq", event._asdict())


def remove_description(tx: Transaction, recipient_id: int) -> None:
    """Remove the address as given, and the language."""
    tx.connection.execute(update(recipients).where(recipients.c.id == recipient_id).values(address=None, language=None))


#: What is left of events that are gone, or follows from those that are there.
_NO_RECORD = frozenset(("removed", "sealed", "standings", "sales", "erasures"))


def remove_recipient(tx: Transaction, recipient_id: int) -> bool:
    """Remove the digest of a locked recipient whom no record names any more; whether it went."""
    for table in metadata.sorted_tables:
        if table.name not in _NO_RECORD and "recipient_id" in table.c:
            named = select(exists().where(table.c.recipient_id == recipient_id))
            if tx.connection.execute(named).scalar_one():
                return False
    tx.connection.execute(recipients.delete().where(recipients.c.id == recipient_id))
    return True


_PLACE = (inbound_messages.c.mailbox_id, inbound_messages.c.uidvalidity, inbound_messages.c.uid)
_KEPT_MAIL = inbound_messages.c.raw.is_not(None)
_MAIL = (
    select(*_PLACE, inbound_messages.c.label, inbound_messages.c.received_at, inbound_messages.c.stored_at)
    .where(_KEPT_MAIL, inbound_messages.c.state == State.DONE.value)
    .order_by(inbound_messages.c.stored_at, *_PLACE)
    .limit(PAGE)
)


def page_of_mail(tx: Transaction, *, after: Mail | None) -> Sequence[Mail]:
    """The mails next after this one that were dealt with, and of which the text is kept."""
    query = _MAIL
    if after:
        query = query.where(tuple_(inbound_messages.c.stored_at, *_PLACE) > (after.stored_at, *after.place))
    return [
        Mail(place=MailId(box, valid, uid), label=label, received_at=received, stored_at=stored)
        for box, valid, uid, label, received, stored in tx.connection.execute(query)
    ]


_HELD_MAIL = text(f"""
    select distinct e.source from events e
    where e.source like 'mail:%' and e.recipient_id <> :but_of and e.recipient_id in ({HELD})
    union select 'mail:' || q.mailbox_id || '/' || q.uidvalidity || '/' || q.uid from questions q
    where q.recipient_id <> :but_of and q.recipient_id in ({HELD})
    """)  # noqa: S608 - made of constants
#: No recipient's id.
NOBODY = -1


def held_mail(tx: Transaction, *, locked: bool, but_of: int = NOBODY) -> frozenset[MailId]:
    """
    The mails that made, or still ask, something of somebody under a legal hold or a restriction, but of this recipient;
    `locked` if no hold may be placed or ended until the transaction ends.
    """
    if locked:
        lock_holds(tx)
    sources = tx.connection.execute(_HELD_MAIL, {"but_of": but_of}).scalars()
    return frozenset(mail for source in sources if (mail := MailId.of_source(source)))


_FORGET_MAIL = (
    update(inbound_messages).where(*(column == bindparam(f"of_{column.name}") for column in _PLACE)).values(raw=None)
)


def remove_mail(tx: Transaction, places: Collection[MailId]) -> None:
    """Remove the text of these mails; what each was stays."""
    names = [f"of_{column.name}" for column in _PLACE]
    if places:
        tx.connection.execute(_FORGET_MAIL, [dict(zip(names, place, strict=True)) for place in places])


_VACUUM = "vacuum events, evidence, recipients, sends, standings, sales, inbound_messages, idempotency, outbox"
#: Milliseconds for which writers may have to wait for the emptying of SQLite's log.
_BUSY = 200
#: Bytes of the largest SQLite file that is written anew: writers wait meanwhile, and must not give up.
_LARGEST = 2**30


def tidy(store: Store) -> bool:
    """
    Give what was deleted back to the disk; whether all of it went. It does not while somebody still reads what was
    there before, and of a SQLite file beyond 1 GiB: then the next run sees to it, or the operator.
    """
    with store.queue_turn(), translated(), store.engine.connect() as connection:
        if not store.is_sqlite:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(_VACUUM)
            return True
        connection.exec_driver_sql(f"pragma busy_timeout={_BUSY}")
        try:
            return _tidy_sqlite(connection)
        finally:
            connection.exec_driver_sql(f"pragma busy_timeout={WAIT * 1000}")


def _tidy_sqlite(connection: Connection) -> bool:
    """
    `secure_delete` overwrites what is deleted, but a page that was divided before keeps copies of rows that moved away:
    only a file written anew is sure to hold none. The log holds what was there before until it is emptied.
    """
    pages, size = (connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in ("page_count", "page_size"))
    small = pages * size <= _LARGEST
    if small:
        connection.exec_driver_sql("vacuum")
    busy = connection.exec_driver_sql("pragma wal_checkpoint(truncate)").scalar_one()
    return small and not busy
