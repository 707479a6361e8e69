"""
Columns, constraints and indexes; nothing else. The migrations make the same schema, and a test compares the two.

Every primary key and unique constraint of a table that concerns a person begins with the recipient's id or digest, so
that these tables can be spread over several databases (design section 6).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)


def in_utc(moment: datetime) -> datetime:
    """An aware time in UTC. Raises `ValueError` for one without a time zone, which could be any time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, in UTC on both databases. SQLite would give it back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Names that both databases derive alike, so that later migrations can drop a constraint by its name.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# One row: under which keys the database is. See `store/generations.py`.
installation = Table(
    "installation",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("oldest_digest_generation", SmallInteger, nullable=False),
    Column("digest_generation", SmallInteger, nullable=False),
    Column("signing_generation", SmallInteger, nullable=False),
)

# A value by which a key is recognised, never the key.
keys = Table(
    "keys",
    metadata,
    Column("purpose", String(8), primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary(16), nullable=False),
)

recipients = Table(
    "recipients",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("generation", SmallInteger, nullable=False),
    # The highest number that an event of theirs ever had, so that none is given twice, whatever retention takes away. A
    # trigger counts.
    Column("last_seq", Integer, nullable=False, server_default="0"),
    # Unknown where we met the recipient through a link alone.
    Column("tagless_digest", LargeBinary(16), index=True),
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
    Index(
        "ix_events_requested",
        "received_at",
        sqlite_where=text("kind = 'consent_requested'"),
        postgresql_where=text("kind = 'consent_requested'"),
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

standings = Table(
    "standings",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("topic", Integer, primary_key=True, autoincrement=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("failure", Integer),
    Column("denial", String(24)),
    Column("denial_event", Integer),
    Column("consent", Integer),
    Column("grade", String(1)),
    Column("given_anew", Integer),
    sqlite_with_rowid=False,  # half the size, and a look-up is one descent instead of two
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

sales = Table(
    "sales",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("recipient_id", BigInteger, nullable=False),
    # JSON: what was sold, and what bars soft opt-in; see `store/sales.py`.
    Column("told", Text, nullable=False),
    sqlite_with_rowid=False,
)

topics = Table(
    "topics",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", String(40), nullable=False),
)

# Every policy that was ever in force, so that an old decision can be explained by the text of its time.
policies = Table(
    "policies",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("text", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(512), nullable=False, unique=True),
    Column("uidvalidity", BigInteger),
    Column("last_uid", BigInteger, nullable=False),
    Column("checked_at", UtcDateTime),
    Column("lease_holder", String(32)),
    Column("lease_until", UtcDateTime),
)


def _partial_index(*columns: str, where: str) -> Index:
    return Index(f"ix_inbound_messages_{columns[0]}", *columns, sqlite_where=text(where), postgresql_where=text(where))


inbound_messages = Table(
    "inbound_messages",
    metadata,
    Column("mailbox_id", ForeignKey("mailboxes.id"), primary_key=True, autoincrement=False),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("raw_digest", LargeBinary(16), nullable=False),
    # Of what a server leaves alone when it renders a message anew; none where that would not tell two requests apart,
    # and of mail that is none of our business.
    Column("content_digest", LargeBinary(16)),
    Column("state", String(8), nullable=False),
    Column("copy", Boolean, nullable=False),
    Column("label", String(16), nullable=False),
    Column("detector", String(16), nullable=False),
    Column("reason", String(120), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    # Kept only of mail that had an effect or awaits a human; erasable.
    Column("raw", LargeBinary),
    # Most mail is neither ours nor anybody's work, and is in no index.
    _partial_index("raw_digest", where="content_digest is not null"),
    _partial_index("content_digest", where="content_digest is not null"),
    _partial_index("state", "stored_at", where="state <> 'done'"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("secret_digest", LargeBinary(32), nullable=False),
    Column("scopes", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

# What was answered to a write with an Idempotency-Key. Neither the key nor the request can be read back from it.
idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key_id", ForeignKey("api_keys.id"), primary_key=True),
    Column("key_digest", LargeBinary(16), primary_key=True),
    Column("request_digest", LargeBinary(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_at", UtcDateTime, nullable=False, index=True),
)

# What people asked about their own data, and by when it is answered; nothing in it says who asked. Keyed by a number of
# its own, since a request may come before it is known whose it is.
rights_requests = Table(
    "rights_requests",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("recipient_id", BigInteger),
    Column("received_on", Date, nullable=False),
    Column("identified_on", Date),
    Column("extended_on", Date),
    Column("delay", String(16)),
    Column("answered_on", Date),
    Column("answer", String(16)),
)

# That something was erased, when and by whom; of whom, only as the random id says it.
erasures = Table(
    "erasures",
    metadata,
    Column("recipient_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(12), primary_key=True),
    Column("erased_at", UtcDateTime, nullable=False),
    Column("source", String(64), nullable=False),
    Column("evidence", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    # None where the digest stayed, and the events with it.
    Column("events", Integer),
)
