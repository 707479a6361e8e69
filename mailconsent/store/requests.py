"""Consents that were requested and not confirmed."""

from collections.abc import Sequence
from datetime import datetime

from mailconsent.model import EventId, EventKind
from mailconsent.store import Transaction
from mailconsent.store.driver import rows

# The kinds stand in the statement, and not as values, so that PostgreSQL knows it for the partial index's.
_PENDING = f"""
    select e.recipient_id, e.seq from events e
    where e.kind = '{EventKind.CONSENT_REQUESTED.value}' and e.received_at < :before
    and not exists (
        select 1 from events c
        where c.recipient_id = e.recipient_id and c.kind = '{EventKind.CONSENT_GIVEN.value}' and c.ends = e.seq
    )
    order by e.received_at, e.recipient_id, e.seq limit :limit
    """  # noqa: S608 - made of constants


def unconfirmed(tx: Transaction, *, before: datetime, limit: int) -> Sequence[EventId]:
    """The requests received before then that nobody confirmed, oldest first, and at most so many."""
    return [EventId(*row) for row in rows(tx.connection, _PENDING, {"before": before, "limit": limit})]
