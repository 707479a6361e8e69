"""What an inbound message is."""

from dataclasses import dataclass
from enum import StrEnum

from mailconsent.model.claims import MailedClaim


class Label(StrEnum):
    """What an inbound message is."""

    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto_reply"  #: an automatic response, RFC 3834
    BOUNCE_HARD = "bounce_hard"
    BOUNCE_SOFT = "bounce_soft"
    BOUNCE_UNKNOWN = "bounce_unknown"
    COMPLAINT = "complaint"
    UNSURE = "unsure"  #: left to a human
    OTHER = "other"  #: none of our business


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What an inbound message is, and what made us say so."""

    label: Label
    #: The detector that answered: `token`, `complaint`, `bounce`, `auto_reply`, `unsubscribe`; `other` when none did.
    detector: str
    #: The rule, header name or phrase that decided. Never text of the writer, never an address.
    reason: str
    #: 0 to 1.
    confidence: float
    #: Whom it is about, as far as the message says so itself; empty when it does not.
    addresses: tuple[str, ...] = ()
    #: Others whom the writer names as those to act for. Unless the sender is authenticated, a human decides.
    named: tuple[str, ...] = ()
    #: The token of ours that is the request (in the unsubscribe local part or the subject) or identifies the recipient.
    claims: tuple[MailedClaim, ...] = ()
    #: Of a report: those of them that say which mail of ours it is about, the surest first.
    returned: tuple[MailedClaim, ...] = ()
    #: Of a bounce: the status code to go by (RFC 3463), or the one that its words stand for; empty where neither tells.
    status: str = ""
