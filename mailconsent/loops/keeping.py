"""
Keeping the house, once a day: every worker that holds a mailbox does, and where none is set, every worker. Of several
at once each does what the others have left, and all of them tell what an operator should see to.
"""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime

from mailconsent import logs
from mailconsent.services.housekeeping import House, keep_house, working_day
from mailconsent.services.installation import Installation

#: Seconds from one look whether the house is to be kept to the next, and after it could not be.
LOOK, PAUSE = 1.0, 60.0


def keep(installation: Installation, stop: threading.Event, *, holding: Callable[[], bool]) -> None:
    """Keep the house at the start, and every day from an hour after midnight, in UTC, until told to stop."""
    kept_on: date | None = None
    while not stop.is_set():
        now = datetime.now(UTC)
        if holding() and kept_on != working_day(now):
            try:
                house = keep_house(installation.store, installation.rules.policy, now=now, stopping=stop.is_set)
            except Exception as fault:  # noqa: BLE001 - tomorrow is another day, and the inbox goes on
                logs.failure("house not kept", fault)
                stop.wait(PAUSE)
            else:
                kept_on = working_day(now)
                _tell(house)
        stop.wait(LOOK)


def _tell(house: House | None) -> None:
    if house is None:
        return
    logs.info("house kept", sealed=house.sealed, deleted=house.deleted, held=house.held, clean=house.clean)
    for soon in house.lapsing:
        logs.warning("consents about to lapse", topic=soon.topic, within_months=soon.within_months, count=soon.count)
    if house.overdue:
        logs.warning("mail awaits an answer", overdue=house.overdue)
    for hold in house.reviews:
        logs.warning("legal hold to be reviewed", hold=hold.id, review_by=hold.review_by.isoformat())
