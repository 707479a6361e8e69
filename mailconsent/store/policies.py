"""
Policies ever in force, as their files said it.

A change of the policy counts at once and rebuilds nothing, so the events cannot tell by which policy an old decision
was made: the texts can.
"""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.store import Transaction
from mailconsent.store.tables import policies


def register_policy(tx: Transaction, text: str, *, now: datetime) -> None:
    """Remember the text of a policy that comes into force, and when it first did."""
    sha256 = hashlib.sha256(text.encode()).digest()
    if tx.connection.execute(select(policies.c.sha256).where(policies.c.sha256 == sha256)).first():
        return
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(policies).values(sha256=sha256, text=text, first_seen_at=now)
    # Another process that starts at this moment may have been first.
    tx.connection.execute(new.on_conflict_do_nothing())
