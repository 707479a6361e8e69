"""The version of the database's schema: bringing it up to date, and telling when it is not."""

import sqlite3
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
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
        if _version(connection) not in _revisions():
            raise _fault(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_schema(connection: Connection) -> None:
    """Raises `SchemaError`, saying what to do, unless the schema is the one this code was written for."""
    if _version(connection) != _head():
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
        return MigrationContext.configure(connection).get_current_revision()
    except DatabaseError as fault:
        # A query that does not fit the table is an OperationalError only to SQLite; any other one is about the server.
        if isinstance(fault, OperationalError) and sqlite_code(fault) != sqlite3.SQLITE_ERROR:
            raise
        raise SchemaError("DATABASE_URL: this is not a mailconsent database") from fault


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("mailconsent.store").joinpath("migrations")))
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _revisions() -> set[str | None]:
    return {None} | {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
