"""What is done once a day, and who does it."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from mailconsent.due import Kept
from mailconsent.services.holds import place_hold
from mailconsent.services.housekeeping import keep_house, working_day
from mailconsent.services.sealing import seal_days
from mailconsent.store.holds import HoldReason
from tests.cast import ANNA, BO, NOW
from tests.houses import build, inbox_settings, rows, unfolded, until
from tests.ledgers import verify
from tests.services.test_retaining import LATER, write
from worker import Worker


def test_the_house_is_kept(installation):
    store, policy = installation.store, installation.rules.policy
    write(installation, ANNA, "B1 W1")
    write(installation, BO, "B1 W1")
    with store.begin() as tx:
        named = {"reason": HoldReason.AUTHORITY, "review_by": date(2026, 6, 1), "now": NOW}
        hold = place_hold(tx, policy, address=BO, **named)
    seal_days(store, now=NOW)

    house = keep_house(store, policy, now=LATER, stopping=lambda: False)

    assert [(house.sealed + 1,)] == rows(installation, "select count(*) from seals")
    assert house.deleted == {Kept.ADDRESS: 1, Kept.CONSENT: 1, Kept.OPT_OUT: 1}
    assert (house.held, house.reviews, house.clean) == (3, [hold], True)
    assert "@" not in str(house)
    assert unfolded(installation) == []
    assert verify(store).fault is None

    again = keep_house(store, policy, now=LATER, stopping=lambda: False)
    assert (again.sealed, again.deleted, again.held) == (0, {}, 3)


def test_it_stops_when_it_is_told_to_and_is_gone_on_with(installation):
    store, policy = installation.store, installation.rules.policy
    write(installation, ANNA, "B1 W1")

    assert keep_house(store, policy, now=LATER, stopping=lambda: True) is None
    assert keep_house(store, policy, now=LATER, stopping=lambda: False)
    assert rows(installation, "select count(*) from evidence") == [(0,)]


def test_two_who_keep_the_house_at_once_do_together_what_one_would_do(installation):
    store, policy = installation.store, installation.rules.policy
    for number in range(20):
        write(installation, f"{number}@example.com", "B1 W1")

    with ThreadPoolExecutor(2) as pool:
        houses = list(pool.map(lambda _: keep_house(store, policy, now=LATER, stopping=lambda: False), range(2)))

    deleted = sum((Counter(house.deleted) for house in houses), Counter())
    assert deleted == {Kept.ADDRESS: 20, Kept.CONSENT: 20, Kept.OPT_OUT: 20}
    assert [(sum(house.sealed for house in houses),)] == rows(installation, "select count(*) from seals")
    assert unfolded(installation) == []
    assert verify(store).fault is None


@pytest.mark.parametrize(
    ("now", "day"), [((2026, 3, 2, 0, 59), 1), ((2026, 3, 2, 1, 0), 2), ((2026, 3, 2, 23, 59), 2)], ids=str
)
def test_a_day_begins_when_the_one_before_it_can_be_sealed(now, day):
    assert working_day(datetime(*now, tzinfo=UTC)) == date(2026, 3, day)


def test_the_worker_that_holds_the_mailbox_keeps_the_house_and_no_other(tmp_path):
    environ = inbox_settings("imap://contact@127.0.0.1:1/INBOX")
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", environ).opened() as here:
        write(here, ANNA, "P1")
        idle, busy = Worker(here), Worker(here)
        threads = [threading.Thread(target=worker.keep_house) for worker in (idle, busy)]
        for thread in threads:
            thread.start()
        try:
            assert not rows(here, "select 1 from seals")
            busy.readers[0].holding = True
            until(lambda: rows(here, "select 1 from recipients") == [], "the house to be kept")
        finally:
            idle.stop()
            busy.stop()
            for thread in threads:
                thread.join()
    assert not threads[0].is_alive()
