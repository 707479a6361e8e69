"""The append-only ledger of events, and the standings and sales that follow from it: an append writes all."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from mailconsent.facts import fold
from mailconsent.merkle import NONCE_SIZE
from mailconsent.model import Channel, Event, EventId, EventKind, Evidence, Grade, Standing
from mailconsent.soft_opt_in import sales_of
from mailconsent.store import Transaction
from mailconsent.store.driver import change, moment, rows
from mailconsent.store.generations import BATCH
from mailconsent.store.sales import read_one, replace_sales, save_sales
from mailconsent.store.standings import UPSERT_REST, read_all, replace_all, save
from mailconsent.store.tables import recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient whose row this transaction has locked, with all that is recorded of them."""

    id: int
    digest: bytes
    #: The highest `seq` that an event of theirs ever had, so that none is given twice.
    last_seq: int
    events: Sequence[Event]
    #: Opt-outs of the address without its tag that reach this one, each with the event it comes from: the first append
    #: records them.
    inherited: Sequence[tuple[EventId, Event]] = ()


#: The columns of an event, but for whose it is and its nonce.
FIELDS = ("kind", "topic", "channel", "occurred_at", "received_at", "source", "grade", "ends", "facts", "seq")
#: Of a table called `e`, as `event_of` reads them.
EVENT_COLUMNS = ", ".join(f"e.{name}" for name in FIELDS)
_EVENTS = f"select {EVENT_COLUMNS} from events e where e.recipient_id = :recipient_id order by e.seq"  # noqa: S608
_EVENT = f"select {EVENT_COLUMNS} from events e where e.recipient_id = :recipient_id and e.seq = :seq"  # noqa: S608
_VALUES = ", ".join(f":{name}" for name in FIELDS)
_RECORD = f"""
    insert into events (recipient_id, nonce, {", ".join(FIELDS)}) values (:recipient_id, :nonce, {_VALUES})
    """  # noqa: S608
_SUPPORT = "insert into evidence (recipient_id, seq, details) values (:recipient_id, :seq, :details)"
# All of it and the standings in one statement, where each costs a round trip: PostgreSQL changes data in a CTE, too.
_APPEND = f"""
    with recorded as ({_RECORD}),
    supported as (
        insert into evidence (recipient_id, seq, details)
        select :recipient_id, :seq, given.details from (select cast(:details as text) as details) given
        where given.details is not null
    )
    insert into standings (digest, topic, {", ".join(Standing._fields)})
    select :digest, s.topic, {", ".join(f"s.{name}" for name in Standing._fields)}
    from json_to_recordset(cast(:standings as json)) as s (
        topic int, recipient_id bigint, failure int, denial text, denial_event int, consent int, grade text,
        given_anew int
    ) {UPSERT_REST}
    """  # noqa: S608


def read_events(tx: Transaction, recipient_id: int) -> list[Event]:
    """All events of one recipient, in their order of receipt."""
    return [event_of(row) for row in rows(tx.connection, _EVENTS, {"recipient_id": recipient_id})]


def read_event(tx: Transaction, event_id: EventId) -> Event:
    """One event, which is there."""
    [row] = rows(tx.connection, _EVENT, event_id._asdict())
    return event_of(row)


def event_of(row: Sequence[Any]) -> Event:
    """The event in a row of the `EVENT_COLUMNS`."""
    kind, topic, channel, occurred_at, received_at, source, grade, ends, facts, seq = row
    return Event(
        kind=EventKind(kind),
        topic=topic,
        channel=Channel(channel),
        occurred_at=moment(occurred_at),
        received_at=moment(received_at),
        source=source,
        grade=Grade(grade) if grade else None,
        ends=ends,
        facts=json.loads(facts) if facts else {},
        seq=seq,
    )


def append(tx: Transaction, recipient: Recipient, event: Event, support: Evidence) -> EventId:
    """Record what happened to a locked recipient, and what follows from it; but first what they inherit."""
    for origin, no in recipient.inherited:
        facts = {**no.facts, "of": str(origin)}
        copied = replace(no, received_at=event.received_at, facts=facts, seq=recipient.last_seq + 1)
        _append(tx, recipient, copied, Evidence())
        recipient = replace(recipient, last_seq=copied.seq, events=[*recipient.events, copied])
    return _append(tx, recipient, replace(event, seq=recipient.last_seq + 1), support)


def _append(tx: Transaction, recipient: Recipient, event: Event, support: Evidence) -> EventId:
    before, after = fold(recipient.id, recipient.events), fold(recipient.id, [*recipient.events, event])
    changed = {topic: standing for topic, standing in after.items() if before.get(topic) != standing}
    # In ASCII, so that no text of a writer (half a character, a NUL) can keep an event from being recorded.
    details = json.dumps(dict(support.details), sort_keys=True) if support.details else None
    values: dict[str, object] = {
        "recipient_id": recipient.id,
        "nonce": secrets.token_bytes(NONCE_SIZE),
        "seq": event.seq,
        "kind": event.kind.value,
        "topic": event.topic,
        "channel": event.channel.value,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "source": event.source,
        "grade": event.grade.value if event.grade else None,
        "ends": event.ends,
        "facts": json.dumps(dict(event.facts), sort_keys=True) if event.facts else None,
        "details": details,
    }
    if tx.connection.dialect.name == "postgresql":
        standings = json.dumps([{"topic": topic, **standing._asdict()} for topic, standing in changed.items()])
        change(tx.connection, _APPEND, values | {"digest": recipient.digest, "standings": standings})
    else:
        change(tx.connection, _RECORD, values)
        if details:
            change(tx.connection, _SUPPORT, values)
        save(tx, recipient.digest, changed)
    # Few recipients ever bought something: for the others this is no statement.
    sold = sales_of(recipient.id, [*recipient.events, event])
    if sold and sold != sales_of(recipient.id, recipient.events):
        save_sales(tx, recipient.digest, sold)
    return EventId(recipient.id, event.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A batch of recipients whose standings and sales are what their events add up to now."""

    last: int
    seen: int
    mended: int


def rebuild_batch(tx: Transaction, *, after: int | None) -> Rebuilt | None:
    """Check the recipients next after this id, and mend what differs from the fold. None when there are no more."""
    batch = tx.connection.execute(
        select(recipients.c.id, recipients.c.digest)
        .where(recipients.c.id > (-1 if after is None else after))
        .order_by(recipients.c.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    if not batch:
        return None
    mended = 0
    for recipient_id, digest in batch:
        told = read_events(tx, recipient_id)
        right, sold = fold(recipient_id, told), sales_of(recipient_id, told)
        if read_all(tx, digest) != right or read_one(tx, digest) != sold:
            replace_all(tx, digest, right)
            replace_sales(tx, digest, sold)
            mended += 1
    return Rebuilt(last=batch[-1].id, seen=len(batch), mended=mended)
