"""Answering a request that a human found in a mail: as one that was clear from the beginning is answered."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from mailconsent.mail_id import MailId
from mailconsent.mailbox import Fetched
from mailconsent.model import EventId, MailedClaim
from mailconsent.services.inbox.acknowledging import acknowledge
from mailconsent.services.inbox.answers import Answers
from mailconsent.services.inbox.judging import judge
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import Outcome
from mailconsent.store import Transaction
from mailconsent.store.dossier import read_mail


def acknowledge_reviewed(
    tx: Transaction,
    mail: MailId,
    withdrawn: Sequence[EventId],
    *,
    read_token: Callable[[str], MailedClaim],
    trusted: Set[str],
    answers: Answers | None,
    now: datetime,
) -> bool:
    """
    Let the answer to a mail wait, of which a human's word has just made these withdrawals; whether there is to be one.
    """
    stored = next(read_mail(tx, [mail.source]), None)
    if stored is None or stored.raw is None or not withdrawn:
        return False
    fetched = Fetched(uid=mail.uid, raw=stored.raw, received_at=stored.received_at)
    judged = judge(fetched, read_token, trusted)
    done = Effect(outcomes=tuple(Outcome(event_id=event, repeated=False) for event in withdrawn))
    return acknowledge(tx, Mail(judged=judged, source=mail.source, now=now, swept=True, answers=answers), done)
