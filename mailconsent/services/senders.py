"""What newsletter systems ask and tell. They fail closed: whatever is not a clear yes is a no."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from mailconsent.address import validated
from mailconsent.decision import NOT_AN_ADDRESS, Mailing, decide
from mailconsent.errors import Refused
from mailconsent.headers import mailing_headers, message_id, return_path, unsubscribe_url
from mailconsent.model import (
    ALL_TOPICS,
    Decision,
    EventId,
    EventKind,
    LegalBasis,
    MailKind,
    Receipt,
    ReturnClaim,
    UnsubscribeClaim,
)
from mailconsent.notice import Notice
from mailconsent.policy import Topic
from mailconsent.proof import Route, judge
from mailconsent.services import Rules
from mailconsent.services.consents import consent_facts, notice_shown, require_marketing, shortcomings
from mailconsent.services.domains import under_domains
from mailconsent.services.recipients import Outcome, withdraw
from mailconsent.store import Transaction
from mailconsent.store.ledger import append
from mailconsent.store.recipients import describe, lock_address
from mailconsent.store.sales import read_sales_of
from mailconsent.store.standings import read_standings

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What a marketing mail must carry. A working link comes only with a yes: mail that skipped the check has none."""

    headers: dict[str, str]
    unsubscribe_url: str
    message_id: str
    #: None where the address of bounces has no room for a token.
    return_path: str | None


def check(tx: Transaction, mailing: Mailing, addresses: Sequence[str]) -> list[Decision]:
    """May these addresses be mailed so? One decision for each, in the order of the addresses."""
    return under_domains(tx, mailing.kind, addresses, _decide(tx, mailing, addresses))


def _decide(tx: Transaction, mailing: Mailing, addresses: Sequence[str]) -> list[Decision]:
    # While a rotation runs, a person may stand under either digest: ask for both.
    by_generation = [tx.digester.digests(addresses, generation) for generation in tx.state.live]
    asked = {digest for digests in by_generation for digest in digests if digest}
    found = read_standings(tx, list(asked), mailing.topic)
    # Sales are read for no other mail than what may rest on one.
    sold = read_sales_of(tx, list(asked)) if mailing.offer else {}
    if len(by_generation) == 1 and not sold:
        return [decide(found.get(digest), mailing) if digest else NOT_AN_ADDRESS for digest in by_generation[0]]
    return [
        decide(_first(found, digests), mailing, _first(sold, digests)) if digests[0] else NOT_AN_ADDRESS
        for digests in zip(*by_generation, strict=True)
    ]


def _first(found: Mapping[bytes, Found], digests: Sequence[bytes | None]) -> Found | None:
    return next((found[digest] for digest in digests if digest and digest in found), None)


def permits(
    tx: Transaction,
    rules: Rules,
    topic: Topic,
    addresses: Sequence[str],
    decisions: Sequence[Decision],
    *,
    now: datetime,
) -> list[Permit | None]:
    """What a mail to each address that may be mailed must carry; None for the others, and for no marketing."""
    # While a rotation runs, a recipient may stand under either generation. A digest can be lifted, never lowered, so
    # only a link of the oldest generation finds them all.
    generation = tx.state.oldest
    return [
        _permit(tx, rules, topic, digest, generation, decision.legal_basis, now)
        if decision.allowed and decision.legal_basis and digest and topic.kind is MailKind.MARKETING
        else None
        for digest, decision in zip(tx.digester.digests(addresses, generation), decisions, strict=True)
    ]


def _permit(
    tx: Transaction, rules: Rules, topic: Topic, digest: bytes, generation: int, basis: LegalBasis, now: datetime
) -> Permit:
    token = tx.signer.sign(UnsubscribeClaim(digest=digest, generation=generation, topic=topic.number, basis=basis))
    back = tx.signer.sign_return(ReturnClaim(digest=digest, generation=generation, sent_on=now.astimezone(UTC).date()))
    language = rules.policy.controller.language
    return Permit(
        headers=mailing_headers(token, topic, language, rules.base_url, rules.mailto),
        unsubscribe_url=unsubscribe_url(token, rules.base_url),
        message_id=message_id(back, secrets.token_hex(8), rules.return_path),
        return_path=return_path(back, rules.return_path),
    )


def record_consent(
    tx: Transaction,
    topic: Topic,
    address: str,
    receipt: Receipt,
    *,
    route: Route | None = None,
    notice: Notice | str | None = None,
    language: str | None = None,
    country: str | None = None,
    partial: bool = False,
) -> EventId:
    """
    Record a consent that was asked for elsewhere, with the proof of it (GDPR Article 7(1)): grade B where it is whole.

    It never lifts a withdrawal, whatever the caller says: only the person's own confirmation at our own door does. A
    notice is the text shown, or the hash of one we know. What does not prove a consent is refused by name, or, if
    `partial`, kept as the grade C or D that it is, which allows no mail. Without a route: decision 0015.

    Raises `InvalidAddress`, or `Refused`: no evidence, gaps in it, an unknown notice, or a topic that needs no consent.
    """
    require_marketing(topic)
    details = receipt.evidence.details
    if not any(value.strip() for value in details.values()):
        raise Refused("A consent without evidence is no ground: say at least what the person was shown, and where.")
    if receipt.occurred_at and receipt.occurred_at > receipt.received_at:
        raise Refused("The time of the consent lies in the future.")
    proof = judge(route, details, notice=notice is not None, timed=receipt.occurred_at is not None)
    if not partial and (proof.against or (route and proof.missing)):
        raise Refused(f"{shortcomings(proof)} With `partial` it is kept as grade {proof.grade}, and allows no mail.")
    given = validated(address)
    shown = notice_shown(tx, topic, notice, now=receipt.received_at)
    recipient = lock_address(tx, given)
    describe(tx, recipient, address=given, language=language)
    facts = consent_facts(route, shown, details, language=language, country=country)
    event = receipt.event(EventKind.CONSENT_GIVEN, topic.number, grade=proof.grade, facts=facts)
    return append(tx, recipient, event, receipt.evidence)


def record_withdrawal(tx: Transaction, topic: Topic | None, address: str, receipt: Receipt) -> Outcome:
    """
    Record an opt-out that reached the sender by other ways; of all marketing where no topic is given.

    Raises `InvalidAddress`; `Refused` for transactional mail, from which nobody can opt out (design 5.4).
    """
    if topic and topic.kind is not MailKind.MARKETING:
        raise Refused("This topic is transactional: there is nothing to withdraw.")
    if receipt.occurred_at and receipt.occurred_at > receipt.received_at:
        receipt = replace(receipt, occurred_at=None)  # a wrong clock must not cost anyone their opt-out
    return withdraw(tx, address, receipt, topic=topic.number if topic else ALL_TOPICS)
