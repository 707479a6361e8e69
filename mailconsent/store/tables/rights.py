"""What people asked about their own data, and what was erased for them."""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table

from mailconsent.store.tables.base import UtcDateTime, metadata

# Nothing in it says who asked. Keyed by a number of its own, since a request may come before it is known whose it is.
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
