"""How the databases are opened, and what is said when they fail."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import traceback

import pytest
from sqlalchemy import text

from mailconsent.errors import ConfigError, MailconsentError, SchemaError, StorageUnavailable
from mailconsent.model import Reason
from mailconsent.services.recipients import withdraw
from mailconsent.store import Store
from mailconsent.store.engine import POOL_SIZE, WriterQueue, open_engine, translated
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, receipt
from tests.houses import ask, build

SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    ("url", "fault", "why"),
    [
        ("", "not a database URL", "nothing"),
        (SECRET, "not a database URL", "a password in the wrong place"),
        (f"postgresql://me:{SECRET}@host:port/name", "not a database URL", "a port that is no number"),
        (f"mysql://me:{SECRET}@host/name", "must begin with sqlite:/// or postgresql://", "another database"),
        (f"postgres://me:{SECRET}@host/name", "must begin with sqlite:/// or postgresql://", "a name of old"),
        ("sqlite://", "SQLite needs a file, as in sqlite:///var/mailconsent.db", "a database that forgets"),
        ("sqlite:///:memory:", "SQLite needs a file, as in sqlite:///var/mailconsent.db", "likewise"),
        ("sqlite:///file::memory:?uri=true", "SQLite needs a file, as in sqlite:///var/mailconsent.db", "likewise"),
        ("sqlite:///file:x?mode=memory&uri=true", "SQLite needs a file, as in sqlite:///var/mailconsent.db", "and so"),
        ("sqlite:////dev/null/m.db", "the folder of the SQLite file cannot be made", "a file is no folder"),
    ],
)
def test_a_url_that_cannot_work_is_told_in_one_line_that_echoes_nothing(url, fault, why):
    with pytest.raises(ConfigError) as refusal:
        open_engine(url)

    assert refusal.value.faults == (f"DATABASE_URL: {fault}",), why
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://me@host/name", "psycopg"),
        ("postgresql+asyncpg://me@host/name", "psycopg"),
        ("postgresql+psycopg2://me@host/name", "psycopg"),
        ("sqlite:///{folder}/a/b/m.db", "pysqlite"),
        ("sqlite+aiosqlite:///{folder}/m.db", "pysqlite"),
    ],
)
def test_the_driver_is_ours_whatever_the_url_says(tmp_path, url, driver):
    engine = open_engine(url.format(folder=tmp_path))

    assert engine.driver == driver
    engine.dispose()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_sqlite_is_opened_so_that_an_acknowledged_opt_out_survives(store):
    with store.read() as tx:
        found = {
            name: tx.connection.exec_driver_sql(f"pragma {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}


def opt_out(store, address=ANNA):
    with store.begin() as tx:
        return withdraw(tx, address, receipt())


def count(path):
    with sqlite3.connect(path) as connection:
        [[events]] = connection.execute("select count(*) from events")
    connection.close()
    return events


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_a_reader_cannot_write_on_postgresql(store):
    # An InternalError of the driver: a fault of ours, never to be taken for trouble of the database.
    with store.read() as tx, pytest.raises(Exception, match="read-only transaction"):
        tx.connection.execute(text("delete from topics"))


def test_a_postgresql_database_that_is_dropped_is_unavailable(tmp_path, postgres_server, postgres_url):
    with build(tmp_path, postgres_url).opened() as here:
        opt_out(here.store)
        postgres_server.drop(postgres_url)

        with pytest.raises(StorageUnavailable):
            opt_out(here.store, BO)
        with pytest.raises(StorageUnavailable):
            ask(here, ANNA)


def test_a_postgresql_server_that_is_not_there_is_unavailable(tmp_path, postgres_url):
    house = build(tmp_path, postgres_url)
    store = Store("postgresql://me@127.0.0.1:1/nothing", house.settings().keyring())

    with pytest.raises(StorageUnavailable):
        opt_out(store)
    store.close()


def test_a_connection_that_broke_costs_nobody_an_answer(tmp_path, postgres_server, postgres_url):
    with build(tmp_path, postgres_url).opened() as here:
        opt_out(here.store)
        with here.store.read() as tx:
            pid = tx.connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        postgres_server._execute(f"select pg_terminate_backend({pid}, 5000)")

        [decision] = ask(here, ANNA)

    assert decision.reason is Reason.WITHDRAWN


@pytest.fixture
def here(tmp_path):
    """A house on SQLite, opened, whose file will suffer."""
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db").opened() as installation:
        yield installation


def test_an_opt_out_goes_into_the_file_that_was_put_back_under_us(here, tmp_path):
    database, backup = tmp_path / "mailconsent.db", tmp_path / "backup.db"
    opt_out(here.store)
    copied = sqlite3.connect(database)
    copied.execute(f"vacuum into '{backup}'")
    copied.close()

    for path in tmp_path.glob("mailconsent.db*"):
        path.unlink()
    shutil.move(backup, database)
    opt_out(here.store, BO)

    assert [decision.reason for decision in ask(here, ANNA, BO)] == [Reason.WITHDRAWN] * 2
    assert count(database) == 2, "a connection to the old file would have lost what it acknowledged"


def test_a_file_that_is_gone_is_unavailable_and_nothing_is_acknowledged(here, tmp_path):
    opt_out(here.store)
    for path in tmp_path.glob("mailconsent.db*"):
        path.unlink()

    with pytest.raises(StorageUnavailable):
        opt_out(here.store, BO)
    with pytest.raises(StorageUnavailable):
        ask(here, ANNA)


def test_a_folder_that_is_gone_is_unavailable(here, tmp_path):
    opt_out(here.store)
    shutil.rmtree(tmp_path)

    with pytest.raises(StorageUnavailable):
        opt_out(here.store, BO)
    with pytest.raises(StorageUnavailable):
        ask(here, ANNA)


def test_a_file_that_cannot_be_written_is_unavailable(here, tmp_path):
    here.store.close()
    lock = tmp_path / "mailconsent.db.lock"
    lock.unlink()
    lock.mkdir()  # whatever user the tests run as, this cannot be opened for writing

    with pytest.raises(StorageUnavailable):
        opt_out(here.store)


def test_a_disk_without_room_is_unavailable_and_loses_nothing(here):
    opt_out(here.store)

    def fill(tx):
        pages = tx.connection.exec_driver_sql("pragma page_count").scalar_one()
        tx.connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        for number in range(1000):
            withdraw(tx, f"bo{number}@example.net", receipt())

    def overflow():
        with here.store.begin() as tx:
            fill(tx)

    with pytest.raises(StorageUnavailable):
        overflow()
    assert [decision.reason for decision in ask(here, ANNA, "bo1@example.net")] == [
        Reason.WITHDRAWN,
        Reason.NO_LEGAL_BASIS,
    ]


def test_a_damaged_file_is_unavailable(here, tmp_path):
    opt_out(here.store)
    here.store.close()
    database = tmp_path / "mailconsent.db"
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (database.stat().st_size - 100))

    with pytest.raises((StorageUnavailable, SchemaError)):
        opt_out(here.store, BO)


def test_a_lock_that_nobody_gives_back_is_unavailable(here, tmp_path):
    here.store.engine.dispose()
    intruder = sqlite3.connect(tmp_path / "mailconsent.db", isolation_level=None)
    intruder.execute("begin immediate")

    def impatient():
        with here.store.queue_turn(), translated(), here.store.engine.connect() as connection:
            connection.rollback()
            connection.connection.driver_connection.execute("pragma busy_timeout = 50")
            connection.exec_driver_sql("create table t (a)")

    with pytest.raises(StorageUnavailable):
        impatient()
    intruder.rollback()
    intruder.close()
    assert not opt_out(here.store).repeated, "and once it is given back, all is well"


def test_more_readers_than_connections_wait_for_each_other(store):
    gate = threading.Barrier(4 * POOL_SIZE)
    found = []

    def look():
        gate.wait()
        with store.read() as tx:
            found.append(tx.state.newest)

    threads = [threading.Thread(target=look) for _ in range(gate.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [1] * gate.parties


def test_the_text_of_an_error_holds_no_parameter(store):
    def double():
        with store.begin() as tx:
            first = lock_address(tx, ANNA)
            statement = text("insert into recipients (id, digest, generation, address) values (:id, :digest, 1, :a)")
            tx.connection.execute(statement, {"id": first.id, "digest": bytes(16), "a": ANNA})

    with pytest.raises(Exception, match=r"(?i)unique") as trouble:
        double()

    assert ANNA not in "".join(traceback.format_exception(trouble.value))


def test_what_is_said_of_an_unavailable_database_holds_nothing_of_it(tmp_path):
    house = build(tmp_path, f"sqlite:///{tmp_path}/keys.db")
    store = Store(f"postgresql://me:{SECRET}@127.0.0.1:1/nothing", house.settings().keyring())

    with pytest.raises(MailconsentError) as trouble:
        opt_out(store)

    assert str(trouble.value) == "The database does not answer."
    assert SECRET not in "".join(traceback.format_exception(trouble.value))
    store.close()


def test_a_store_can_be_closed_twice_and_used_again(here):
    here.store.close()
    here.store.close()

    assert not opt_out(here.store).repeated


def test_writers_of_a_sqlite_file_take_turns_across_processes(tmp_path):
    program = """
import sys
from pathlib import Path
from mailconsent.store.engine import WriterQueue
print("asking", flush=True)
with WriterQueue(sys.argv[1]).turn():
    print(Path(sys.argv[2]).read_text(), flush=True)
"""
    database, note = tmp_path / "mailconsent.db", tmp_path / "note"
    note.write_text("in the middle of it")
    queue = WriterQueue(str(database))

    with queue.turn():
        other = subprocess.Popen(
            [sys.executable, "-c", program, str(database), str(note)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout.readline() == "asking\n"
        note.write_text("done")
    said, _ = other.communicate()

    assert said == "done\n"
    queue.close()
