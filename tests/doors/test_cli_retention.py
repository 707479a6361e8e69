"""`mailconsent retention` and `mailconsent journal`: what they print, where, and their exit status."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.cast import ANNA, BO
from tests.doors.serving import run_command
from tests.houses import House, ask, consent, rows
from tests.ledgers import tell
from tests.services.test_journal import backup, by_api
from tests.services.test_retaining import write

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)


def test_what_is_due_is_told_then_deleted_then_certified(house: House) -> None:
    with house.opened() as here:
        write(here, ANNA, "P1")
        tell(here.store, BO)
        with here.store.begin() as tx:
            tx.connection.execute(
                text(
                    "insert into legal_holds (id, recipient_id, reason, placed_at, review_by)"
                    " select 'abc', recipient_id, 'authority', '2026-01-01 00:00:00', '2026-06-01' from events"
                    " where kind = 'withdrawn'"
                )
            )

    def mailconsent(*words: str) -> tuple[str, str]:
        done = run_command(house.variables, *words, folder=house.folder)
        assert done.returncode == 0
        assert "@" not in done.stdout + done.stderr
        return done.stdout, done.stderr

    told, warned = mailconsent("retention", "--dry-run")
    head, *table = told.splitlines()
    assert head.split() == ["kind", "due", "oldest", "held", "stays", "period", "law"]
    assert [line.split()[:2] for line in table] == [["address", "1"], ["digest", "1"], ["unconfirmed_request", "1"]]
    assert "legal hold abc: its review IS OVERDUE" in warned

    records = json.loads(mailconsent("retention", "--json")[0])["records"]
    assert {record["kind"]: record["due"] for record in records} == {
        "address": 1,
        "digest": 1,
        "unconfirmed_request": 1,
    }
    assert mailconsent("retention")[0] == "nothing is due\n"
    certified = [json.loads(line) for line in mailconsent("retention", "certificates", "--json")[0].splitlines()]
    assert [one["records"] for one in certified] == ["address", "digest", "unconfirmed_request"]
    with house.opened() as here:
        assert rows(here, "select count(*) from recipients") == [(1,)]


def test_the_journal_is_replayed_and_trimmed(house: House) -> None:
    with house.opened() as here:
        consent(here, ANNA)
    with backup(house), house.opened() as here:
        by_api(here, ANNA)
    [file] = (house.folder / "journal").iterdir()

    def journal(*words: object) -> tuple[int, str, str]:
        done = run_command(house.variables, "journal", *map(str, words), folder=house.folder)
        return done.returncode, done.stdout, done.stderr

    assert journal("replay", "--dry-run")[:2] == (0, "1 lines, 1 to be added, 0 to be erased again\n")
    assert journal("replay", file)[:2] == (0, "1 lines, 1 added, 0 erased again\n")
    with house.opened() as here:
        assert not ask(here, ANNA)[0].allowed

    file.write_text(file.read_text() + '{"digest": "to')
    status, told, warned = journal("replay")
    assert (status, "0 added" in told, "torn" in warned) == (0, True, True)
    file.write_text(f"broken\n{file.read_text()}\n")
    status, _, warned = journal("replay", house.folder / "journal")
    assert (status, "line 1: not readable" in warned) == (1, True)

    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert journal("trim", "--before", file.stem)[:2] == (0, "")
    assert file.name in journal("trim", "--before", tomorrow)[1].splitlines()
    assert list((house.folder / "journal").iterdir()) == []
