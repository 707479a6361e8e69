"""The contact inbox."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
    text,
)

from mailconsent.store.tables.base import UtcDateTime, metadata

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(512), nullable=False, unique=True),
    Column("uidvalidity", BigInteger),
    Column("last_uid", BigInteger, nullable=False),
    Column("checked_at", UtcDateTime),
    # Under which it was last read to its end. Until then what is found may be old.
    Column("swept_uidvalidity", BigInteger),
    Column("lease_holder", String(32)),
    Column("lease_until", UtcDateTime),
)


def _partial_index(name: str, *columns: str, where: str) -> Index:
    columns = columns or (name,)
    return Index(f"ix_inbound_messages_{name}", *columns, sqlite_where=text(where), postgresql_where=text(where))


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
    # Until when a human is to decide; none of mail that nobody has to look at.
    Column("review_until", UtcDateTime),
    # Kept only of mail that had an effect or awaits a human; erasable.
    Column("raw", LargeBinary),
    # Had an effect, and its mark in the mailbox is still to be set.
    Column("unmarked", Boolean, nullable=False, server_default=false()),
    # Most mail is neither ours nor anybody's work, and is in no index.
    _partial_index("raw_digest", where="content_digest is not null"),
    _partial_index("content_digest", where="content_digest is not null"),
    _partial_index("state", "state", "stored_at", where="state <> 'done'"),
    _partial_index("stored_at", where="raw is not null"),
    _partial_index("unmarked", "mailbox_id", "uidvalidity", "uid", where="unmarked"),
)

# The events that a mail asks for besides the one that made them: questions, until it is answered, and requests that it
# makes again. Several mails may ask the same, and none is to be forgotten when another one is answered or taken back.
questions = Table(
    "questions",
    metadata,
    Column("recipient_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("mailbox_id", Integer, primary_key=True, autoincrement=False),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_questions_mailbox_id", "mailbox_id", "uidvalidity", "uid"),
    sqlite_with_rowid=False,
)
