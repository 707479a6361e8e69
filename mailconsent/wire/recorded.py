"""What is recorded about a person, part by part: events, sales, mails, and what they add up to."""

# pydantic reads the one of the standard library from Python 3.12 on only.
from typing_extensions import TypedDict

from mailconsent.dossier import Answered, Happening, Message, Sent, Verdict
from mailconsent.model import ALL_TOPICS, Channel, EventKind, Grade, LegalBasis, Reason
from mailconsent.policy import Policy
from mailconsent.sales import Sale


class TopicVerdict(TypedDict):
    """Whether the address may be mailed about a topic now, and why."""

    topic: str
    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None
    event_id: str | None


class RecordedEvent(TypedDict):
    """An event, and what supports it as far as that is still there."""

    event_id: str
    kind: EventKind
    topic: str
    channel: Channel
    occurred_at: str
    received_at: str
    source: str
    grade: Grade | None
    ends: str | None
    facts: dict[str, str]
    evidence: dict[str, str]
    notice: str | None
    due_on: str | None


class SoldOrder(TypedDict):
    """A sale, as the events tell it."""

    event_id: str
    order: str
    sold_on: str | None
    categories: list[str]
    state: str | None
    obtained: str | None
    notice: str
    cancelled: bool


class SentMail(TypedDict):
    """A mail that was sent, and on what ground."""

    send_id: str
    topic: str
    day: str
    reason: Reason
    legal_basis: LegalBasis | None
    event_id: str | None


class OwnMail(TypedDict):
    """Mail of our own to them, such as the answer to a request."""

    kind: str
    state: str
    made_at: str
    text: str | None


class InboundMail(TypedDict):
    """A mail to the contact inbox; without its text where that is no longer kept."""

    source: str
    received_at: str
    label: str
    state: str
    text: str | None


def topic_name(number: int, policy: Policy) -> str:
    """The key of a topic; a number stays where the policy has it no longer."""
    if number == ALL_TOPICS:
        return "all"
    return next((topic.key for topic in policy.topics if topic.number == number), str(number))


def topic_verdict(verdict: Verdict) -> TopicVerdict:
    """A decision as JSON."""
    allowed, reason, legal_basis, event_id = verdict.decision
    return {
        "topic": verdict.topic.key,
        "allowed": allowed,
        "reason": reason,
        "legal_basis": legal_basis,
        "event_id": str(event_id) if event_id else None,
    }


def recorded_event(happening: Happening, policy: Policy) -> RecordedEvent:
    """An event as JSON."""
    event = happening.event
    return {
        "event_id": str(happening.id),
        "kind": event.kind,
        "topic": topic_name(event.topic, policy),
        "channel": event.channel,
        "occurred_at": event.occurred_at.isoformat(),
        "received_at": event.received_at.isoformat(),
        "source": event.source,
        "grade": event.grade,
        "ends": str(happening.id._replace(seq=event.ends)) if event.ends else None,
        "facts": dict(event.facts),
        "evidence": dict(happening.evidence),
        "notice": happening.notice.sha256 if happening.notice else None,
        "due_on": happening.due_on.isoformat() if happening.due_on else None,
    }


def sold_order(sale: Sale, recipient_id: int) -> SoldOrder:
    """A sale as JSON."""
    return {
        "event_id": f"{recipient_id:x}-{sale.seq}",
        "order": sale.order,
        "sold_on": sale.sold_on.isoformat() if sale.sold_on else None,
        "categories": sorted(sale.categories),
        "state": sale.state,
        "obtained": sale.obtained,
        "notice": sale.notice,
        "cancelled": sale.cancelled_by is not None,
    }


def sent_mail(sent: Sent, policy: Policy) -> SentMail:
    """A sent mail as JSON."""
    return {
        "send_id": sent.send_id,
        "topic": topic_name(sent.topic, policy),
        "day": sent.day.isoformat(),
        "reason": sent.reason,
        "legal_basis": sent.basis,
        "event_id": str(sent.event_id) if sent.event_id else None,
    }


def own_mail(answer: Answered) -> OwnMail:
    """Mail of our own as JSON."""
    return {
        "kind": answer.kind,
        "state": answer.state,
        "made_at": answer.made_at.isoformat(),
        "text": answer.raw.decode("utf-8", "backslashreplace") if answer.raw is not None else None,
    }


def inbound_mail(mail: Message) -> InboundMail:
    """A mail to the contact inbox as JSON."""
    return {
        "source": mail.source,
        "received_at": mail.received_at.isoformat(),
        "label": mail.label,
        "state": mail.state,
        # A mail is in any encoding, or in several; what is not UTF-8 shows as its bytes.
        "text": mail.raw.decode("utf-8", "backslashreplace") if mail.raw is not None else None,
    }
