"""Our own mail on its way out."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from mailconsent.store.tables.base import UtcDateTime, metadata

outbox = Table(
    "outbox",
    metadata,
    # Of whom it goes to.
    Column("recipient_id", ForeignKey("recipients.id"), primary_key=True, autoincrement=False),
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    # The next try; of one that is being sent, when another process may take it over.
    Column("due_at", UtcDateTime, nullable=False),
    # After that nobody waits for it any more.
    Column("expires_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    # The process that is sending it.
    Column("holder", String(32)),
    # What the mail server said last: its codes.
    Column("status", String(16)),
    # Only while it waits.
    Column("address", Text),
    Column("raw", LargeBinary),
    Index(
        "ix_outbox_due_at", "due_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")
    ),
)
