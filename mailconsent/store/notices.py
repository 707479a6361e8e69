"""The notices that people were shown: stored once, found by their hash, never changed and never deleted."""

from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.notice import Notice
from mailconsent.store import Transaction
from mailconsent.store.driver import rows
from mailconsent.store.tables import notices

_NOTICE = "select key, version, language, text from notices where sha256 = :sha256"


def keep_notice(tx: Transaction, notice: Notice, *, now: datetime) -> None:
    """Store a notice, unless it is there already."""
    # Asked first: nearly every consent shows a notice that is known, and an insert would wait for who else adds it.
    if read_notice(tx, notice.sha256):
        return
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    tx.connection.execute(
        dialect.insert(notices)
        .values(
            sha256=bytes.fromhex(notice.sha256),
            key=notice.key,
            version=notice.version,
            language=notice.language,
            text=notice.text,
            first_stored_at=now,
        )
        .on_conflict_do_nothing(index_elements=["sha256"])
    )


def read_notice(tx: Transaction, sha256: str) -> Notice | None:
    """The notice of this hash, in hex."""
    for key, version, language, text in rows(tx.connection, _NOTICE, {"sha256": bytes.fromhex(sha256)}):
        return Notice(key=key, version=version, language=language, text=text)
    return None
