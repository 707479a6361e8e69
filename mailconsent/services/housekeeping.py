"""
What is done once a day: sealing the days that have ended, deleting what is due, and telling what an operator should see
to: consents about to lapse, mail that awaits an answer too long, and legal holds to be reviewed.

It may be broken off anywhere, and done twice on one day, or by two processes at once: that changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from mailconsent.due import Kept, terms_of
from mailconsent.policy import Policy
from mailconsent.services.holds import reviews_due, standing_holds
from mailconsent.services.lapsing import Lapsing, lapsing
from mailconsent.services.retention import Run
from mailconsent.services.sealing import MARGIN, seal_days
from mailconsent.store import Store
from mailconsent.store.holds import Hold
from mailconsent.store.retention import tidy
from mailconsent.store.review import count_overdue


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What was done. Numbers alone: it goes into logs."""

    #: Seals made.
    sealed: int
    #: What was deleted, of each kind.
    deleted: Mapping[Kept, int]
    #: How much is due and kept for legal holds.
    held: int
    #: Consents that lapse soon, unless something is sent on them.
    lapsing: Sequence[Lapsing]
    #: Mails that await a human for longer than they should.
    overdue: int
    #: Holds to be reviewed now.
    reviews: Sequence[Hold]
    #: Whether the last byte of what was deleted is gone from the disk.
    clean: bool


def working_day(now: datetime) -> date:
    """The day of which this is the housekeeping: it begins an hour after midnight, in UTC, when days can be sealed."""
    return (now - MARGIN).date()


def keep_house(store: Store, policy: Policy, *, now: datetime, stopping: Callable[[], bool]) -> House | None:
    """Seal, then delete in batches; None when it was told to stop before it had come to the end."""
    sealed = len(seal_days(store, now=now))
    run = Run(store, policy, now=now)
    for _ in run.steps():
        if stopping():
            return None
    clean = tidy(store)
    today = terms_of(policy).day(now)
    with store.read() as tx:
        reviews = reviews_due(standing_holds(tx), today)
        soon = lapsing(tx, policy, today)
        overdue = count_overdue(tx, now=now)
    return House(
        sealed=sealed,
        deleted={kept: tally.count for kept, tally in sorted(run.tallies.items()) if tally.count},
        held=sum(tally.held for tally in run.tallies.values()),
        lapsing=soon,
        overdue=overdue,
        reviews=reviews,
        clean=clean,
    )
