"""Objection and restriction, which a person asks for and an operator records. Neither deletes anything."""

from mailconsent.model import ALL_TOPICS, EventId, EventKind, Receipt
from mailconsent.rights import RESTRICTION, restriction
from mailconsent.services.recipients import Outcome, opt_out
from mailconsent.store import Transaction
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address


def object_to_marketing(tx: Transaction, address: str, receipt: Receipt) -> Outcome:
    """
    End all marketing for good (GDPR Article 21(2) and (3)). An address that nothing is recorded of is one that may be
    imported tomorrow, so its objection is kept too. Raises `InvalidAddress`.
    """
    return opt_out(tx, address, EventKind.OBJECTED, receipt)


def restrict(tx: Transaction, address: str, receipt: Receipt) -> Outcome:
    """
    Stop marketing and retention until an operator releases it, after telling the person (GDPR Article 18).

    A suppression of its own beside whatever else stands, so that no other release ends it. Raises `InvalidAddress`.
    """
    recipient = lock_address(tx, address)
    standing = restriction(recipient.events)
    if standing:
        return Outcome(event_id=EventId(recipient.id, standing.seq), repeated=True)
    event = receipt.event(EventKind.SUPPRESSED, ALL_TOPICS, facts={"why": RESTRICTION})
    return Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)
