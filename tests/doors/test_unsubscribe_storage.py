"""An answer means that it is written down; while nothing can be written down, the answer is to come again."""

import fcntl
import os
import resource
import select
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from tests.doors.test_unsubscribe_answer import assert_guarded
from tests.houses import ask, build, rows, until
from tests.real.postgres import Postgres
from tests.real.relay import Relay
from tests.served import Answer, Served, read_answer, serving


@contextmanager
def holding_the_file(web: Served) -> Iterator[None]:
    """Another writer of the SQLite file is at it."""
    descriptor = os.open(web.house.folder / "mailconsent.db.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def holding_the_rows(web: Served) -> Iterator[None]:
    """Another transaction has every recipient's row."""
    with closing(_psycopg(web.house.database_url)) as other:
        other.execute("select id from recipients for update")
        yield


def _waits_for_the_file(web: Served) -> bool:
    lines = Path("/proc/locks").read_text().splitlines()
    return any(" -> FLOCK " in line and f" {web.process.pid} " in line for line in lines)


def _waits_for_a_row(web: Served) -> bool:
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return rows(web.here, waiting)[0][0] == 1


def test_no_answer_comes_before_the_commit(served: Served) -> None:
    is_sqlite = served.here.store.is_sqlite
    link, before = served.link(), served.events()
    with served.connect() as line:
        with holding_the_file(served) if is_sqlite else holding_the_rows(served):
            line.sendall(f"POST {link} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
            until(lambda: _waits_for_the_file(served) if is_sqlite else _waits_for_a_row(served), "it to want to write")
            assert not select.select([line], [], [], 0)[0]
            assert served.events() == before

        assert read_answer(line).status == 200
    assert served.events() == before + 1


def test_what_was_answered_outlives_the_process(tmp_path: Path, database_url: str) -> None:
    house = build(tmp_path, database_url)
    with serving(house) as web:
        links = [web.link(f"anna{number}@example.com") for number in range(3)]
        for link in links:
            assert web.post(link).status == 200
        web.process.kill()
        web.process.wait()
    with house.opened() as here:
        assert [ask(here, f"anna{number}@example.com")[0].reason for number in range(3)] == ["withdrawn"] * 3


def test_while_postgresql_is_away_clients_are_told_to_come_again(tmp_path: Path, postgres_server: Postgres) -> None:
    url, network = postgres_server.create_database(), Relay(postgres_server.port)
    try:
        through = url.replace(f":{postgres_server.port}/", f":{network.port}/")
        with serving(build(tmp_path, through)) as web:
            link, before = web.link(), web.events()

            network.refuse()
            network.cut()
            assert_come_again(web.post(link))
            assert_come_again(web.post(link, b"confirm=1", Accept_Language="da"), "Prøv igen om et minut")
            # To show the page, no database is needed.
            assert web.ask("GET", link).status == 200

            network.heal()
            assert web.post(link).status == 200
            assert web.events() == before + 1
    finally:
        network.stop()
        postgres_server.drop(url)


def test_a_connection_lost_in_the_midst_of_it_is_no_yes(tmp_path: Path, postgres_server: Postgres) -> None:
    url, network = postgres_server.create_database(), Relay(postgres_server.port)
    try:
        through = url.replace(f":{postgres_server.port}/", f":{network.port}/")
        with serving(build(tmp_path, through)) as web:
            first = []
            for heard in range(1, 1500, 100):
                link, before = web.link(), web.events()
                network.cut_after(heard)
                first.append(web.post(link).status)
                network.heal()
                assert web.post(link).status == 200
                assert web.events() == before + 1
        # A connection that was cut while it was idle costs nobody an answer; one cut later does.
        assert set(first) == {200, 503}
    finally:
        network.stop()
        postgres_server.drop(url)


def test_while_the_database_is_gone_clients_are_told_to_come_again(tmp_path: Path, postgres_server: Postgres) -> None:
    url = postgres_server.create_database()
    name = url.rpartition("/")[2]
    try:
        with serving(build(tmp_path, url)) as web:
            link, before = web.link(), web.events()
            with closing(_psycopg(postgres_server.url())) as operator:
                operator.autocommit = True
                _rename(operator, name, f"{name}_away")
                assert_come_again(web.post(link))
                _rename(operator, f"{name}_away", name)

            assert web.post(link).status == 200
            assert web.events() == before + 1
    finally:
        postgres_server.drop(url)


def test_while_the_disk_is_full_clients_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")) as web:
        links = [web.link() for _ in range(20)]
        before = web.events()
        full = (tmp_path / "mailconsent.db-wal").stat().st_size
        # No file of that process may grow beyond this: the log has room, the database has none.
        assert full > 100_000
        with limited(web.process.pid, full // 2):
            assert_come_again(web.post(links[0]))
            assert web.ask("GET", links[0]).status == 200
            assert web.events() == before

        assert web.post(links[0]).status == 200
        assert web.events() == before + 1


def test_a_damaged_file_is_no_yes(tmp_path: Path) -> None:
    database = tmp_path / "mailconsent.db"
    with serving(build(tmp_path, f"sqlite:///{database}")) as web:
        link = web.link()
        web.here.store.close()
        for name in (database, Path(f"{database}-wal")):
            name.write_bytes(os.urandom(max(8192, name.stat().st_size)) if name.exists() else b"")

        assert_come_again(web.post(link))
        assert_come_again(web.post(link, b"confirm=1"))


@contextmanager
def limited(pid: int, size: int) -> Iterator[None]:
    """The process's files may not grow beyond this size: like a full disk."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def _psycopg(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))


def _rename(operator: psycopg.Connection[tuple[object, ...]], old: str, new: str) -> None:
    operator.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [old])
    operator.execute(f"alter database {old} rename to {new}".encode())


def assert_come_again(answer: Answer, words: str = "Please try again in a minute") -> None:
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert words in answer.text
    assert "contact@example.com" in answer.text
    assert_guarded(answer)
