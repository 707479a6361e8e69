"""
Legal holds: whose records are not deleted yet, because a claim is to be made, exercised or defended (GDPR Article
17(3)(e)), or an authority asked for them.

A hold is of a named person, or of a claim: then of everyone of whom an event has that reference as its `source`. It
blocks deletion and nothing else: no hold makes anyone mailable, and none keeps a withdrawal out.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import insert, select, text, update

from mailconsent.store import Transaction
from mailconsent.store.driver import rows
from mailconsent.store.tables import events, legal_holds


class HoldReason(StrEnum):
    """Why records must outlive their term."""

    LEGAL_CLAIM = "legal_claim"  #: a dispute with this person, or about this claim
    AUTHORITY = "authority"  #: an authority or a court asked for the records


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One legal hold."""

    id: str
    #: Whose records it keeps; None for that of a claim.
    recipient_id: int | None
    #: The reference of the claim, as it stands in the events' `source`.
    claim: str | None
    reason: HoldReason
    placed_at: datetime
    #: The last day, in the company's time zone, by which a human looks whether it is still needed.
    review_by: date
    ended_at: datetime | None = None


_HELD = """
    select 1 from legal_holds h where h.ended_at is null and (h.recipient_id = :recipient_id or h.claim in (
        select e.source from events e where e.recipient_id = :recipient_id
    )) limit 1
    """

#: Everybody under a legal hold, or a restriction that stands: as `rights.restriction` has it.
HELD = """
    select h.recipient_id from legal_holds h where h.ended_at is null and h.recipient_id is not null
    union select c.recipient_id from legal_holds h join events c on c.source = h.claim where h.ended_at is null
    union select r.recipient_id from events r
    where r.kind = 'suppressed' and r.facts like '%"why": "restriction"%' and not exists (
        select 1 from events x where x.recipient_id = r.recipient_id and x.kind = 'released' and x.ends = r.seq
    )
    """


def held(tx: Transaction, recipient_id: int) -> bool:
    """
    Whether nothing of this recipient may be deleted now. Until this transaction ends, no hold is placed or ended.

    Ask after every row that the transaction locks is locked: who places a hold locks in that order.
    """
    lock_holds(tx)
    return seems_held(tx, recipient_id)


def lock_holds(tx: Transaction) -> None:
    """Until this transaction ends, no hold is placed or ended: none is acknowledged between a look and a deletion."""
    # SQLite's writer has the whole file.
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("lock table legal_holds in share mode"))


def seems_held(tx: Transaction, recipient_id: int) -> bool:
    """As `held`, for who deletes nothing: a hold may be placed or ended at any moment."""
    return bool(rows(tx.connection, _HELD, {"recipient_id": recipient_id}))


def add_hold(tx: Transaction, hold: Hold) -> None:
    """Place a hold. It counts from the commit on."""
    values = {name: getattr(hold, name) for name in Hold.__dataclass_fields__}
    tx.connection.execute(insert(legal_holds).values(values | {"reason": hold.reason.value}))


def new_id() -> str:
    """A name for a hold: it says nothing about the person."""
    return secrets.token_hex(6)


def end(tx: Transaction, hold_id: str, *, now: datetime) -> bool:
    """End a hold; whether there was one to end."""
    standing = update(legal_holds).where(legal_holds.c.id == hold_id, legal_holds.c.ended_at.is_(None))
    return tx.connection.execute(standing.values(ended_at=now)).rowcount == 1


def read_holds(tx: Transaction) -> Sequence[Hold]:
    """Every hold that stands, the one to be reviewed first at the top; then those that ended."""
    order = (legal_holds.c.ended_at.is_not(None), legal_holds.c.review_by, legal_holds.c.id)
    found = tx.connection.execute(select(legal_holds).order_by(*order)).mappings()
    return [Hold(**{**row, "reason": HoldReason(row["reason"])}) for row in found]


def is_referred_to(tx: Transaction, claim: str) -> bool:
    """Whether any event has this reference as its source."""
    return tx.connection.execute(select(events.c.seq).where(events.c.source == claim).limit(1)).first() is not None
