"""
What a bounce does. Rules (design 5.6):

1. It acts by its status alone; see `mailconsent/failures.py`.
2. Anybody can write a bounce. It counts where it proves that a mail of ours came back: by the token in the return path
   or the Message-ID, or by less, if the policy will have it so.
3. It is about whom that token names. Whom the report names may be somebody to whom they had it forwarded.
4. What cannot be taken back takes the full proof: that the mailbox has a new owner.
"""

from collections.abc import Iterator
from datetime import timedelta

from mailconsent.facts import standing_failure
from mailconsent.failures import Finding, judge_failure, read_trouble
from mailconsent.model import ALL_TOPICS, EventId, EventKind, Receipt, ReturnClaim
from mailconsent.policy.reports import Proof
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import Outcome, record_no
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_claim, lock_known, lock_recipient

#: For so long after the check the return path of a mail proves a bounce of it: servers try for five days or so, and a
#: mailing may be under way for some. Older ones lie about in too many mailboxes.
PROVES = timedelta(days=60)
_ORDER = tuple(Proof)


def apply_failure(tx: Transaction, mail: Mail) -> Effect:
    """Count a failure, or end the address, of whom the bounce is about."""
    if read_trouble(mail.verdict.status) is None:
        return Effect()
    proof = _proof(mail)
    if _ORDER.index(proof) > _ORDER.index(mail.reports.bounces):
        return Effect()
    effects = [_fail(tx, mail, recipient, proof) for recipient in _concerned(tx, mail, proof)]
    return Effect(
        outcomes=tuple(outcome for effect in effects for outcome in effect.outcomes),
        unsure=any(effect.unsure for effect in effects),
    )


def _proof(mail: Mail) -> Proof:
    """What tells that this is about mail of ours, at best."""
    claims = mail.verdict.claims
    if any(isinstance(claim, ReturnClaim) and _is_fresh(claim, mail) for claim in claims):
        return Proof.RETURN_PATH
    return Proof.LINK if claims else Proof.ADDRESS


def _is_fresh(claim: ReturnClaim, mail: Mail) -> bool:
    return (mail.now - PROVES).date() <= claim.sent_on <= mail.now.date()


def _concerned(tx: Transaction, mail: Mail, proof: Proof) -> Iterator[Recipient]:
    """
    Whom it is about, locked. A bounce is of one mail: of several tokens, the one that it was sent to comes first, and
    the others may be of mail that was answered or forwarded.
    """
    if proof is Proof.ADDRESS:
        for address in mail.verdict.addresses:
            # Nobody is made known by a report that proves nothing.
            if known := lock_known(tx, address):
                yield known
        return
    claims = mail.verdict.claims
    fresh = (claim for claim in claims if isinstance(claim, ReturnClaim) and _is_fresh(claim, mail))
    yield lock_claim(tx, next(fresh, claims[0]))


def _fail(tx: Transaction, mail: Mail, recipient: Recipient, proof: Proof) -> Effect:
    receipt = mail.receipt
    finding = judge_failure(
        recipient.events, mail.verdict.status, receipt.occurred_at or receipt.received_at, now=mail.now
    )
    facts = {"status": mail.verdict.status, "proof": proof.value}
    if finding is Finding.NOTHING:
        return Effect()
    if finding in (Finding.COUNTED, Finding.LOOK):
        event = receipt.event(EventKind.TRANSIENT_FAILURE, ALL_TOPICS, facts=facts)
        counted = Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)
        return Effect(outcomes=(counted,), unsure=finding is Finding.LOOK)
    if finding is Finding.OWNER_CHANGED and proof is Proof.RETURN_PATH:
        changed = receipt.event(EventKind.OWNER_CHANGED, ALL_TOPICS, facts=facts)
        outcome = record_no(tx, recipient, changed, receipt.evidence)
        # Anew, since the append made it another one.
        recipient = lock_recipient(tx, recipient.id) or recipient
        return Effect(outcomes=(outcome, _end(tx, recipient, receipt, facts)))
    return Effect(outcomes=(_end(tx, recipient, receipt, facts),))


def _end(tx: Transaction, recipient: Recipient, receipt: Receipt, facts: dict[str, str]) -> Outcome:
    """Record that the address does not work, unless that stands."""
    standing = standing_failure(recipient.events)
    if standing:
        return Outcome(event_id=EventId(recipient.id, standing), repeated=True)
    event = receipt.event(EventKind.PERMANENT_FAILURE, ALL_TOPICS, facts=facts)
    return Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)
