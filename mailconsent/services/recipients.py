"""What recipients do for themselves."""

from dataclasses import dataclass, replace

from mailconsent.address import match_key, tagless_key
from mailconsent.facts import Identified, already_said
from mailconsent.model import (
    ALL_TOPICS,
    Channel,
    Event,
    EventId,
    EventKind,
    Evidence,
    LegalBasis,
    Receipt,
    UnsubscribeClaim,
)
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append, journal
from mailconsent.store.recipients import lock_address, lock_claim, lock_tagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an opt-out."""

    event_id: EventId
    #: It stood already, so no event was added.
    repeated: bool


def unsubscribe(tx: Transaction, claim: UnsubscribeClaim, receipt: Receipt, *, quoted: bool = False) -> Outcome:
    """
    End what the link covers (design 5.4): the topic of its mail; of a soft opt-in mail, that topic and all soft opt-in.

    `quoted`: a mail quotes the link and asks in words, so that a human may yet find it misread or forged. Never
    refused: an erased recipient, a topic no longer published, and one we have no row of are unsubscribed too.
    """
    kind = EventKind.REFUSED if claim.basis is LegalBasis.SOFT_OPT_IN else EventKind.WITHDRAWN
    facts = {"identified": Identified.QUOTE.value} if quoted else {}
    return record_no(tx, lock_claim(tx, claim), receipt.event(kind, claim.topic, facts=facts), receipt.evidence)


def withdraw(tx: Transaction, address: str, receipt: Receipt, *, topic: int = ALL_TOPICS) -> Outcome:
    """End consent to a topic, or to all marketing (GDPR Article 7(3)). Raises `InvalidAddress` for what has no `@`."""
    return opt_out(tx, address, EventKind.WITHDRAWN, receipt, topic=topic)


def opt_out(tx: Transaction, address: str, kind: EventKind, receipt: Receipt, *, topic: int = ALL_TOPICS) -> Outcome:
    """
    An opt-out that came without a token, so that the address alone tells whose it is. It also covers the tagged forms
    `name+tag@` of an address (design 5.1), those to come too; but who writes with a tag means that form alone.
    """
    facts = {"identified": Identified.SENDER.value} if receipt.channel is Channel.INBOX else {}
    event = receipt.event(kind, topic, facts=facts)
    key = match_key(address)
    outcome = record_no(tx, lock_address(tx, address), event, receipt.evidence, reaching=tagless_key(key) == key)
    reach_tagged(tx, address, event, outcome.event_id)
    return outcome


def reach_tagged(tx: Transaction, address: str, no: Event, origin: EventId) -> None:
    """Record a no that came without a token, whose first event this is, of the tagged forms of the address too."""
    for tagged in lock_tagged(tx, address):
        record_no(tx, tagged, replace(no, facts={**no.facts, "of": str(origin)}), Evidence())


def record_no(
    tx: Transaction, recipient: Recipient, event: Event, support: Evidence, *, reaching: bool = False
) -> Outcome:
    """
    Record a no of a locked recipient, unless the same one stands; `reaching` if it covers tagged forms to come.
    """
    standing = already_said(recipient.events, event, reaching=reaching)
    if standing:
        journal(tx, recipient, standing, received_at=event.received_at)
        return Outcome(event_id=EventId(recipient.id, standing.seq), repeated=True)
    return Outcome(event_id=append(tx, recipient, event, support), repeated=False)
