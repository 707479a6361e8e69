"""
What was really sent: who got which mailing on which day, and on what ground.

A send keeps the ground alive on which it rested, where a country lets an unused one end: so the last one stands beside
it, in `standings.used_on` and `sales.last_sent_on`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import case, func, select

from mailconsent.model import EventId, LegalBasis, Reason
from mailconsent.store import Transaction
from mailconsent.store.driver import change, rows
from mailconsent.store.tables import recipients, sends

#: Digests per query.
CHUNK = 500

_GIVEN = {
    "sqlite": """
        select json_extract(value, '$[0]') as recipient_id, json_extract(value, '$[1]') as reason,
            json_extract(value, '$[2]') as basis, json_extract(value, '$[3]') as seq
        from json_each(:given)
        """,
    "postgresql": """
        select (value->>0)::bigint as recipient_id, value->>1 as reason, value->>2 as basis, (value->>3)::int as seq
        from json_array_elements(cast(:given as json))
        """,
}
# Sorted, so that two who record at once wait for each other in one order.
_KEEP = """
    insert into sends (recipient_id, send_id, topic, day, reason, basis, seq)
    select recipient_id, :send_id, :topic, {day}, reason, basis, seq from ({given}) given where true
    order by recipient_id on conflict do nothing returning recipient_id, basis
    """
_USE = """
    update standings set used_on = :day where topic = :topic and (used_on is null or used_on < :day)
    and digest in (select r.digest from recipients r join ({given}) given on given.recipient_id = r.id)
    """
_SOLD = """
    update sales set last_sent_on = :day where (last_sent_on is null or last_sent_on < :day)
    and digest in (select r.digest from recipients r join ({given}) given on given.recipient_id = r.id)
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """That a mailing went to a recipient, and why it might; without a basis, it might not."""

    recipient_id: int
    reason: Reason
    basis: LegalBasis | None
    #: The event that decided.
    seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A send, as it is found again."""

    send_id: str
    topic: int
    day: date
    reason: Reason
    basis: LegalBasis | None
    event_id: EventId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """The last mail to a recipient on each ground."""

    #: Topic -> the last day, as `date.toordinal` counts.
    of_consent: Mapping[int, int] = field(default_factory=dict)
    of_sale: date | None = None


def keep_sends(tx: Transaction, send_id: str, topic: int, day: date, given: Sequence[Send]) -> int:
    """Record what was sent; how many of these were not recorded yet. A repeat of a send changes nothing."""
    dialect = tx.connection.dialect.name
    statement = _KEEP.format(given=_GIVEN[dialect], day="cast(:day as date)" if dialect == "postgresql" else ":day")
    written = json.dumps([[send.recipient_id, send.reason, send.basis, send.seq] for send in given])
    told = {"given": written, "send_id": send_id, "topic": topic, "day": day.isoformat()}
    new = rows(tx.connection, statement, told)
    for basis, use in ((LegalBasis.CONSENT, _USE), (LegalBasis.SOFT_OPT_IN, _SOLD)):
        used = json.dumps([[recipient_id] for recipient_id, told_basis in new if told_basis == basis])
        if used != "[]":
            values = {"given": used, "topic": topic, "day": day.toordinal()}
            change(tx.connection, use.format(given=_GIVEN[dialect]), values)
    return len(new)


def read_sends(tx: Transaction, recipient_id: int) -> list[Sent]:
    """What was sent to a recipient, oldest first."""
    found = select(sends).where(sends.c.recipient_id == recipient_id).order_by(sends.c.day, sends.c.send_id)
    return [
        Sent(
            send_id=row.send_id,
            topic=row.topic,
            day=row.day,
            reason=Reason(row.reason),
            basis=LegalBasis(row.basis) if row.basis else None,
            event_id=EventId(recipient_id, row.seq) if row.seq is not None else None,
        )
        for row in tx.connection.execute(found)
    ]


def read_uses(tx: Transaction, recipient_id: int) -> Uses:
    """The last mail to a recipient on each ground."""
    last = (
        select(sends.c.basis, sends.c.topic, func.max(sends.c.day))
        .where(sends.c.recipient_id == recipient_id, sends.c.basis.is_not(None))
        .group_by(sends.c.basis, sends.c.topic)
    )
    found = tx.connection.execute(last).all()
    by_sale = [day for basis, _, day in found if basis == LegalBasis.SOFT_OPT_IN]
    return Uses(
        of_consent={topic: day.toordinal() for basis, topic, day in found if basis == LegalBasis.CONSENT},
        of_sale=max(by_sale, default=None),
    )


def read_uses_until(
    tx: Transaction, recipient_ids: Sequence[int], topic: int, day: date
) -> dict[int, tuple[date | None, date | None]]:
    """Recipient -> the last days up to this one on which mail rested on their consent to the topic, and on a sale."""
    of_consent = case(((sends.c.basis == LegalBasis.CONSENT.value) & (sends.c.topic == topic), sends.c.day))
    of_sale = case((sends.c.basis == LegalBasis.SOFT_OPT_IN.value, sends.c.day))
    found: dict[int, tuple[date | None, date | None]] = {}
    for start in range(0, len(recipient_ids), CHUNK):
        chunk = sends.c.recipient_id.in_(recipient_ids[start : start + CHUNK])
        last = select(sends.c.recipient_id, func.max(of_consent), func.max(of_sale)).where(chunk, sends.c.day <= day)
        rows_of = tx.connection.execute(last.group_by(sends.c.recipient_id))
        found |= {recipient_id: (consent, sale) for recipient_id, consent, sale in rows_of}
    return found


def find_recipients(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Digest -> the id of its recipient, for those there are."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), CHUNK):
        chunk = recipients.c.digest.in_(digests[start : start + CHUNK])
        rows_of = tx.connection.execute(select(recipients.c.digest, recipients.c.id).where(chunk))
        found |= {bytes(digest): recipient_id for digest, recipient_id in rows_of}
    return found
