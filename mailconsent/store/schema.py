"""The version of the database's schema: bringing it up to date, and telling when it is not."""

import sqlite3
from functools import cache
from importlib import resources

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from mailconsent.errors import SchemaError
from mailconsent.store import Store
from mailconsent.store.engine import sqlite_code, transaction, translated

LOCK = 7_030_512  #: of PostgreSQL's advisory locks, so that two processes do not migrate at once


def migrate(store: Store) -> None:
    """Bring the schema up to date, in one transaction. Safe to run again, and from several processes at once."""
    with store.queue_turn(), translated(), transaction(store.engine, writes=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("select pg_advisory_xact_lock(%s)", (LOCK,))
        version = _version(connection)
        if version not in (None, *_revisions()):
            raise _fault(connection)
        if version != _revisions()[-1]:
            _upgrade(connection)


def check_schema(connection: Connection) -> None:
    """Raises `SchemaError`, saying what to do, unless the schema is the one this code was written for."""
    if _version(connection) != _revisions()[-1]:
        raise _fault(connection)


def _fault(connection: Connection) -> SchemaError:
    version = _version(connection)
    if version is None:
        return SchemaError("the database is empty: run `mailconsent init`", empty=True)
    if version not in _revisions():
        return SchemaError(
            "the database is newer than this mailconsent: install the version that migrated it, or newer"
        )
    return SchemaError("the database is older than this mailconsent: run `mailconsent migrate`")


def _version(connection: Connection) -> str | None:
    try:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(text("select version_num from alembic_version"))
        return version
    except DatabaseError as fault:
        # A query that does not fit the table is an OperationalError only to SQLite; any other one is about the server.
        if isinstance(fault, OperationalError) and sqlite_code(fault) != sqlite3.SQLITE_ERROR:
            raise
        raise SchemaError("DATABASE_URL: this is not a mailconsent database") from fault


def _upgrade(connection: Connection) -> None:
    # Imported here: loading Alembic is a third of the start of a command, and few commands migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@cache
def _revisions() -> tuple[str, ...]:
    """Every version that this code knows, oldest first: each is the number with which its migration's file begins."""
    files = (file.name for file in _MIGRATIONS.joinpath("versions").iterdir())
    return tuple(sorted(name.partition("_")[0] for name in files if name.endswith(".py")))


_MIGRATIONS = resources.files("mailconsent.store").joinpath("migrations")
