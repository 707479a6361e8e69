"""
Erasure (GDPR Article 17). Rules (decision 0019):

1. Who asks for it takes back every ground: with the evidence goes the proof of a consent, and no mail is sent without
   proof (GDPR Article 7(1)). So all marketing ends in the same transaction, as an objection.
2. What denies mail stays for as long as the digest does. After an erasure nobody is more mailable than before.
3. The digest goes on request only, and with it the events: they would be a history that nobody is let look up.
4. A legal hold keeps the records, and never the mail coming.
"""

from collections.abc import Sequence

from mailconsent.erasure import WARNING, Erased
from mailconsent.errors import Refused
from mailconsent.mail_id import MailId
from mailconsent.model import ALL_TOPICS, EventKind, LegalBasis, Receipt, UnsubscribeClaim
from mailconsent.services.access import mail_of
from mailconsent.services.recipients import opt_out
from mailconsent.services.review import answer_unread
from mailconsent.store import Transaction
from mailconsent.store.dossier import forget_evidence, forget_identity, forget_mail, forget_wholly, note_erasure
from mailconsent.store.holds import held, seems_held
from mailconsent.store.journal import Erasure
from mailconsent.store.ledger import Recipient
from mailconsent.store.outbox import forget_letters
from mailconsent.store.recipients import lock_address, lock_known, lock_known_claim
from mailconsent.store.retention import NOBODY, held_mail


def erase(
    tx: Transaction, address: str, receipt: Receipt, *, digest: bool = False, told: bool = False
) -> Erased | None:
    """
    Erase what identifies the person behind an address; with `digest` everything. None if nothing is recorded.

    Raises `InvalidAddress`; `Refused` for the digest unless the person was told what follows.
    """
    if digest and not told:
        raise Refused(f"Tell the person first, then repeat with `told` (--yes-they-were-told). {WARNING}")
    known = lock_known(tx, address)
    found = mail_of(tx, address, known.id, known.events) if known else mail_of(tx, address, None, [])
    mails = [mail.source for mail in found if mail.raw]
    if known is None and not mails:
        return None
    # A mail that no human has looked at may have been the request to stop: what it asked for must not go with it.
    recipient = known or lock_address(tx, address)
    # The objection locks rows of tagged forms, and `held` is to be asked after that.
    ends = not digest or seems_held(tx, recipient.id)
    ended = opt_out(tx, address, EventKind.OBJECTED, receipt).event_id if ends else None
    if held(tx, recipient.id):
        ended = ended or opt_out(tx, address, EventKind.OBJECTED, receipt).event_id
        return Erased(erased_at=receipt.received_at, ended_by=ended, held=True)
    mails = _of_nobody_held(tx, recipient, mails)
    identity = forget_identity(tx, recipient.id)
    forget_letters(tx, recipient.id)
    evidence = forget_evidence(tx, recipient.id)
    events = forget_wholly(tx, recipient) if digest else None
    messages = _forget_mail(tx, mails, receipt)
    tx.journalled.append(
        Erasure(
            digest=recipient.digest,
            generation=recipient.generation,
            received_at=receipt.received_at,
            wholly=digest,
            mails=mails,
        )
    )
    note_erasure(tx, recipient.id, receipt, evidence=evidence, messages=messages, events=events)
    return Erased(
        erased_at=receipt.received_at,
        identity=identity,
        evidence=evidence,
        messages=messages,
        events=events,
        ended_by=ended,
    )


def erase_again(tx: Transaction, erasure: Erasure, receipt: Receipt) -> bool:
    """
    Erase what a backup has brought back; whether there was any. What came after the erasure stays.

    The objection that goes with an erasure is a line of its own in the journal.
    """
    claim = UnsubscribeClaim(
        digest=erasure.digest, generation=erasure.generation, topic=ALL_TOPICS, basis=LegalBasis.CONSENT
    )
    known = lock_known_claim(tx, claim)
    if known and held(tx, known.id):
        return False
    old = [event for event in known.events if event.received_at <= erasure.received_at] if known else []
    mails = _of_nobody_held(tx, known, [*erasure.mails, *(event.source for event in old)])
    if known is None or not old:
        return _forget_mail(tx, mails, receipt) > 0
    forget_letters(tx, known.id)
    came_back = len(old) < len(known.events)
    evidence = forget_evidence(tx, known.id, until=old[-1].seq)
    identity = not came_back and forget_identity(tx, known.id)
    events = forget_wholly(tx, known) if erasure.wholly and not came_back else None
    messages = _forget_mail(tx, mails, receipt)
    found = bool(messages or evidence or identity) or events is not None
    if found:
        note_erasure(tx, known.id, receipt, evidence=evidence, messages=messages, events=events)
    return found


def _forget_mail(tx: Transaction, mails: Sequence[str], receipt: Receipt) -> int:
    """Forget the text of these mails; of how many. Whom else one may be about loses no request with it."""
    answer_unread(tx, filter(None, map(MailId.of_source, mails)), receipt)
    return forget_mail(tx, mails)


def _of_nobody_held(tx: Transaction, recipient: Recipient | None, mails: Sequence[str]) -> list[str]:
    """Of the mails of a recipient those that can go: one may be of two people, and of the other it is to be kept."""
    places = held_mail(tx, locked=True, but_of=recipient.id if recipient else NOBODY)
    others = {place.source for place in places}
    return [source for source in mails if source not in others]
