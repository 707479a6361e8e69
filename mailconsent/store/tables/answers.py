"""What decides an answer, made of the ledger and of what was sent."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Integer, LargeBinary, String, Table, Text

from mailconsent.store.tables.base import metadata

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
    Column("consent_at", BigInteger),
    Column("newer", Integer),
    Column("newer_at", BigInteger),
    Column("country", String(2)),
    # From `sends`; all the others are the fold's.
    Column("used_on", Integer),
    sqlite_with_rowid=False,  # half the size, and a look-up is one descent instead of two
)

sales = Table(
    "sales",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("recipient_id", BigInteger, nullable=False),
    # JSON: what was sold, and what bars soft opt-in; see `store/sales.py`.
    Column("told", Text, nullable=False),
    # From `sends`: the day of the last mail that rested on one, as `date.toordinal` counts.
    Column("last_sent_on", Integer),
    sqlite_with_rowid=False,
)

# What was really sent, without an address: why it was lawful, or that it was not.
sends = Table(
    "sends",
    metadata,
    Column("recipient_id", ForeignKey("recipients.id"), primary_key=True, autoincrement=False),
    # The sender's own name of the mailing. Never an address.
    Column("send_id", String(64), primary_key=True),
    Column("topic", Integer, nullable=False),
    # In the company's time zone.
    Column("day", Date, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("basis", String(16)),
    # The event that decided. It may be gone since: retention removes what decides nothing any more.
    Column("seq", Integer),
    sqlite_with_rowid=False,
)
