"""
What a report of spam does. Rules (design 5.6; RFC 5965):

1. Anybody can write one. It counts where it brings a token of ours, or where a reporter whom the policy names sent it,
   as our own server has found out (RFC 8601).
2. A token says whom it is about; reporters leave addresses out (RFC 6590). Those of the reported mail itself go before
   those that it only quotes. Without one, the addresses that the report names are believed.
3. It is an objection to all marketing, and says nothing of other mail. Nobody but the person lifts it.
4. One that does not count may be true all the same: a human looks at it.
"""

from collections.abc import Iterator

from mailconsent.classify.identity import key_of
from mailconsent.model import ALL_TOPICS, EventKind
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import Outcome, record_no
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient
from mailconsent.store.recipients import lock_address, lock_claim


def apply_complaint(tx: Transaction, mail: Mail) -> Effect:
    """Record a complaint of whom the report is about."""
    outcomes = tuple(_complaints(tx, mail))
    return Effect(outcomes=outcomes, unsure=not outcomes)


def _complaints(tx: Transaction, mail: Mail) -> Iterator[Outcome]:
    if claims := mail.verdict.returned or mail.verdict.claims:
        for claim in claims:
            yield _complain(tx, mail, lock_claim(tx, claim), "token")
    elif mail.reports.believes(mail.judged.sender):
        # What is no address, as where it was left out, is nobody.
        for address in filter(key_of, mail.verdict.addresses):
            yield _complain(tx, mail, lock_address(tx, address), "reporter")


def _complain(tx: Transaction, mail: Mail, recipient: Recipient, proof: str) -> Outcome:
    receipt = mail.receipt
    event = receipt.event(EventKind.COMPLAINT, ALL_TOPICS, facts={"proof": proof})
    return record_no(tx, recipient, event, receipt.evidence)
