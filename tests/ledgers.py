"""A sealed ledger, and somebody who owns the database and does not care for its triggers."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from mailconsent.model import EventId, EventKind, Evidence, Grade
from mailconsent.services.sealing import seal_days
from mailconsent.services.verifying import Verified, verify_ledger
from mailconsent.store import Store
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, CECILIA, receipt

#: The day of `NOW`, of which the first seal is.
FIRST = date(2026, 3, 2)
PEOPLE = (ANNA, BO, CECILIA)
DAY = 24 * 60


def tell(store: Store, address: str, *, days: float = 0, kind: EventKind = EventKind.WITHDRAWN) -> EventId:
    """One event, received so many days after `NOW`."""
    grade = Grade.B if kind is EventKind.CONSENT_GIVEN else None
    with store.begin() as tx:
        event = receipt(minutes=round(days * DAY)).event(kind, 1, grade=grade, facts={"form": "b2"})
        return append(tx, lock_address(tx, address), event, Evidence(details={"wording": "Send me the blog"}))


def after(days: int, *, hours: float = 2) -> datetime:
    """So many hours after midnight, of the day so many days after the first."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=days, hours=hours)


def write_history(store: Store) -> list[EventId]:
    """Three people, an event of each on four days, and the first three days sealed. The events, in that order."""
    events = [tell(store, address, days=day) for day in range(4) for address in PEOPLE]
    seal_days(store, now=after(1))
    seal_days(store, now=after(3))
    return events


def verify(store: Store, **more: object) -> Verified:
    with store.read() as tx:
        return verify_ledger(tx, **more)  # type: ignore[arg-type]


def tamper(store: Store, statements: str | Iterable[str], **values: object) -> None:
    """Run these past every trigger and foreign key."""
    with store.begin() as tx:
        if store.is_sqlite:
            names = tx.connection.execute(text("select name from sqlite_master where type = 'trigger'")).scalars().all()
            for name in names:
                tx.connection.execute(text(f"drop trigger {name}"))
            tx.connection.execute(text("pragma defer_foreign_keys = on"))
            tx.connection.execute(text("delete from evidence"))
        else:
            tx.connection.execute(text("set local session_replication_role = replica"))
        for statement in [statements] if isinstance(statements, str) else statements:
            tx.connection.execute(text(statement), values)
