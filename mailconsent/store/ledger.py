"""The append-only ledger of events, and the standings and sales that follow from it: an append writes all."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailconsent.facts import NOES, fold
from mailconsent.merkle import NONCE_SIZE
from mailconsent.model import Channel, Event, EventId, EventKind, Evidence, Grade
from mailconsent.soft_opt_in import sales_of
from mailconsent.store import Transaction
from mailconsent.store.driver import change, moment, rows
from mailconsent.store.journal import FACTS, Entry
from mailconsent.store.sales import save_sales
from mailconsent.store.standings import FOLDED, UPSERT_REST, save


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient whose row this transaction has locked, with all that is recorded of them."""

    id: int
    digest: bytes
    #: Of the keys that the digest is under.
    generation: int
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
_EVENTS_OF_MANY = {
    dialect: f"select e.recipient_id, {EVENT_COLUMNS} from events e where e.recipient_id in ({ids}) order by 1, e.seq"  # noqa: S608
    for dialect, ids in (
        ("sqlite", "select value from json_each(:ids)"),
        ("postgresql", "select value::bigint from json_array_elements_text(cast(:ids as json))"),
    )
}
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
    insert into standings (digest, topic, {", ".join(FOLDED)})
    select :digest, s.topic, {", ".join(f"s.{name}" for name in FOLDED)}
    from json_to_recordset(cast(:standings as json)) as s (
        topic int, recipient_id bigint, failure int, denial text, denial_event int, consent int, grade text,
        given_anew int, consent_at bigint, newer int, newer_at bigint, country text
    ) {UPSERT_REST}
    """  # noqa: S608


def read_events(tx: Transaction, recipient_id: int) -> list[Event]:
    """All events of one recipient, in their order of receipt."""
    return [event_of(row) for row in rows(tx.connection, _EVENTS, {"recipient_id": recipient_id})]


def read_all_events(tx: Transaction, recipient_ids: Sequence[int]) -> dict[int, list[Event]]:
    """All events of these recipients, each in their order of receipt."""
    found: dict[int, list[Event]] = {recipient_id: [] for recipient_id in recipient_ids}
    statement = _EVENTS_OF_MANY[tx.connection.dialect.name]
    for recipient_id, *row in rows(tx.connection, statement, {"ids": json.dumps(list(recipient_ids))}):
        found[recipient_id].append(event_of(row))
    return found


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
        copied = replace(no, received_at=event.received_at, facts=facts, ends=None, seq=recipient.last_seq + 1)
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
    if event.kind in NOES or event.kind is EventKind.OWNER_CHANGED:
        journal(tx, recipient, event, received_at=event.received_at)
    # Few recipients ever bought something: for the others this is no statement.
    sold = sales_of(recipient.id, [*recipient.events, event])
    if sold and sold != sales_of(recipient.id, recipient.events):
        save_sales(tx, recipient.digest, sold)
    return EventId(recipient.id, event.seq)


def journal(tx: Transaction, recipient: Recipient, no: Event, *, received_at: datetime) -> None:
    """
    Have a no in the journal before anything is acknowledged. Also one that stands and was said again: the line of the
    first time may not have reached the disk.
    """
    tx.journalled.append(
        Entry(
            digest=recipient.digest,
            generation=recipient.generation,
            kind=no.kind,
            topic=no.topic,
            channel=no.channel,
            occurred_at=no.occurred_at,
            received_at=received_at,
            facts={name: no.facts[name] for name in FACTS if name in no.facts},
        )
    )
