"""The suppressions that stand, listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailconsent.model import Channel, EventId, EventKind
from mailconsent.store import Transaction
from mailconsent.store.driver import moment, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """A suppression that stands. Whom it is about, only a digest says."""

    event_id: EventId
    #: Of a whole domain, and not of one address.
    domain: bool
    channel: Channel
    received_at: datetime
    source: str


# The kind stands in the statement, and not as a value, so that PostgreSQL knows it for the partial index's.
_STANDING = f"""
    select e.recipient_id, e.seq, r.domain_digest, r.digest, e.channel, e.received_at, e.source
    from events e join recipients r on r.id = e.recipient_id
    where e.kind = '{EventKind.SUPPRESSED.value}' and (e.recipient_id, e.seq) > (:recipient_id, :seq)
    and not exists (
        select 1 from events x where x.recipient_id = e.recipient_id and x.ends = e.seq
        and x.kind in ('{EventKind.RELEASED.value}', '{EventKind.RESTORED.value}')
    )
    order by e.recipient_id, e.seq limit :limit
    """  # noqa: S608 - made of constants
_BEGINNING = EventId(-1, 0)


def list_suppressions(tx: Transaction, *, after: EventId | None, limit: int) -> Sequence[Suppression]:
    """At most so many of the suppressions that stand, those next after this event, in the order of their ids."""
    found = rows(tx.connection, _STANDING, {**(after or _BEGINNING)._asdict(), "limit": limit})
    return [
        Suppression(
            event_id=EventId(recipient_id, seq),
            domain=domain_digest == digest,
            channel=Channel(channel),
            received_at=moment(received_at),
            source=source,
        )
        for recipient_id, seq, domain_digest, digest, channel, received_at, source in found
    ]
