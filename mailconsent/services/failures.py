"""What follows when mail to somebody could not be delivered, whoever reports it."""

from typing import NamedTuple

from mailconsent.facts import standing_failure
from mailconsent.failures import Finding, judge_failure
from mailconsent.model import ALL_TOPICS, EventId, EventKind, Receipt
from mailconsent.services.recipients import Outcome, record_no
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_recipient


class Failed(NamedTuple):
    """What came of a failure."""

    finding: Finding
    #: The events it made or repeated; none where it says nothing of the address.
    outcomes: tuple[Outcome, ...] = ()


def record_failure(
    tx: Transaction, recipient: Recipient, status: str, receipt: Receipt, *, proof: str, proven: bool
) -> Failed:
    """
    Count a failure of a locked recipient, or end the address. `proof` is why it is believed, and stands in the event.

    What cannot be taken back, that the mailbox has a new owner, must be `proven`; else the address only fails.
    """
    failed_at = receipt.occurred_at or receipt.received_at
    finding = judge_failure(recipient.events, status, failed_at, now=receipt.received_at)
    if finding is Finding.OWNER_CHANGED and not proven:
        finding = Finding.ENDED
    facts = {"status": status, "proof": proof}
    if finding is Finding.NOTHING:
        return Failed(finding)
    if finding in (Finding.COUNTED, Finding.LOOK):
        event = receipt.event(EventKind.TRANSIENT_FAILURE, ALL_TOPICS, facts=facts)
        counted = Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)
        return Failed(finding, (counted,))
    if finding is Finding.ENDED:
        return Failed(finding, (_end(tx, recipient, receipt, facts),))
    changed = receipt.event(EventKind.OWNER_CHANGED, ALL_TOPICS, facts=facts)
    outcome = record_no(tx, recipient, changed, receipt.evidence)
    # Anew, since the append made it another one.
    recipient = lock_recipient(tx, recipient.id) or recipient
    return Failed(finding, (outcome, _end(tx, recipient, receipt, facts)))


def _end(tx: Transaction, recipient: Recipient, receipt: Receipt, facts: dict[str, str]) -> Outcome:
    """Record that the address does not work, unless that stands."""
    standing = standing_failure(recipient.events)
    if standing:
        return Outcome(event_id=EventId(recipient.id, standing), repeated=True)
    event = receipt.event(EventKind.PERMANENT_FAILURE, ALL_TOPICS, facts=facts)
    return Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)
