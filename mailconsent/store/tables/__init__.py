"""
Columns, constraints and indexes; nothing else. The migrations make the same schema, and a test compares the two.

Every primary key and unique constraint of a table that concerns a person begins with the recipient's id or digest, so
that these tables can be spread over several databases (design section 6).
"""

from mailconsent.store.tables.access import api_keys, idempotency
from mailconsent.store.tables.answers import sales, sends, standings
from mailconsent.store.tables.base import UtcDateTime, in_utc, metadata
from mailconsent.store.tables.imports import imports
from mailconsent.store.tables.inbox import inbound_messages, mailboxes, questions
from mailconsent.store.tables.installation import installation, keys, policies, topics
from mailconsent.store.tables.ledger import events, evidence, notices, recipients, removed, sealed, seals
from mailconsent.store.tables.outbox import outbox
from mailconsent.store.tables.retention import certificates, legal_holds
from mailconsent.store.tables.rights import erasures, rights_requests

__all__ = [
    "UtcDateTime",
    "api_keys",
    "certificates",
    "erasures",
    "events",
    "evidence",
    "idempotency",
    "imports",
    "in_utc",
    "inbound_messages",
    "installation",
    "keys",
    "legal_holds",
    "mailboxes",
    "metadata",
    "notices",
    "outbox",
    "policies",
    "questions",
    "recipients",
    "removed",
    "rights_requests",
    "sales",
    "sealed",
    "seals",
    "sends",
    "standings",
    "topics",
]
