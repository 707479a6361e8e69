"""Who may ask, and what was answered to a repeated write."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, Text

from mailconsent.store.tables.base import UtcDateTime, metadata

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
