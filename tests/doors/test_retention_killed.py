"""Retention is killed with SIGKILL in the midst of its work, run again to the end, and everything is in order."""

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailconsent.due import Kept
from mailconsent.model import Evidence
from mailconsent.services.rebuild import rebuild_all
from mailconsent.services.sealing import seal_days
from mailconsent.store.certificates import read_certificates
from mailconsent.store.ledger import append
from mailconsent.store.recipients import describe, lock_address
from tests.doors.serving import run_command
from tests.histories import history
from tests.houses import build, rows, unfolded
from tests.ledgers import verify
from tests.people import everything
from tests.services.test_retaining import on_disk

PEOPLE = 250
KILLS = 2
LONG_AGO = datetime(2024, 3, 2, 12, tzinfo=UTC)


def test_what_was_due_is_gone_and_the_rest_in_order_however_often_it_is_killed(
    tmp_path: Path, database_url: str
) -> None:
    house = build(tmp_path, database_url)
    with house.opened() as here:
        with here.store.begin() as tx:
            for number in range(PEOPLE):
                address = f"anna-{number}x@example.com"
                for event in history("P1 B1 W1"):
                    recipient = lock_address(tx, address)
                    describe(tx, recipient, address=address, language="da")
                    told = replace(event, occurred_at=LONG_AGO, received_at=LONG_AGO)
                    append(tx, recipient, told, Evidence(details={"wording": f"proof of {address}"}))
        seal_days(here.store, now=LONG_AGO + timedelta(days=2))

        def left() -> object:
            return rows(here, "select count(*) from evidence")[0][0]

        for _ in range(KILLS):
            before = left()
            process = house.start("retention")
            while left() == before:
                assert process.poll() is None, house.log()
                time.sleep(0.002)  # a batch is a matter of milliseconds
            time.sleep(random.uniform(0, 0.03))
            process.kill()
            process.wait()
        assert left() != 0, "or it was killed after its work"
    done = run_command(house.variables, "retention", folder=house.folder)
    assert done.returncode == 0, done.stderr

    with house.opened() as here:
        assert verify(here.store).fault is None
        assert list(rebuild_all(here.store))[-1][1] == 0
        assert unfolded(here) == []
        assert rows(here, "select count(*) from events") == [(PEOPLE,)], "of each, the no"
        assert "anna-" not in everything(here)
        with here.store.read() as tx:
            certified = {one.records: 0 for one in read_certificates(tx)}
            for one in read_certificates(tx):
                certified[one.records] += one.count
        assert certified == {Kept.ADDRESS: PEOPLE, Kept.CONSENT: PEOPLE, Kept.REQUEST: PEOPLE, Kept.OPT_OUT: PEOPLE}
        if here.store.is_sqlite:
            assert b"anna-" not in on_disk(tmp_path)
