"""What happened to whom, what supports it, and the proof that nobody changed it."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from mailconsent.store.tables.base import UtcDateTime, metadata

recipients = Table(
    "recipients",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("generation", SmallInteger, nullable=False),
    # The highest number that an event of theirs ever had, so that none is given twice, whatever retention takes away. A
    # trigger counts.
    Column("last_seq", Integer, nullable=False, server_default="0"),
    # How many of those were removed. A trigger counts this, too.
    Column("gone", Integer, nullable=False, server_default="0"),
    # Unknown where we met the recipient through a link alone.
    Column("tagless_digest", LargeBinary(16), index=True),
    # Of a domain, which is a recipient too: its own digest.
    Column("domain_digest", LargeBinary(16), index=True),
    Column("language", String(8)),
    # As given; erasable. Never filled by an opt-out, which needs no address.
    Column("address", Text),
)

events = Table(
    "events",
    metadata,
    Column("recipient_id", ForeignKey("recipients.id"), primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("topic", Integer, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Column("grade", String(1)),
    Column("ends", Integer),
    # JSON: what else an event of its kind says; see `Event.facts`.
    Column("facts", Text),
    # Random, and hashed with the event: without it, nobody can guess an erased event back from its leaf hash.
    Column("nonce", LargeBinary(16), nullable=False),
    # By the batch and the line that they came from, to revert them.
    Index(
        "ix_events_imported",
        "source",
        sqlite_where=text("channel = 'import'"),
        postgresql_where=text("channel = 'import'"),
    ),
    Index(
        "ix_events_suppressed",
        "recipient_id",
        "seq",
        sqlite_where=text("kind = 'suppressed'"),
        postgresql_where=text("kind = 'suppressed'"),
    ),
    Index(
        "ix_events_questioned",
        "recipient_id",
        "seq",
        sqlite_where=text("kind = 'questioned'"),
        postgresql_where=text("kind = 'questioned'"),
    ),
    # By the mail that they came from.
    Index(
        "ix_events_mailed",
        "source",
        sqlite_where=text("channel = 'inbox'"),
        postgresql_where=text("channel = 'inbox'"),
    ),
    sqlite_with_rowid=False,
)

evidence = Table(
    "evidence",
    metadata,
    Column("recipient_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("details", Text, nullable=False),
    ForeignKeyConstraint(["recipient_id", "seq"], ["events.recipient_id", "events.seq"], name="fk_evidence_events"),
    sqlite_with_rowid=False,
)

# What a DELETE on `events` must be announced in; the trigger looks here.
removed = Table(
    "removed",
    metadata,
    Column("recipient_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("reason", String(32), nullable=False),
)

# A day of the ledger; see `mailconsent/seal.py`. Append-only.
seals = Table(
    "seals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("key", SmallInteger, nullable=False),
    Column("signature", String(64), nullable=False),
)

# Which seal covers an event, and under which leaf hash: so an altered event can be named. Append-only. The number of a
# seal that does not exist yet is that of one being made.
sealed = Table(
    "sealed",
    metadata,
    Column("recipient_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("seal", Integer, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    # In the order in which a root is computed, so that no process has to sort a day in its memory.
    Index("ix_sealed_seal", "seal", "leaf_hash"),
    sqlite_with_rowid=False,
)

# What people were shown. A trigger lets nothing be changed or deleted.
notices = Table(
    "notices",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("key", String(40), nullable=False),
    Column("version", String(40), nullable=False),
    Column("language", String(3), nullable=False),
    Column("text", Text, nullable=False),
    Column("first_stored_at", UtcDateTime, nullable=False),
)
