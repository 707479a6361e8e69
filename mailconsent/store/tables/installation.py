"""The installation itself: its keys, its topics, its policies."""

from sqlalchemy import Boolean, Column, Integer, LargeBinary, SmallInteger, String, Table, Text, false

from mailconsent.store.tables.base import UtcDateTime, metadata

# One row: under which keys the database is. See `store/generations.py`.
installation = Table(
    "installation",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("oldest_digest_generation", SmallInteger, nullable=False),
    Column("digest_generation", SmallInteger, nullable=False),
    Column("signing_generation", SmallInteger, nullable=False),
    # Whether any domain was ever suppressed; never unset.
    Column("domains", Boolean, nullable=False, server_default=false()),
)

# A value by which a key is recognised, never the key.
keys = Table(
    "keys",
    metadata,
    Column("purpose", String(8), primary_key=True),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary(16), nullable=False),
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
