"""
What a message is, before anything of it is stored. Total: one that defeats us is left to a human, and the loop goes on.
"""

import hashlib
from collections.abc import Callable, Set
from dataclasses import dataclass, replace

from mailconsent import logs
from mailconsent.authentication import authenticated_domain, authenticated_sender, read_authentication
from mailconsent.classify import classify
from mailconsent.classify.identity import settle_named, writers
from mailconsent.mailbox import Fetched
from mailconsent.message import InboundMessage, content_identity, parse_message
from mailconsent.model import Classification, Label, MailedClaim

BROKEN = Classification(label=Label.UNSURE, detector="guard", reason="message broke the reader", confidence=0.0)
#: Of such a message only the header was read, so that what it says is unknown.
UNREADABLE = frozenset({"too_deep", "too_many_headers", "unparsable"})
WITHHELD = replace(BROKEN, reason="server withholds the message")
#: It was understood, and what it should have done broke.
UNAPPLIED = replace(BROKEN, reason="message not applied")


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
    #: The writer's address, as addresses are compared, where that server found it authentic.
    sender: str | None = None
    #: None of mail that is none of our business, and where it could not be read.
    message: InboundMessage | None = None


def judge(fetched: Fetched, read_token: Callable[[str], MailedClaim], trusted: Set[str] = frozenset()) -> Judged:
    """
    What a message is. Total: one that defeats us is left to a human, and the loop goes on.

    `trusted`: the authserv-ids of our own servers; without any, nobody is authenticated.
    """
    raw_digest = hashlib.blake2b(fetched.raw, digest_size=16).digest()
    if fetched.withheld:
        return _failed(fetched, raw_digest, WITHHELD)
    message = parse_message(fetched.raw)
    try:
        verdict = classify(message, read_token)
        if message.defect in UNREADABLE and verdict.label is Label.OTHER:
            verdict = replace(BROKEN, reason=message.defect, addresses=writers(message))
        ours = verdict.label is not Label.OTHER
        found = read_authentication(message, trusted) if ours else None
        sender = authenticated_sender(message, found)
        return Judged(
            fetched=fetched,
            raw_digest=raw_digest,
            content_digest=content_identity(message, fetched.raw) if ours else None,
            classification=settle_named(verdict, authenticated_domain(sender)),
            authentication=found.summary() if found else None,
            sender=sender,
            message=message if ours else None,
            failed=False,
        )
    except Exception as fault:  # noqa: BLE001 - one bad mail must never block the box (design 5.6)
        logs.failure("message not judged", fault)
        return _failed(fetched, raw_digest, replace(BROKEN, addresses=_writers(message)))


def _writers(message: InboundMessage) -> tuple[str, ...]:
    """Who wrote it, as far as that can be told of a message that defeats us."""
    try:
        return writers(message)
    except Exception as fault:  # noqa: BLE001 - then it is about nobody
        logs.failure("writer not read", fault)
        return ()


def _failed(fetched: Fetched, raw_digest: bytes, verdict: Classification) -> Judged:
    return Judged(fetched=fetched, raw_digest=raw_digest, content_digest=None, classification=verdict, failed=True)
