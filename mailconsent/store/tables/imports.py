"""Batches of rows that were imported. Which events a batch made stands in their `source`."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text, text

from mailconsent.store.tables.base import UtcDateTime, metadata

imports = Table(
    "imports",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("kind", String(12), nullable=False),
    # SHA-256 of the file, and of the file with all that was said of it: by that a batch is gone on with.
    Column("file", LargeBinary(32), nullable=False),
    Column("identity", LargeBinary(32), nullable=False),
    # The last line that is done.
    Column("line", Integer, nullable=False),
    # JSON: see `mailconsent/import_effect.py`.
    Column("counts", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("revert_started_at", UtcDateTime),
    Column("reverted_at", UtcDateTime),
    # Two processes at the same file are at one batch.
    Index(
        "ix_imports_identity",
        "identity",
        unique=True,
        sqlite_where=text("revert_started_at is null"),
        postgresql_where=text("revert_started_at is null"),
    ),
)
