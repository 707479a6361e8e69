"""
Statements run by the driver itself, in a transaction of SQLAlchemy's. Only where rows come by the thousand, or on the
way of every click: there, what SQLAlchemy does around a statement takes as long as the database.

Values stand in a statement as `:name`. Times are aware, and in UTC on the way back; SQLite holds them as SQLAlchemy
would.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from mailconsent.errors import StorageRefused, StorageUnavailable
from mailconsent.store.tables import in_utc

#: Not a cast (`::`).
_NAME = re.compile(r"(?<!:):(\w+)")


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """
    A cursor of the driver. Raises `StorageUnavailable` when the database fails, `StorageRefused` when it takes no such
    row: without the cause, since the driver's text quotes rows.
    """
    driver: Any = connection.dialect.dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except (driver.OperationalError, driver.InterfaceError):
        raise StorageUnavailable from None
    except driver.Error as fault:
        # A damaged SQLite file is nothing more exact than a `DatabaseError`.
        raise (StorageUnavailable if type(fault) is driver.DatabaseError else StorageRefused) from None
    finally:
        cursor.close()


def rows(connection: Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """What a query gives."""
    with driver_cursor(connection) as cursor:
        cursor.execute(*_prepared(connection, statement, values))
        return cursor.fetchall()  # type: ignore[no-any-return]


def change(connection: Connection, statement: str, values: Mapping[str, object]) -> None:
    """Run a statement that gives nothing."""
    with driver_cursor(connection) as cursor:
        cursor.execute(*_prepared(connection, statement, values))


def _prepared(connection: Connection, statement: str, values: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    psycopg = connection.dialect.name == "postgresql"
    write = in_utc if psycopg else _as_text
    held = {name: write(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return _for_psycopg(statement) if psycopg else statement, held


def _as_text(moment: datetime) -> str:
    return in_utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


@cache
def _for_psycopg(statement: str) -> str:
    return _NAME.sub(r"%(\1)s", statement)


def moment(value: datetime | str) -> datetime:
    """A time that a row of `rows` holds."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC)
