"""Proving that standings and sales are what the events and the sends add up to, and making them so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select

from mailconsent.facts import fold
from mailconsent.model import Standing
from mailconsent.soft_opt_in import Sales, sales_of
from mailconsent.store import Transaction
from mailconsent.store.generations import BATCH
from mailconsent.store.ledger import read_events
from mailconsent.store.sales import read_one, replace_sales
from mailconsent.store.sends import read_uses
from mailconsent.store.standings import read_all, replace_all
from mailconsent.store.tables import recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A batch of recipients whose standings and sales are right now."""

    last: int
    seen: int
    mended: int


def rebuild_batch(tx: Transaction, *, after: int | None) -> Rebuilt | None:
    """Check the recipients next after this id, and mend what differs. None when there are no more."""
    batch = tx.connection.execute(
        select(recipients.c.id, recipients.c.digest)
        .where(recipients.c.id > (-1 if after is None else after))
        .order_by(recipients.c.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    if not batch:
        return None
    mended = sum(rebuild_one(tx, recipient_id, bytes(digest)) for recipient_id, digest in batch)
    return Rebuilt(last=batch[-1].id, seen=len(batch), mended=mended)


def rebuild_one(tx: Transaction, recipient_id: int, digest: bytes) -> bool:
    """Make the standings and sales of one recipient, whose row is locked, right; whether they were wrong."""
    standings, sales = added_up(tx, recipient_id)
    if (read_all(tx, digest), read_one(tx, digest)) == (standings, sales):
        return False
    replace_all(tx, digest, standings)
    replace_sales(tx, digest, sales)
    return True


def added_up(tx: Transaction, recipient_id: int) -> tuple[Mapping[int, Standing], Sales | None]:
    """What one recipient's events and sends add up to."""
    events, uses = read_events(tx, recipient_id), read_uses(tx, recipient_id)
    standings, sales = fold(recipient_id, events), sales_of(recipient_id, events)
    used = {topic: standing._replace(used_on=uses.of_consent.get(topic)) for topic, standing in standings.items()}
    return used, sales and replace(sales, last_sent_on=uses.of_sale)
