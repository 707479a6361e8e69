"""
What operators decide: that there is to be no marketing mail, and that a no of the wrong kind ends.

1. A suppression is of one address, or of a domain and all that is under it. It never expires.
2. A release names the one event that it ends (design 5.3): a suppression, an open question, a permanent failure, or a
   request in the contact inbox, without a token, that a human found misread or forged.
3. Only an operator releases, with a reason, and never an API key. A no that people said for themselves is theirs.
"""

from dataclasses import dataclass

from mailconsent.address import domain_key
from mailconsent.errors import Refused
from mailconsent.facts import ENDERS, ended, may_be_misread, may_end
from mailconsent.model import ALL_TOPICS, Channel, Event, EventId, EventKind, Evidence, Receipt
from mailconsent.rights import is_restriction
from mailconsent.services.recipients import Outcome
from mailconsent.shared_domains import SHARED_DOMAINS
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_address, lock_copies, lock_domain, lock_recipient
from mailconsent.store.review import asking_again, awaits_mail

RELEASABLE = frozenset({EventKind.SUPPRESSED, EventKind.QUESTIONED, EventKind.PERMANENT_FAILURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What came of a release."""

    event_id: EventId
    #: It was released already, so no event was added.
    repeated: bool
    #: How many tagged forms of the address it released too.
    copies: int = 0


def suppress(tx: Transaction, address: str, receipt: Receipt) -> Outcome:
    """Stop marketing mail to this address, in just this form. Raises `InvalidAddress` for what has no `@`."""
    return _suppress(tx, lock_address(tx, address), receipt)


def suppress_domain(tx: Transaction, domain: str, receipt: Receipt, *, shared: bool = False) -> Outcome:
    """
    Stop marketing mail to every address of this domain and of those under it, whoever is there now or later.

    Raises `InvalidDomain`; `Refused` for a domain of a public provider or of a registry, unless `shared` says that all
    who have mailboxes there are meant.
    """
    key = domain_key(domain)
    if key in SHARED_DOMAINS and not shared:
        raise Refused(
            "People who have nothing to do with each other have mailboxes under this domain. An operator who means all "
            "of them says so: `mailconsent suppress @DOMAIN --yes`."
        )
    return _suppress(tx, lock_domain(tx, key), receipt)


def _suppress(tx: Transaction, recipient: Recipient, receipt: Receipt) -> Outcome:
    gone = ended(recipient.events)
    # A restriction is released when its own reason is gone, and takes no other suppression with it.
    blocks = (e for e in recipient.events if e.kind is EventKind.SUPPRESSED and not is_restriction(e))
    standing = next((e for e in blocks if e.seq not in gone), None)
    if standing:
        return Outcome(event_id=EventId(recipient.id, standing.seq), repeated=True)
    event = receipt.event(EventKind.SUPPRESSED, ALL_TOPICS)
    return Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)


def release(tx: Transaction, event_id: EventId, receipt: Receipt, reason: str) -> Released:
    """
    End this one event, and of a request what it did to the tagged forms of its address. The reason is kept as evidence.

    Raises `Refused`, saying why, for what nobody may release, and for whoever is no operator.
    """
    if receipt.channel is not Channel.OPERATOR:
        raise Refused("Only an operator releases, with `mailconsent release`.")
    if not reason.strip():
        raise Refused("A release needs a reason.")
    recipient = lock_recipient(tx, event_id.recipient_id)
    event = next((e for e in recipient.events if e.seq == event_id.seq), None) if recipient else None
    if not recipient or not event:
        raise Refused("There is no such event.")
    if refusal := _refusal(event):
        raise Refused(refusal)
    enders = [e for e in recipient.events if e.ends == event.seq and e.kind in ENDERS and may_end(e.kind, event)]
    if any(e.kind is EventKind.WITHDRAWN for e in enders):
        raise Refused("This question was answered: it was a request. If that was wrong, release the withdrawal.")
    if event.kind is EventKind.QUESTIONED and awaits_mail(tx, event_id):
        raise Refused("Answer the mail that asks this: `mailconsent review list` has its id.")
    if ender := next(iter(enders), None):
        return Released(event_id=EventId(recipient.id, ender.seq), repeated=True)
    _refuse_what_another_mail_asks(tx, event_id, event)
    evidence = Evidence(details={**receipt.evidence.details, "reason": reason.strip()})
    released = append(tx, recipient, _release_of(event, receipt), evidence)
    copies = 0
    for tagged, copy in lock_copies(tx, recipient, event_id) if may_be_misread(event) else ():
        append(tx, tagged, _release_of(copy, receipt, of=released), Evidence())
        copies += 1
    return Released(event_id=released, repeated=False, copies=copies)


def _refuse_what_another_mail_asks(tx: Transaction, event_id: EventId, event: Event) -> None:
    if event.ends and awaits_mail(tx, EventId(event_id.recipient_id, event.ends)):
        # It stands for the question of that mail, too.
        raise Refused("Another mail asks the same, and has no answer yet: `mailconsent review list` has its id.")
    if event.kind is not EventKind.QUESTIONED and (mails := asking_again(tx, event_id)):
        raise Refused(
            f"Mail that came later asks the same: {', '.join(map(str, mails))}. If that is no request either, "
            "`mailconsent review dismiss` it first."
        )


def is_releasable(event: Event) -> bool:
    """Whether an operator may end this event."""
    return _refusal(event) is None


def _release_of(event: Event, receipt: Receipt, *, of: EventId | None = None) -> Event:
    facts = {"of": str(of)} if of else {}
    return receipt.event(EventKind.RELEASED, event.topic, ends=event.seq, facts=facts)


def _refusal(event: Event) -> str | None:
    if event.kind in RELEASABLE or may_be_misread(event):
        return None
    if event.channel is Channel.INBOX:
        return f"This event ({event.kind}) came with a link of the recipient's own, so nobody may release it."
    return (
        f"Nobody may release this event ({event.kind}): only a suppression, a question, a permanent failure, or a "
        "request in the contact inbox without a link of ours, can be."
    )
