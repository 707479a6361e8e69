"""What senders report of mail of theirs. The API key vouches for it, so no other proof is asked for."""

from dataclasses import replace

from mailconsent.classify.bounce.status import read_status, weigh
from mailconsent.failures import Finding, read_trouble
from mailconsent.model import ALL_TOPICS, EventKind, Receipt
from mailconsent.services.failures import Failed, record_failure
from mailconsent.services.recipients import Outcome, record_no
from mailconsent.store import Transaction
from mailconsent.store.recipients import lock_address, lock_known

#: As the event says it.
PROOF = "key"


def record_bounce(tx: Transaction, address: str, receipt: Receipt, *, status: str, said: str) -> Failed:
    """
    Record that a mail failed: with this status, or where there is none, for what the server said. Raises
    `InvalidAddress`.
    """
    code, _by_words = weigh(read_status(status, said), said)
    # What says nothing of the address makes nobody known.
    recipient = lock_address(tx, address) if read_trouble(code) else lock_known(tx, address)
    if recipient is None:
        return Failed(Finding.NOTHING)
    return record_failure(tx, recipient, code, _in_time(receipt), proof=PROOF, proven=True)


def record_complaint(tx: Transaction, address: str, receipt: Receipt) -> Outcome:
    """Record that the person reported a mail as spam: it ends all marketing to them. Raises `InvalidAddress`."""
    told = _in_time(receipt)
    complaint = told.event(EventKind.COMPLAINT, ALL_TOPICS, facts={"proof": PROOF})
    return record_no(tx, lock_address(tx, address), complaint, told.evidence)


def _in_time(receipt: Receipt) -> Receipt:
    """Without the time of a wrong clock, which must not cost anyone their no."""
    late = receipt.occurred_at and receipt.occurred_at > receipt.received_at
    return replace(receipt, occurred_at=None) if late else receipt
