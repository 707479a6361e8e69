"""
Complaints: feedback reports of RFC 5965.

Rules of this file:

1. Only a machine-readable report is a complaint. A person who writes that our mail is spam is read as a person.
2. `not-spam` (RFC 6430) and `auth-failure` (RFC 6591) are reports, but no complaints.
3. Reporters redact the recipient (RFC 6590), so the tokens in the reported message identify before any address does.
"""

from collections.abc import Callable

from mailconsent import mime
from mailconsent.classify.token import quoted_claims
from mailconsent.message import InboundMessage
from mailconsent.mime import Fields
from mailconsent.model import Classification, Label, UnsubscribeClaim

NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})
REGISTERED = frozenset({"abuse", "fraud", "virus", "other", *NO_COMPLAINT})
#: The fields that name whom the reported message was sent to, RFC 5965 section 3.2 and what reporters add.
RECIPIENT_NAMES = ("original-rcpt-to", "removal-recipient")


def detect(message: InboundMessage, read_token: Callable[[str], UnsubscribeClaim]) -> Classification | None:
    """A complaint, if the message carries a feedback report."""
    report = next((fields for kind, fields in message.reports if kind == "message/feedback-report"), None)
    if report is None:
        return None
    kind = report.get("feedback-type", ("other",))[0].lower()
    # An unregistered type counts as `other` (RFC 5965 section 3.1), and its text is the reporter's: it gives no reason.
    reason = f"feedback-type {kind}" if kind in REGISTERED else "feedback-type other"
    if kind in NO_COMPLAINT:
        return Classification(label=Label.OTHER, detector="complaint", reason=reason, confidence=1.0)
    return Classification(
        label=Label.COMPLAINT,
        detector="complaint",
        reason=reason,
        confidence=1.0,
        addresses=reported_recipients(report, message.original_headers),
        claims=quoted_claims(message, read_token),
    )


def reported_recipients(report: Fields, original: Fields) -> tuple[str, ...]:
    """Whom the reported message was sent to: by the report, else by the message's own To."""
    named = tuple(value for name in RECIPIENT_NAMES for value in report.get(name, ()))
    return mime.read_addresses(named) or mime.read_addresses(original.get("to", ()))
