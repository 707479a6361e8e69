"""
The append-only ledger of events, and the standings that follow from it.

Every append first locks the recipient's row; event, fold and standings follow under that lock. Without it PostgreSQL
was seen to lose a withdrawal against a consent committed at the same moment.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from sqlalchemy import bindparam, insert, select, true
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.address import domain_of, match_key, tagless_key
from mailconsent.errors import KeyMissing, StorageUnavailable
from mailconsent.facts import fold
from mailconsent.model import Channel, Event, EventId, EventKind, Evidence, Grade, UnsubscribeClaim
from mailconsent.store import Transaction
from mailconsent.store.generations import BATCH, STATE_COLUMNS, state_of
from mailconsent.store.standings import read_all, replace_all, save
from mailconsent.store.tables import events, evidence, installation, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient whose row this transaction has locked, with all that is recorded of them."""

    id: int
    digest: bytes
    events: Sequence[Event]


_COLUMNS = (recipients.c.id, recipients.c.digest)
# The state comes along, for one statement less on the way of every click.
_LOCK = (
    select(*_COLUMNS, *STATE_COLUMNS)
    .join_from(recipients, installation, true())
    .where(recipients.c.digest == bindparam("digest"))
    .with_for_update(of=recipients)
)
_EVENTS = (
    select(
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
    .where(events.c.recipient_id == bindparam("recipient_id"))
    .order_by(events.c.seq)
)
_APPEND = insert(events)
_SUPPORT = insert(evidence)


def lock_address(tx: Transaction, address: str) -> Recipient:
    """The recipient of this address, locked; made if new. The address itself is not stored. `InvalidAddress`."""
    key = match_key(address)
    found = _lock(tx, _all_digests(tx, key))
    if found:
        return found
    state = tx.settle()  # a rotation may have begun since
    found = _lock(tx, _all_digests(tx, key))
    if found:
        return found
    return _create(
        tx,
        digest=tx.digester.digest(key, state.newest),
        generation=state.newest,
        tagless_digest=tx.digester.digest(tagless_key(key), state.newest),
        domain_digest=tx.digester.digest(domain_of(key), state.newest),
    )


def lock_claim(tx: Transaction, claim: UnsubscribeClaim) -> Recipient:
    """
    The recipient of a link, locked. One we have no row of (restored from an old backup) is made: the link still works.

    Raises `KeyMissing` for a link of a newer generation than the rows may be of: finish the rotation.
    """
    found = _lock(tx, _lifted(tx, claim))
    if found:
        return found
    state = tx.settle()
    if not 1 <= claim.generation <= state.newest:
        raise KeyMissing("the database is under an older digest key than this link: run `mailconsent rotate digest`")
    found = _lock(tx, _lifted(tx, claim))
    if found:
        return found
    if claim.generation > state.oldest:
        # The recipient may stand under an older generation, to which this digest cannot be lowered: a second row for
        # one person would hide the opt-out from the first.
        raise KeyMissing("the digests are being moved to this link's key: finish `mailconsent rotate digest`")
    digest = tx.digester.nest(claim.digest, claim.generation, state.newest)
    return _create(tx, digest=digest, generation=state.newest)


def _all_digests(tx: Transaction, key: str) -> list[bytes]:
    return [tx.digester.digest(key, generation) for generation in range(1, tx.digester.generations + 1)]


def _lifted(tx: Transaction, claim: UnsubscribeClaim) -> list[bytes]:
    generations = range(claim.generation, tx.digester.generations + 1)
    return [tx.digester.nest(claim.digest, claim.generation, generation) for generation in generations]


def _lock(tx: Transaction, digests: Sequence[bytes]) -> Recipient | None:
    """
    Lock the row of one of these digests, oldest generation first: that is the way rows move in a rotation, so one that
    moves in between is not missed.
    """
    for digest in digests:
        row = tx.connection.execute(_LOCK, {"digest": digest}).first()
        if row is not None:
            tx.learn(state_of(row))
            return Recipient(id=row.id, digest=row.digest, events=read_events(tx, row.id))
    return None


def _create(tx: Transaction, *, digest: bytes, **values: Any) -> Recipient:
    """Add a recipient, or find the one whom somebody else added at this moment."""
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    # Random, so that it says nothing about the person and no counter is shared; 63 bits, as BIGINT is signed.
    new = {"id": secrets.randbits(63), "digest": digest, **values}
    tx.connection.execute(dialect.insert(recipients).values(new).on_conflict_do_nothing(index_elements=["digest"]))
    return _lock(tx, [digest]) or _lost()


def _lost() -> NoReturn:
    raise StorageUnavailable("a recipient just added is gone")


def read_events(tx: Transaction, recipient_id: int) -> list[Event]:
    """All events of one recipient, in their order of receipt."""
    return [_event(row) for row in tx.connection.execute(_EVENTS, {"recipient_id": recipient_id})]


def _event(row: Any) -> Event:
    kind, topic, channel, occurred_at, received_at, source, grade, ends, seq = row
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
    event = replace(event, seq=recipient.events[-1].seq + 1 if recipient.events else 1)
    after = [*recipient.events, event]
    tx.connection.execute(
        _APPEND,
        {
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
        },
    )
    if support.details:
        # In ASCII, so that no text of a writer (half a character, a NUL) can keep an event from being recorded.
        details = json.dumps(dict(support.details), sort_keys=True)
        tx.connection.execute(_SUPPORT, {"recipient_id": recipient.id, "seq": event.seq, "details": details})
    before = fold(recipient.id, recipient.events)
    changed = {topic: row for topic, row in fold(recipient.id, after).items() if before.get(topic) != row}
    save(tx, recipient.digest, changed)
    return EventId(recipient.id, event.seq)


def describe(tx: Transaction, recipient: Recipient, *, address: str, language: str | None) -> None:
    """Keep the address as given, to which mail goes, and the language. Erasable."""
    values = {"address": address} | ({"language": language} if language else {})
    tx.connection.execute(recipients.update().where(recipients.c.id == recipient.id).values(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A batch of recipients whose standings are the fold of their events now."""

    last: int
    seen: int
    mended: int


def rebuild_batch(tx: Transaction, *, after: int | None) -> Rebuilt | None:
    """Check the recipients next after this id, and mend what differs from the fold. None when there are no more."""
    rows = tx.connection.execute(
        select(*_COLUMNS)
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
