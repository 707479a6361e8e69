"""The append-only ledger of events, and the standings that follow from it: an append writes both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, insert, select, text, update

from mailconsent.facts import fold
from mailconsent.model import Channel, Event, EventId, EventKind, Evidence, Grade, Standing
from mailconsent.store import Transaction
from mailconsent.store.generations import BATCH
from mailconsent.store.standings import read_all, replace_all, save
from mailconsent.store.tables import UtcDateTime, events, evidence, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient whose row this transaction has locked, with all that is recorded of them."""

    id: int
    digest: bytes
    #: The highest `seq` that an event of theirs ever had, so that none is given twice.
    last_seq: int
    events: Sequence[Event]


EVENT_COLUMNS = (
    events.c.kind,
    events.c.topic,
    events.c.channel,
    events.c.occurred_at,
    events.c.received_at,
    events.c.source,
    events.c.grade,
    events.c.ends,
    events.c.seq,
)
_EVENTS = select(*EVENT_COLUMNS).where(events.c.recipient_id == bindparam("recipient_id")).order_by(events.c.seq)

_COUNT = update(recipients).where(recipients.c.id == bindparam("recipient_id")).values(last_seq=bindparam("seq"))
_RECORD = insert(events)
_SUPPORT = insert(evidence)
# The same and the standings in one statement, where each costs a round trip: PostgreSQL changes data in a CTE, too.
_APPEND = text(
    f"""
    with counted as (update recipients set last_seq = :seq where id = :recipient_id),
    recorded as (
        insert into events (recipient_id, seq, kind, topic, channel, occurred_at, received_at, source, grade, ends)
        values (:recipient_id, :seq, :kind, :topic, :channel, :occurred_at, :received_at, :source, :grade, :ends)
    ),
    supported as (
        insert into evidence (recipient_id, seq, details)
        select :recipient_id, :seq, given.details from (select cast(:details as text) as details) given
        where given.details is not null
    )
    insert into standings (digest, topic, {", ".join(Standing._fields)})
    select :digest, s.topic, {", ".join(f"s.{name}" for name in Standing._fields)}
    from json_to_recordset(cast(:standings as json)) as s (
        topic int, recipient_id bigint, failure int, denial text, denial_event int, consent int, grade text
    )
    on conflict (digest, topic) do update set {", ".join(f"{name} = excluded.{name}" for name in Standing._fields)}
    """  # noqa: S608 - made of constants
).bindparams(bindparam("occurred_at", type_=UtcDateTime()), bindparam("received_at", type_=UtcDateTime()))


def read_events(tx: Transaction, recipient_id: int) -> list[Event]:
    """All events of one recipient, in their order of receipt."""
    return [event_of(row) for row in tx.connection.execute(_EVENTS, {"recipient_id": recipient_id})]


def event_of(row: Any) -> Event:
    """The event in a row that begins with the `EVENT_COLUMNS`."""
    kind, topic, channel, occurred_at, received_at, source, grade, ends, seq, *_ = row
    return Event(
        kind=EventKind(kind),
        topic=topic,
        channel=Channel(channel),
        occurred_at=occurred_at,
        received_at=received_at,
        source=source,
        grade=Grade(grade) if grade else None,
        ends=ends,
        seq=seq,
    )


def append(tx: Transaction, recipient: Recipient, event: Event, support: Evidence) -> EventId:
    """Record what happened to a locked recipient, and what follows from it."""
    event = replace(event, seq=recipient.last_seq + 1)
    before, after = fold(recipient.id, recipient.events), fold(recipient.id, [*recipient.events, event])
    changed = {topic: standing for topic, standing in after.items() if before.get(topic) != standing}
    # In ASCII, so that no text of a writer (half a character, a NUL) can keep an event from being recorded.
    details = json.dumps(dict(support.details), sort_keys=True) if support.details else None
    values = {
        "recipient_id": recipient.id,
        "seq": event.seq,
        "kind": event.kind.value,
        "topic": event.topic,
        "channel": event.channel.value,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "source": event.source,
        "grade": event.grade.value if event.grade else None,
        "ends": event.ends,
    }
    if tx.connection.dialect.name == "postgresql":
        rows = json.dumps([{"topic": topic, **standing._asdict()} for topic, standing in changed.items()])
        both = {"details": details, "digest": recipient.digest, "standings": rows}
        tx.connection.execute(_APPEND, values | both)
    else:
        _append_step_by_step(tx, values, details)
        save(tx, recipient.digest, changed)
    return EventId(recipient.id, event.seq)


def _append_step_by_step(tx: Transaction, event: Mapping[str, object], details: str | None) -> None:
    name = {"recipient_id": event["recipient_id"], "seq": event["seq"]}
    tx.connection.execute(_COUNT, name)
    tx.connection.execute(_RECORD, event)
    if details:
        tx.connection.execute(_SUPPORT, name | {"details": details})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A batch of recipients whose standings are the fold of their events now."""

    last: int
    seen: int
    mended: int


def rebuild_batch(tx: Transaction, *, after: int | None) -> Rebuilt | None:
    """Check the recipients next after this id, and mend what differs from the fold. None when there are no more."""
    rows = tx.connection.execute(
        select(recipients.c.id, recipients.c.digest)
        .where(recipients.c.id > (-1 if after is None else after))
        .order_by(recipients.c.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    if not rows:
        return None
    mended = 0
    for recipient_id, digest in rows:
        right = fold(recipient_id, read_events(tx, recipient_id))
        if read_all(tx, digest) != right:
            replace_all(tx, digest, right)
            mended += 1
    return Rebuilt(last=rows[-1].id, seen=len(rows), mended=mended)
