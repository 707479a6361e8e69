"""
The vocabulary: enums and frozen values that several rooms share.

Enum values are the strings that stand in the database and on the wire, so renaming a member is harmless and changing a
value is a migration. Times are aware and in UTC everywhere.
"""

from mailconsent.model.claims import ConfirmClaim, MailedClaim, ReturnClaim, UndoClaim, UnsubscribeClaim
from mailconsent.model.classification import Classification, Label
from mailconsent.model.events import Decision, Event, EventId, Evidence, Receipt, Standing
from mailconsent.model.kinds import ALL_TOPICS, Channel, EventKind, Grade, ImportKind, LegalBasis, MailKind, Reason

__all__ = [
    "ALL_TOPICS",
    "Channel",
    "Classification",
    "ConfirmClaim",
    "Decision",
    "Event",
    "EventId",
    "EventKind",
    "Evidence",
    "Grade",
    "ImportKind",
    "Label",
    "LegalBasis",
    "MailKind",
    "MailedClaim",
    "Reason",
    "Receipt",
    "ReturnClaim",
    "Standing",
    "UndoClaim",
    "UnsubscribeClaim",
]
