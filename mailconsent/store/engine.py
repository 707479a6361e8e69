"""
How the two databases are opened.

SQLite: WAL and `synchronous=FULL`, so an acknowledged opt-out survives a power cut; transactions begin where we say
so (`BEGIN IMMEDIATE` for writers), since the driver's own habit loses updates silently; `recursive_triggers`, or
`INSERT OR REPLACE` would slip past the ledger's triggers; `secure_delete`, or what was deleted would stay in the file
until something else happens to be written there. PostgreSQL: psycopg 3 as it comes.
"""

import contextlib
import fcntl
import os
import select
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from mailconsent.errors import ConfigError, SchemaError, StorageUnavailable

POOL_SIZE = 16
#: Seconds that a writer waits for another one before it gives up.
WAIT = 10
#: What libpq needs so that a server which vanished is noticed: seconds, but milliseconds for the last.
LINK = {
    "connect_timeout": WAIT,
    "keepalives_idle": WAIT,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 3 * WAIT * 1000,
}
#: As much of the file as may be read without copying; more than any suppression list we know of.
SQLITE_MMAP = 8 * 2**30


def open_engine(url: str) -> Engine:
    """An engine for a `sqlite:///` or `postgresql://` URL. Raises `ConfigError`; connects to nothing yet."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as fault:  # a port that is no number is a ValueError
        raise ConfigError("DATABASE_URL: not a database URL") from fault
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    raise ConfigError("DATABASE_URL: must begin with sqlite:/// or postgresql://")


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError("DATABASE_URL: SQLite needs a file, as in sqlite:///var/mailconsent.db")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError("DATABASE_URL: the folder of the SQLite file cannot be made") from fault
    _make_private(url.database)
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,  # an error's text must not hold what was asked for
        pool_size=POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": WAIT, "cached_statements": 256},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    _follow_file(engine, url.database)
    return engine


def _make_private(path: str) -> None:
    """
    The file holds addresses: if it is new, only its owner may read it. SQLite gives its companions the same mode.

    One that exists is never opened here: to close a file ends every lock that this process has on it, those of SQLite
    among them (POSIX, fcntl), and the write-ahead log of a process that seems gone is thrown away by the next.
    """
    with contextlib.suppress(OSError):  # it exists; or SQLite itself will say what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _follow_file(engine: Engine, path: str) -> None:
    """
    Never use a connection to a file that is no longer the one at `path`.

    Whoever restores a backup under a running process would otherwise have it write into the file that was there before:
    every opt-out acknowledged from then on would be lost with it.
    """

    def identity() -> tuple[int, int] | None:
        try:
            status = os.stat(path)  # noqa: PTH116 - on the way of every transaction
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def opened(_connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["file"] = identity()

    def taken(_connection: DBAPIConnection, entry: ConnectionPoolEntry, _fairy: object) -> None:
        if entry.info["file"] != identity():
            raise InvalidatePoolError

    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", taken)


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "secure_delete=ON",
        f"mmap_size={SQLITE_MMAP}",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """A transaction: committed at the end of the block, rolled back if it raises."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            # Not by a listener of SQLAlchemy's: with one, it asks for listeners around every statement.
            driver: Any = connection.connection.driver_connection
            driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        yield connection


def _open_postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=0,
            connect_args=LINK,
        )
    except ImportError as fault:
        raise ConfigError("DATABASE_URL: PostgreSQL needs the extra: install mailconsent[postgres]") from fault
    event.listen(engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Any, _entry: ConnectionPoolEntry, _fairy: object) -> None:
    """
    Never use a connection that the server has ended: its restart costs nobody an answer.

    What a server says to an idle connection is good-bye, and the kernel knows of it. To ask the server, as
    `pool_pre_ping` does, would cost every transaction a round trip.
    """
    news = select.poll()
    news.register(connection.fileno(), select.POLLIN)
    if news.poll(0):
        raise InvalidatePoolError


class WriterQueue:
    """
    Where the writers of one SQLite file queue: the threads on a lock, the processes on a file lock (`flock`).

    SQLite's own busy handler sleeps and tries again, so under load it starves some writers for half a second.
    """

    def __init__(self, database: str) -> None:
        self._path = f"{database}.lock"
        self._lock = threading.Lock()
        self._file: tuple[int, int] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the only turn to write. The kernel ends it when the process dies."""
        # If another process stops in the midst of its turn, one thread waits for it, and the others say so.
        if not self._lock.acquire(timeout=WAIT):
            raise StorageUnavailable
        try:
            descriptor = self._descriptor()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def _descriptor(self) -> int:
        # A forked process would share its parent's lock along with the descriptor, so each process opens its own.
        if self._file is None or self._file[0] != os.getpid():
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as fault:
                raise StorageUnavailable from fault
            self._file = (os.getpid(), descriptor)
        return self._file[1]

    def close(self) -> None:
        """Give the file back."""
        if self._file and self._file[0] == os.getpid():
            os.close(self._file[1])
        self._file = None


@contextmanager
def translated() -> Iterator[None]:
    """What the driver says of trouble becomes `StorageUnavailable`; the driver's text stays in the cause."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, sqlite3.OperationalError) as fault:
        raise StorageUnavailable from fault
    except (DBAPIError, sqlite3.DatabaseError) as fault:
        if sqlite_code(fault) == sqlite3.SQLITE_NOTADB:
            raise SchemaError("DATABASE_URL: this is not a mailconsent database") from fault
        # A damaged SQLite file is nothing more exact than a `DatabaseError`.
        if type(fault) in (DatabaseError, sqlite3.DatabaseError) or getattr(fault, "connection_invalidated", False):
            raise StorageUnavailable from fault
        raise


def sqlite_code(fault: Exception) -> int | None:
    """SQLite's number for what went wrong; None on PostgreSQL."""
    return getattr(getattr(fault, "orig", fault), "sqlite_errorcode", None)
