"""
What unclear mail does (design 5.6): marketing to whom it is about stops, until a human has read it.

A question is forged as easily as a request, and dismissed as easily as one is released. So it is also put to whom the
writer names.
"""

from contextlib import suppress

from mailconsent.classify.identity import MAX_NAMED
from mailconsent.errors import InvalidAddress
from mailconsent.facts import Identified
from mailconsent.mail_id import MailId
from mailconsent.model import ALL_TOPICS, EventKind
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import Outcome, opt_out, record_no
from mailconsent.store import Transaction
from mailconsent.store.recipients import lock_claim
from mailconsent.store.review import hang

#: More people than this wrote no mail, and more are named by no request of one person: none of them is stopped.
MAX_ASKED = MAX_NAMED


def ask(tx: Transaction, mail: Mail) -> Effect:
    """
    Put the question to all whom the mail may be about, as far as they can be named: also to nobody. It awaits a human.

    Of two mails that ask the same of one person, the second makes no event: its answer is waited for, too.
    """
    verdict = mail.verdict
    few = (some for some in (verdict.addresses, verdict.named) if len(some) <= MAX_ASKED)
    addresses = dict.fromkeys(address for some in few for address in some)
    receipt = mail.receipt
    quoted = receipt.event(EventKind.QUESTIONED, ALL_TOPICS, facts={"identified": Identified.QUOTE.value})
    asked: list[Outcome] = [record_no(tx, lock_claim(tx, claim), quoted, receipt.evidence) for claim in verdict.claims]
    for address in addresses:
        with suppress(InvalidAddress):
            asked.append(opt_out(tx, address, EventKind.QUESTIONED, receipt))
    hang(tx, MailId.read(mail.source), {outcome.event_id for outcome in asked})
    return Effect(outcomes=tuple(asked), unsure=True)
