"""What recipients do for themselves."""

from dataclasses import dataclass

from mailconsent.facts import live_no, says_already
from mailconsent.model import ALL_TOPICS, EventId, EventKind, LegalBasis, Receipt, UnsubscribeClaim
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_address, lock_claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an opt-out."""

    event_id: EventId
    #: It stood already, so no event was added.
    repeated: bool


def unsubscribe(tx: Transaction, claim: UnsubscribeClaim, receipt: Receipt) -> Outcome:
    """
    End what the link covers (design 5.4): the topic of its mail; of a soft opt-in mail, that topic and all soft opt-in.

    Never refused: an erased recipient, a topic no longer published, and one we have no row of are unsubscribed too.
    """
    kind = EventKind.REFUSED if claim.basis is LegalBasis.SOFT_OPT_IN else EventKind.WITHDRAWN
    return _opt_out(tx, lock_claim(tx, claim), kind, claim.topic, receipt)


def withdraw(tx: Transaction, address: str, receipt: Receipt, *, topic: int = ALL_TOPICS) -> Outcome:
    """End consent to a topic, or to all marketing (GDPR Article 7(3)). Raises `InvalidAddress` for what has no `@`."""
    return _opt_out(tx, lock_address(tx, address), EventKind.WITHDRAWN, topic, receipt)


def _opt_out(tx: Transaction, recipient: Recipient, kind: EventKind, topic: int, receipt: Receipt) -> Outcome:
    standing = live_no(recipient.events, kind, topic)
    if standing and says_already(standing, receipt):
        return Outcome(event_id=EventId(recipient.id, standing.seq), repeated=True)
    event_id = append(tx, recipient, receipt.event(kind, topic), receipt.evidence)
    return Outcome(event_id=event_id, repeated=False)
