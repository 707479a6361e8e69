"""
People undo a withdrawal that they did not mean. Rules (design 5.3):

1. For 24 hours from its receipt, by a POST from our own page, through a link that names that very withdrawal.
2. The link goes to the mailbox of the person alone, in the answer to the mail that withdrew. Whoever only holds a link
   to unsubscribe, as of a forwarded newsletter, is given none; nor is who repeats an opt-out of another day.
3. An undo ends what that act withdrew, also of the tagged forms of the address, and no other no.
4. A repeat adds nothing. What the mailbox's last owner withdrew, its new owner cannot undo (RFC 7293).
5. It grants nothing: what stood before stands again. So it is in no journal, which only ever tells of noes.
"""

from collections.abc import Sequence
from datetime import datetime

from mailconsent.address import match_key
from mailconsent.errors import Refused, TokenExpired
from mailconsent.facts import ENDERS, UNDOABLE
from mailconsent.model import Channel, Event, EventId, EventKind, Evidence, Receipt, UndoClaim
from mailconsent.retention import UNDO
from mailconsent.services.recipients import Outcome
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_copies, lock_known_claim, lock_recipient


def offer_undo(tx: Transaction, outcomes: Sequence[Outcome], address: str) -> str | None:
    """
    The token of a link that undoes what an act withdrew of the person behind this address, to whom alone it may go.

    None where it withdrew nothing of theirs that they can undo. Raises `InvalidAddress`.
    """
    key = match_key(address)
    for outcome in outcomes:
        recipient = None if outcome.repeated else lock_recipient(tx, outcome.event_id.recipient_id)
        if not recipient or tx.digester.digest(key, recipient.generation) != recipient.digest:
            continue
        withdrawal = next(event for event in recipient.events if event.seq == outcome.event_id.seq)
        if withdrawal.kind in UNDOABLE:
            claim = UndoClaim(
                digest=recipient.digest,
                generation=recipient.generation,
                topic=withdrawal.topic,
                withdrawal=withdrawal.seq,
                expires_at=_expiry(withdrawal),
            )
            return tx.signer.sign_undo(claim)
    return None


def undo(tx: Transaction, claim: UndoClaim, receipt: Receipt) -> Outcome:
    """
    The person takes back the withdrawal that the link names, and what else the same mail withdrew.

    The evidence must say `confirm_method` POST, since a mail scanner follows links, and the channel be our page. Raises
    `TokenExpired`; `Refused` where the withdrawal is gone, or was made by the mailbox's last owner.
    """
    if receipt.channel is not Channel.PAGE or receipt.evidence.details.get("confirm_method") != "POST":
        raise Refused("A withdrawal is undone by the person at our own page, with a POST, and in no other way.")
    if receipt.received_at >= claim.expires_at:
        raise TokenExpired
    recipient = lock_known_claim(tx, claim)
    named = next((e for e in recipient.events if _is_named(e, claim)), None) if recipient else None
    if not recipient or not named or _has_new_owner(recipient, named):
        raise Refused("This unsubscription can no longer be undone: sign up again.")
    done: EventId | None = None
    for event in [event for event in recipient.events if _is_of_act(event, named)]:
        if not _ender(recipient, event):
            done = _end(tx, recipient, event, receipt)
            recipient = lock_recipient(tx, recipient.id) or recipient
    if done:
        return Outcome(event_id=done, repeated=False)
    ender = _ender(recipient, named) or named
    return Outcome(event_id=EventId(recipient.id, ender.seq), repeated=True)


def _end(tx: Transaction, recipient: Recipient, event: Event, receipt: Receipt) -> EventId:
    done = append(tx, recipient, _undo_of(event, receipt), receipt.evidence)
    for tagged, copy in lock_copies(tx, recipient, EventId(recipient.id, event.seq)):
        append(tx, tagged, _undo_of(copy, receipt, of=done), Evidence())
    return done


def _undo_of(event: Event, receipt: Receipt, *, of: EventId | None = None) -> Event:
    facts = {"of": str(of)} if of else {}
    return receipt.event(EventKind.RESTORED, event.topic, ends=event.seq, facts=facts)


def _expiry(withdrawal: Event) -> datetime:
    return withdrawal.received_at.replace(microsecond=0) + UNDO


def _is_named(event: Event, claim: UndoClaim) -> bool:
    # The number alone does not do: a database that was restored from a backup gives it again.
    same = (event.seq, event.topic, _expiry(event)) == (claim.withdrawal, claim.topic, claim.expires_at)
    return same and event.kind in UNDOABLE


def _is_of_act(event: Event, named: Event) -> bool:
    # One mail may ask in words and quote a link, which are two withdrawals.
    same_mail = named.channel is Channel.INBOX and (event.channel, event.source) == (named.channel, named.source)
    return event.seq == named.seq or (same_mail and event.kind in UNDOABLE)


def _has_new_owner(recipient: Recipient, since: Event) -> bool:
    return any(event.kind is EventKind.OWNER_CHANGED and event.seq > since.seq for event in recipient.events)


def _ender(recipient: Recipient, event: Event) -> Event | None:
    return next((e for e in recipient.events if e.kind in ENDERS and e.ends == event.seq), None)
