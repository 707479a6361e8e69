"""What may not be deleted yet, and what was."""

from sqlalchemy import BigInteger, Column, Date, LargeBinary, String, Table

from mailconsent.store.tables.base import UtcDateTime, metadata

# Whose records are not deleted yet. Few, and asked for each deletion: a table for every node, so its key is its own.
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("recipient_id", BigInteger),
    # The reference of a claim: an event's `source`.
    Column("claim", String(64)),
    Column("reason", String(24), nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("review_by", Date, nullable=False),
    Column("ended_at", UtcDateTime),
)

# What retention deleted, added up by day: nothing that names anyone, so it may be kept for ever.
certificates = Table(
    "certificates",
    metadata,
    Column("made_on", Date, primary_key=True),
    Column("records", String(24), primary_key=True),
    Column("reason", String(32), primary_key=True),
    # The policy that promised it, by the hash of its text.
    Column("policy", LargeBinary(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
    # Of what was deleted.
    Column("oldest", Date, nullable=False),
    Column("newest", Date, nullable=False),
)
