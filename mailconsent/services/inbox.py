"""
What mail to the contact inbox does. Rules (design 5.6):

1. Reading and judging happen outside the transaction, and one message that breaks us breaks nothing else.
2. Cursor, results and effects of a batch commit together; each effect has a savepoint of its own.
3. A message copied, moved back, or seen again under another UIDVALIDITY has no second effect.
4. Raw text is kept only of mail that had an effect or awaits a human.
"""

import hashlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailconsent.authentication import authenticated_domain, read_authentication
from mailconsent.classify import classify
from mailconsent.classify.identity import settle_named
from mailconsent.errors import InvalidAddress, Unavailable
from mailconsent.mailbox import Fetched
from mailconsent.message import content_identity, parse_message
from mailconsent.model import (
    ALL_TOPICS,
    Channel,
    Classification,
    Evidence,
    Label,
    LegalBasis,
    MailedClaim,
    Receipt,
    UnsubscribeClaim,
)
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.store import Transaction
from mailconsent.store.inbox import Cursor, State, Stored, advance, remember, seen

BROKEN = Classification(label=Label.UNSURE, detector="guard", reason="message broke the reader", confidence=0.0)
#: Of such a message only the header was read, so that what it says is unknown.
UNREADABLE = frozenset({"too_deep", "too_many_headers", "unparsable"})
WITHHELD = replace(BROKEN, reason="server withholds the message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A message, read and judged; nothing is stored of it yet."""

    fetched: Fetched
    raw_digest: bytes
    #: None where it would not tell two requests apart, and of mail that is none of our business.
    content_digest: bytes | None
    classification: Classification
    failed: bool
    #: What our server found of the sender (RFC 8601); None where no server of ours says so.
    authentication: str | None = None


def judge(fetched: Fetched, read_token: Callable[[str], MailedClaim], trusted: Set[str] = frozenset()) -> Judged:
    """
    What a message is. Total: one that defeats us is left to a human, and the loop goes on.

    `trusted`: the authserv-ids of our own servers; without any, nobody is authenticated.
    """
    raw_digest = hashlib.blake2b(fetched.raw, digest_size=16).digest()
    if fetched.withheld:
        return _failed(fetched, raw_digest, WITHHELD)
    try:
        message = parse_message(fetched.raw)
        verdict = settle_named(classify(message, read_token), authenticated_domain(message, trusted))
        found = read_authentication(message, trusted)
        if message.defect in UNREADABLE and verdict.label is Label.OTHER:
            verdict = replace(BROKEN, reason=message.defect)
        return Judged(
            fetched=fetched,
            raw_digest=raw_digest,
            content_digest=None if verdict.label is Label.OTHER else content_identity(message, fetched.raw),
            classification=verdict,
            authentication=found.summary() if found else None,
            failed=False,
        )
    except Exception:  # noqa: BLE001 - one bad mail must never block the box (design 5.6)
        return _failed(fetched, raw_digest, BROKEN)


def _failed(fetched: Fetched, raw_digest: bytes, verdict: Classification) -> Judged:
    return Judged(fetched=fetched, raw_digest=raw_digest, content_digest=None, classification=verdict, failed=True)


def process(
    tx: Transaction, cursor: Cursor, holder: str, batch: Sequence[Judged], *, now: datetime, lease: timedelta
) -> Cursor:
    """
    Store a batch with its effects, move the cursor past it and stay the holder for the time of a `lease` more. Raises
    `LeaseLost` if the mailbox is another worker's.
    """
    # First the cursor: its row is the lock that keeps a worker which lost the lease from writing anything.
    moved = advance(tx, cursor, holder, batch[-1].fetched.uid, lease_until=now + lease)
    known = seen(tx, [digest for m in batch if m.content_digest for digest in (m.raw_digest, m.content_digest)])
    results = []
    for judged in batch:
        # Only a message with an identity of its own can be known as a copy: of two alike without one, both count.
        identity = {judged.raw_digest, judged.content_digest} if judged.content_digest else set()
        copy = bool(identity & known)
        known |= identity
        results.append(_settle(tx, cursor, judged, copy=copy, now=now))
    remember(tx, cursor, results, now=now)
    return moved


def _settle(tx: Transaction, cursor: Cursor, judged: Judged, *, copy: bool, now: datetime) -> Stored:
    verdict = judged.classification
    state = State.FAILED if judged.failed else State.REVIEW if verdict.label is Label.UNSURE else State.DONE
    acts = verdict.label is Label.UNSUBSCRIBE and not copy
    if acts:
        try:
            with tx.savepoint():
                _apply(tx, cursor, judged, now)
        except InvalidAddress:
            # A request from nobody we can name.
            state, verdict = State.REVIEW, replace(verdict, label=Label.UNSURE)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - as in `judge`: what one mail breaks stays with that mail
            state, verdict = State.FAILED, BROKEN
    return Stored(
        uid=judged.fetched.uid,
        raw_digest=judged.raw_digest,
        content_digest=judged.content_digest,
        state=state,
        copy=copy,
        classification=verdict,
        received_at=judged.fetched.received_at,
        raw=judged.fetched.raw if acts or state is not State.DONE else None,
    )


def _apply(tx: Transaction, cursor: Cursor, judged: Judged, now: datetime) -> None:
    """
    A link that is the request says whom and what; one that is only quoted says whom, and the request covers the writer
    too. Where the scope is unclear, the wider one (design 5.4).
    """
    verdict = judged.classification
    source = f"mail:{cursor.mailbox_id}/{cursor.uidvalidity}/{judged.fetched.uid}"
    details = {"detector": verdict.detector, "reason": verdict.reason}
    if judged.authentication:
        details["authentication"] = judged.authentication
    receipt = Receipt(
        channel=Channel.INBOX,
        received_at=now,
        occurred_at=min(judged.fetched.received_at, now),
        source=source,
        evidence=Evidence(details=details),
    )
    if verdict.detector == "token":
        for claim in verdict.claims:
            if isinstance(claim, UnsubscribeClaim):
                unsubscribe(tx, claim, receipt)
        return
    if not verdict.claims and not verdict.addresses:
        raise InvalidAddress
    for claim in verdict.claims:
        whole = UnsubscribeClaim(
            digest=claim.digest, generation=claim.generation, topic=ALL_TOPICS, basis=LegalBasis.CONSENT
        )
        unsubscribe(tx, whole, receipt, quoted=True)
    for address in verdict.addresses:
        withdraw(tx, address, receipt)
