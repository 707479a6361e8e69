"""
Consents that people give at our own doors, in two steps; and what every record of a consent has in common.

1. A request is pending: it allows nothing, lifts nothing, and nobody is mailed for it but the one mail that asks.
2. The person confirms through the link in that mail, by a POST, within 72 hours: a consent of grade A, which names the
   request. It lifts an older no for that topic (design 5.3).
3. A request is used once. Confirmed again it says what came of it, and brings nobody back who left since.
4. A request that is not confirmed within 30 days is nothing any more, and retention deletes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailconsent.address import match_key, validated
from mailconsent.errors import Refused, TokenExpired
from mailconsent.model import Channel, ConfirmClaim, Event, EventId, EventKind, Grade, MailKind, Receipt
from mailconsent.notice import Notice
from mailconsent.policy import Topic
from mailconsent.proof import Proof, Route, form_name, judge
from mailconsent.retention import PENDING
from mailconsent.services.recipients import Outcome
from mailconsent.store import Transaction
from mailconsent.store.ledger import append
from mailconsent.store.notices import keep_notice, read_notice
from mailconsent.store.recipients import describe, lock_address, lock_claim
from mailconsent.tokens import CONFIRM_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A consent that waits for its confirmation."""

    event_id: EventId
    #: For the link in the mail that asks. None where one is on its way already: one mail for one request.
    token: str | None


def request_consent(
    tx: Transaction,
    topic: Topic,
    address: str,
    receipt: Receipt,
    *,
    notice: Notice,
    language: str | None = None,
    country: str | None = None,
) -> Requested:
    """
    Take down that somebody asked for this topic at our own form: pending, until the person behind the address confirms.

    Raises `InvalidAddress`; `Refused` unless the evidence is whole, as of single opt-in: it is one side of the proof.
    """
    require_marketing(topic)
    proof = judge(Route.SINGLE_OPT_IN, receipt.evidence.details, notice=True, timed=True)
    if proof.grade is not Grade.B:
        raise Refused(shortcomings(proof))
    given = validated(address)
    shown = notice_shown(tx, topic, notice, now=receipt.received_at)
    facts = consent_facts(Route.DOUBLE_OPT_IN, shown, receipt.evidence.details, language=language, country=country)
    recipient = lock_address(tx, given)
    asked_since = receipt.received_at - CONFIRM_LIFE
    for event in reversed(recipient.events):
        same = event.topic == topic.number and event.facts.get("notice") == shown
        if same and event.received_at > asked_since and _is_open(event, recipient.events):
            return Requested(event_id=EventId(recipient.id, event.seq), token=None)
    # The language of a known recipient is not for a stranger to change: it is taken over on confirmation.
    describe(tx, recipient, address=given)
    event_id = append(
        tx, recipient, receipt.event(EventKind.CONSENT_REQUESTED, topic.number, facts=facts), receipt.evidence
    )
    generation = tx.state.oldest
    claim = ConfirmClaim(
        digest=tx.digester.digest(match_key(given), generation),
        generation=generation,
        topic=topic.number,
        request=event_id.seq,
        expires_at=receipt.received_at.replace(microsecond=0) + CONFIRM_LIFE,
    )
    return Requested(event_id=event_id, token=tx.signer.sign_confirm(claim))


def confirm_consent(tx: Transaction, claim: ConfirmClaim, receipt: Receipt) -> Outcome:
    """
    The person confirms the request that the link names: a consent of grade A (GDPR Article 7(1)).

    The evidence must say `confirm_method` POST, since a mail scanner follows links, and the channel be our page. A
    repeat adds nothing. Raises `TokenExpired`; `Refused` where the request is gone, too old, or of the mailbox's last
    owner.
    """
    if receipt.channel is not Channel.PAGE or receipt.evidence.details.get("confirm_method") != "POST":
        raise Refused("A consent is confirmed by the person at our own page, with a POST, and in no other way.")
    if receipt.received_at >= claim.expires_at:
        raise TokenExpired
    recipient = lock_claim(tx, claim)
    answer = next((event for event in recipient.events if _answers(event, claim.request)), None)
    if answer:
        return Outcome(event_id=EventId(recipient.id, answer.seq), repeated=True)
    named = (event for event in recipient.events if (event.seq, event.topic) == (claim.request, claim.topic))
    request = next((event for event in named if _is_open(event, recipient.events)), None)
    if not request or request.received_at + PENDING <= receipt.received_at:
        raise Refused("This request is no longer there: sign up again.")
    describe(tx, recipient, language=request.facts.get("language"))
    event = receipt.event(EventKind.CONSENT_GIVEN, request.topic, grade=Grade.A, ends=request.seq, facts=request.facts)
    return Outcome(event_id=append(tx, recipient, event, receipt.evidence), repeated=False)


def require_marketing(topic: Topic) -> None:
    """Raises `Refused` for a topic that needs no consent."""
    if topic.kind is not MailKind.MARKETING:
        raise Refused("This topic is transactional: it needs no consent, and must not seem to rest on one.")


def shortcomings(proof: Proof) -> str:
    """Why this record proves no consent: what is missing by name, and what speaks against it."""
    missing = f" Missing: {', '.join(proof.missing)}." if proof.missing else ""
    against = f" Against it: {'; '.join(proof.against)}." if proof.against else ""
    return f"This record proves no consent.{missing}{against}"


def notice_shown(tx: Transaction, topic: Topic, notice: Notice | str | None, *, now: datetime) -> str | None:
    """The hash of the notice, which is stored if it is new. Raises `Refused` for the hash of none that we know."""
    if isinstance(notice, Notice):
        keep_notice(tx, notice, now=now)
        return notice.sha256
    if notice is not None:
        known = read_notice(tx, notice)
        if not known or known.key != topic.key:
            raise Refused("No notice of this sha256 is known for the topic: send its text, version and language once.")
    return notice


def consent_facts(
    route: Route | None,
    notice: str | None,
    evidence: Mapping[str, str],
    *,
    language: str | None,
    country: str | None,
) -> Mapping[str, str]:
    """What an event says of a consent, requested or given. A closed list: no prose, nothing that names a person."""
    facts = {
        "route": route.value if route else None,
        "notice": notice,
        "form": form_name(evidence),
        "language": language,
        "country": country,
    }
    return {name: value for name, value in facts.items() if value}


def _is_open(event: Event, events: Sequence[Event]) -> bool:
    """Whether this is a request that nobody answered, of who owns the mailbox now (RFC 7293)."""
    if event.kind is not EventKind.CONSENT_REQUESTED:
        return False
    changed = EventKind.OWNER_CHANGED
    return not any(_answers(e, event.seq) or (e.kind is changed and e.seq > event.seq) for e in events)


def _answers(event: Event, request: int) -> bool:
    return event.kind is EventKind.CONSENT_GIVEN and event.ends == request
