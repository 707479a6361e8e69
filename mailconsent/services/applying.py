"""
A human took a mail for a request: it is applied, who wrote it is told, and it gets its mark, as the worker would have
done at once.
"""

from collections.abc import Sequence

from mailconsent.classify.identity import key_of, writers
from mailconsent.mail_id import MailId
from mailconsent.mailbox import Fetched
from mailconsent.model import EventId, Receipt
from mailconsent.services.inbox import answers_of, judge
from mailconsent.services.inbox.acknowledging import acknowledge
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.installation import Installation
from mailconsent.services.recipients import Outcome
from mailconsent.services.review import Answered, apply
from mailconsent.store import Transaction
from mailconsent.store.dossier import find_recipient
from mailconsent.store.marks import lack_mark
from mailconsent.store.review import Waiting, read_text, read_waiting


def apply_and_tell(
    tx: Transaction,
    here: Installation,
    mail_id: MailId,
    receipt: Receipt,
    *,
    addresses: Sequence[str] = (),
    reason: str = "",
    tell: bool = True,
) -> Answered:
    """As `review.apply`. With `tell`, the writer is told, but only where it was their own address that was meant."""
    waiting, raw = read_waiting(tx, mail_id), read_text(tx, mail_id)
    answered = apply(tx, mail_id, receipt, addresses=addresses, reason=reason)
    # What came through a pipe lies in no mailbox.
    if here.settings.mark and waiting and waiting.mailbox in {inbox.address.name for inbox in here.settings.inboxes}:
        lack_mark(tx, mail_id)
    if tell and waiting and raw:
        _tell(tx, here, waiting, raw, answered.withdrawn, receipt)
    return answered


def _tell(
    tx: Transaction, here: Installation, waiting: Waiting, raw: bytes, made: Sequence[EventId], receipt: Receipt
) -> None:
    fetched = Fetched(uid=waiting.id.uid, raw=raw, received_at=waiting.received_at)
    judged = judge(fetched, here.store.keyring.read_mailed, here.settings.trusted_authserv_ids)
    about = writers(judged.message) if judged.message else ()
    # Who has no address to be told at keeps nobody's request back.
    writer = find_recipient(tx, about[0]) if len(about) == 1 and key_of(about[0]) else None
    outcomes = tuple(Outcome(event_id=event, repeated=False) for event in made)
    if writer is None or not any(event.recipient_id == writer.id for event in made):
        return
    mail = Mail(
        judged=judged,
        source=waiting.id.source,
        now=receipt.received_at,
        # A human has just read it: it is no mail of years ago that nobody looked at.
        swept=True,
        answers=answers_of(here.settings, here.rules),
    )
    acknowledge(tx, mail, Effect(outcomes=outcomes))
