"""Whether the process lives, and whether it can do its work."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailconsent.store.mailboxes import note_sweep, release_lease, take_lease
from tests.doors.test_unsubscribe_storage import assert_come_again
from tests.houses import House, build, inbox_settings
from tests.real.postgres import Postgres
from tests.real.relay import Relay
from tests.served import Served, serving

INBOX = "imap://contact@127.0.0.1:1/INBOX"


def test_a_process_that_answers_is_alive(served: Served) -> None:
    answer = served.ask("GET", "/healthz")

    assert (answer.status, answer.mimetype, answer.text) == (200, "text/plain", "ok\n")


def test_a_process_that_can_do_its_work_is_ready(served: Served) -> None:
    assert ready(served) == (
        200,
        {"ready": True, "worker": {"mailboxes": 0, "last_sweep_seconds": None, "late": False}},
    )


@pytest.mark.parametrize("version", ["", "9999_from_the_future", "0000_from_the_past"])
def test_a_database_of_another_version_is_not_ready(served: Served, version: str) -> None:
    link = served.link()
    with versioned(served, version):
        assert ready(served) == (503, {"ready": False, "reason": "SchemaError"})
        assert served.ask("GET", "/healthz").status == 200
        # Which pages to show is not decided here: a link that can be honoured is honoured.
        assert served.post(link).status == 200
    assert ready(served)[0] == 200


@contextmanager
def versioned(web: Served, version: str) -> Iterator[None]:
    """The database claims to be of this version; of none, where it is empty."""

    def write(number: str) -> None:
        with web.here.store.begin() as tx:
            tx.connection.exec_driver_sql("delete from alembic_version")
            if number:
                tx.connection.exec_driver_sql(f"insert into alembic_version values ('{number}')")

    with web.here.store.read() as tx:
        right = tx.connection.exec_driver_sql("select version_num from alembic_version").scalar_one()
    write(version)
    try:
        yield
    finally:
        write(right)


def test_it_does_not_start_on_a_database_that_is_not_migrated(tmp_path: Path, database_url: str) -> None:
    other = build(tmp_path, f"sqlite:///{tmp_path}/other.db")
    empty = House(folder=other.folder, database_url=database_url)

    with empty.running("serve", "--port", "1") as process:
        assert process.wait(60) == 1
    assert empty.log() == "the database is empty: run `mailconsent init`\n"


def test_while_the_database_is_away_it_is_alive_and_not_ready(tmp_path: Path, postgres_server: Postgres) -> None:
    url, network = postgres_server.create_database(), Relay(postgres_server.port)
    try:
        through = url.replace(f":{postgres_server.port}/", f":{network.port}/")
        with serving(build(tmp_path, through)) as web:
            network.refuse()
            network.cut()
            assert ready(web) == (503, {"ready": False, "reason": "StorageUnavailable"})
            assert web.ask("GET", "/healthz").status == 200

            network.heal()
            assert ready(web)[0] == 200
    finally:
        network.stop()
        postgres_server.drop(url)


def test_a_process_without_the_newest_digest_key_is_not_ready_until_it_gets_it(
    tmp_path: Path, database_url: str
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    first = build(here, database_url)
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("*.db*"))
    with serving(House(folder=there, database_url=database_url)) as web:
        link = web.link()
        with first.running("rotate", "digest", log="rotate.log") as process:
            assert process.wait(60) == 0

        assert ready(web) == (503, {"ready": False, "reason": "KeyMissing"})
        assert_come_again(web.post(link))
        assert web.ask("GET", link).status == 200

        shutil.copy(here / "digest.keys", there / "digest.keys")
        assert web.post(link).status == 200
        assert ready(web)[0] == 200


@pytest.mark.parametrize(
    ("swept", "age", "late"), [(None, None, True), (timedelta(0), 0, False), (timedelta(hours=1), 3600, True)]
)
def test_a_worker_that_is_late_is_told_and_takes_no_page_away(
    served_with_inbox: Served, swept: timedelta | None, age: int | None, late: bool
) -> None:
    web, now = served_with_inbox, datetime.now(UTC)
    with web.here.store.begin() as tx:
        assert take_lease(tx, "contact", "worker", now=now, lease=timedelta(minutes=1))
        if swept is not None:
            note_sweep(tx, "contact", 1, now=now - swept)

    status, body = ready(web)

    assert (status, body["ready"]) == (200, True)
    assert body["worker"]["mailboxes"] == 1
    assert body["worker"]["late"] is late
    seconds = body["worker"]["last_sweep_seconds"]
    assert seconds is None if age is None else seconds >= age


@pytest.mark.parametrize(
    ("leases", "late", "why"),
    [
        ({"a": 60, "b": 60}, True, "one of two is read no more, though somebody holds it"),
        ({"a": 60, "b": -86400}, True, "its worker died yesterday"),
        ({"a": 60, "b": None}, False, "it was let go, so it is read under another name, or nobody means to"),
        ({"a": 60, "b": -8 * 86400}, False, "nobody came back to it for a week"),
        ({"a": None, "b": None}, False, "all were let go a moment ago"),
    ],
)
def test_of_several_mailboxes_the_one_that_waits_longest_counts(
    served_with_inbox: Served, leases: dict[str, int | None], late: bool, why: str
) -> None:
    web, now = served_with_inbox, datetime.now(UTC)
    with web.here.store.begin() as tx:
        for name, seconds in leases.items():
            assert take_lease(tx, name, "worker", now=now, lease=timedelta(seconds=seconds or 0))
            if seconds is None:
                release_lease(tx, name, "worker")
            note_sweep(tx, name, 1, now=now if name == "a" else now - timedelta(hours=1))

    worker = ready(web)[1]["worker"]

    assert (worker["mailboxes"], worker["late"]) == (2, late), why


@pytest.fixture(scope="module")
def house_with_inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("inbox")
    settings = inbox_settings(INBOX, IMAP_CYCLE="60", IMAP_LEASE="90", IMAP_TIMEOUT="30")
    with serving(build(folder, f"sqlite:///{folder}/mailconsent.db", settings)) as web:
        yield web


@pytest.fixture
def served_with_inbox(house_with_inbox: Served) -> Served:
    """With a contact inbox that no worker has read yet."""
    with house_with_inbox.here.store.begin() as tx:
        tx.connection.exec_driver_sql("delete from mailboxes")
    return house_with_inbox


def ready(web: Served) -> tuple[int, dict[str, Any]]:
    answer = web.ask("GET", "/readyz")
    assert answer.mimetype == "application/json"
    return answer.status, json.loads(answer.body)
