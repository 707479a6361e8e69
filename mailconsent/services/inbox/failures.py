"""
What a bounce does. Rules (design 5.6):

1. It acts by its status alone; see `mailconsent/failures.py`.
2. Anybody can write a bounce. It counts where it proves that a mail of ours came back: by the token in the return path
   or the Message-ID, or by less, if the policy will have it so.
3. It is about whom that token names. Whom the report names may be somebody to whom they had it forwarded. Mail that
   only answers or quotes ours may come back, too: what it quotes proves nothing.
4. What cannot be taken back takes the full proof: that the mailbox has a new owner.
5. It makes nobody known: who was erased since the mail went out stays so, and is mailed no more anyway.
"""

from collections.abc import Iterator
from datetime import timedelta

from mailconsent.classify.identity import key_of
from mailconsent.failures import Finding, read_trouble
from mailconsent.model import ReturnClaim
from mailconsent.policy.reports import Proof
from mailconsent.services.failures import record_failure
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient
from mailconsent.store.recipients import lock_known, lock_known_claim

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
    proven = proof is Proof.RETURN_PATH
    failures = [
        record_failure(tx, recipient, mail.verdict.status, mail.receipt, proof=proof.value, proven=proven)
        for recipient in _concerned(tx, mail, proof)
    ]
    return Effect(
        outcomes=tuple(outcome for failure in failures for outcome in failure.outcomes),
        unsure=any(failure.finding is Finding.LOOK for failure in failures),
    )


def _proof(mail: Mail) -> Proof:
    """What tells that this is about mail of ours, at best."""
    claims = mail.verdict.returned
    if any(isinstance(claim, ReturnClaim) and _is_fresh(claim, mail) for claim in claims):
        return Proof.RETURN_PATH
    return Proof.LINK if claims else Proof.ADDRESS


def _is_fresh(claim: ReturnClaim, mail: Mail) -> bool:
    failed_at = mail.receipt.occurred_at or mail.now
    return claim.sent_on >= (failed_at - PROVES).date()


def _concerned(tx: Transaction, mail: Mail, proof: Proof) -> Iterator[Recipient]:
    """Whom it is about, locked. A bounce is of one mail, and the surest of its tokens comes first."""
    if proof is Proof.ADDRESS:
        for address in filter(key_of, mail.verdict.addresses):
            if known := lock_known(tx, address):
                yield known
        return
    claims = mail.verdict.returned
    fresh = (claim for claim in claims if isinstance(claim, ReturnClaim) and _is_fresh(claim, mail))
    if known := lock_known_claim(tx, next(fresh, claims[0])):
        yield known
