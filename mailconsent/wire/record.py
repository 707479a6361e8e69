"""
Consents as records in the fields of ISO/IEC TS 27560:2023, one record for each topic: header, processing, parties and
events. docs/recipients.md has the table of fields.
"""

from collections.abc import Mapping, Sequence

# pydantic reads the one of the standard library from Python 3.12 on only.
from typing_extensions import TypedDict

from mailconsent.dossier import Dossier, Happening
from mailconsent.facts import OWN_DOORS
from mailconsent.model import ALL_TOPICS, Channel, EventKind, Grade, LegalBasis, MailKind
from mailconsent.notice import Notice
from mailconsent.policy import Policy, Topic
from mailconsent.policy.retention import Records

SCHEMA_VERSION = "ISO/IEC TS 27560:2023; mailconsent 1"
#: What an event does to a consent, in the states of the standard; others leave it as it is.
STATES = {
    EventKind.CONSENT_REQUESTED: "requested",
    EventKind.CONSENT_GIVEN: "given",
    EventKind.RESTORED: "reconfirmed",
    EventKind.REFUSED: "refused",
    EventKind.WITHDRAWN: "withdrawn",
    EventKind.OBJECTED: "withdrawn",
    EventKind.COMPLAINT: "withdrawn",
    EventKind.OWNER_CHANGED: "invalidated",
}
WITHDRAWAL = ("the link in every mail", "one click in the mail program (RFC 8058)", "a mail to the contact address")
RIGHTS = (
    "access (GDPR Article 15)",
    "rectification (GDPR Article 16)",
    "erasure (GDPR Article 17)",
    "restriction (GDPR Article 18)",
    "objection (GDPR Article 21)",
    "complaint to the supervisory authority (GDPR Article 77)",
)


class ShownText(TypedDict):
    """A notice, as the person saw it."""

    sha256: str
    key: str
    version: str
    language: str
    text: str


class Party(TypedDict):
    """Who answers for the processing."""

    party_id: str
    party_type: str
    party_name: str
    party_address: str
    party_contact: str
    register_number: str | None
    country: str | None


class Processing(TypedDict):
    """What the consent is to."""

    privacy_notice: list[ShownText]
    language: str | None
    purpose: str
    purpose_type: str
    purpose_description: str | None
    lawful_basis: str
    pii_information: list[str]
    pii_controllers: list[str]
    collection_method: list[str]
    processing_method: str
    storage_locations: list[str]
    retention_period: str
    jurisdiction: str | None
    recipient_third_parties: list[str]
    withdrawal_method: list[str]
    privacy_rights: list[str]
    authority: str | None


class ConsentEvent(TypedDict):
    """One step in the life of a consent."""

    event_id: str
    event_time: str
    recorded_time: str
    validity_duration: str
    entity_id: str
    event_type: str
    event_state: str
    channel: Channel
    grade: Grade | None


class ConsentRecord(TypedDict):
    """The record of one person's consent to one topic."""

    schema_version: str
    record_id: str
    pii_principal_id: str
    pii_processing: Processing
    parties: list[Party]
    events: list[ConsentEvent]


def consent_records(dossier: Dossier, policy: Policy) -> list[ConsentRecord]:
    """A record for each marketing topic that anything happened about; what concerned all topics is in each."""
    marketing = [topic for topic in policy.topics if topic.kind is MailKind.MARKETING]
    return [
        _record(dossier, policy, topic, steps) for topic in marketing if (steps := _steps(dossier.happenings, topic))
    ]


def party(policy: Policy) -> Party:
    """The controller (GDPR Article 4(7))."""
    controller = policy.controller
    return {
        "party_id": "controller",
        "party_type": "pii_controller",
        "party_name": controller.name,
        "party_address": controller.address,
        "party_contact": controller.contact,
        "register_number": controller.register_number,
        "country": controller.country,
    }


def shown_text(notice: Notice) -> ShownText:
    """The notice as JSON."""
    return {
        "sha256": notice.sha256,
        "key": notice.key,
        "version": notice.version,
        "language": notice.language,
        "text": notice.text,
    }


def kept_for(policy: Policy, records: Records) -> str:
    """How long such records are kept, in words of the policy."""
    period = policy.retention.get(records)
    return f"{period.months} months from {period.beginning}" if period else "not stated in the policy"


def _steps(happenings: Sequence[Happening], topic: Topic) -> list[Happening]:
    about = [h for h in happenings if h.event.topic in (ALL_TOPICS, topic.number) and h.event.kind in STATES]
    # Of a topic that only what concerned all topics touched, there never was a consent to record.
    return about if any(h.event.topic == topic.number for h in about) else []


def _record(dossier: Dossier, policy: Policy, topic: Topic, steps: Sequence[Happening]) -> ConsentRecord:
    principal = f"{dossier.recipient_id or 0:x}"
    return {
        "schema_version": SCHEMA_VERSION,
        "record_id": f"{principal}-{topic.key}",
        "pii_principal_id": principal,
        "pii_processing": _processing(dossier, policy, topic, steps),
        "parties": [party(policy)],
        "events": [_step(step, policy, principal) for step in steps],
    }


def _processing(dossier: Dossier, policy: Policy, topic: Topic, steps: Sequence[Happening]) -> Processing:
    language = policy.controller.language
    notices = {step.notice.sha256: step.notice for step in steps if step.notice}
    return {
        "privacy_notice": [shown_text(notice) for notice in notices.values()],
        "language": dossier.language,
        "purpose": topic.names[language],
        "purpose_type": "direct_marketing",
        "purpose_description": topic.descriptions.get(language),
        "lawful_basis": LegalBasis.CONSENT.value,
        "pii_information": ["email_address", "language", "evidence"],
        "pii_controllers": ["controller"],
        "collection_method": _collected(steps),
        "processing_method": "sending e-mail",
        "storage_locations": [policy.controller.country or "not stated in the policy"],
        "retention_period": kept_for(policy, Records.CONSENTS),
        "jurisdiction": policy.controller.country,
        "recipient_third_parties": [],
        "withdrawal_method": list(WITHDRAWAL),
        "privacy_rights": list(RIGHTS),
        "authority": policy.controller.authority,
    }


def _collected(steps: Sequence[Happening]) -> list[str]:
    """The routes by which the consents came, as far as they were told; else the doors."""
    given = [step.event for step in steps if step.event.kind is EventKind.CONSENT_GIVEN]
    return list(dict.fromkeys(event.facts.get("route", event.channel.value) for event in given))


def _step(step: Happening, policy: Policy, principal: str) -> ConsentEvent:
    event = step.event
    return {
        "event_id": str(step.id),
        "event_time": event.occurred_at.isoformat(),
        "recorded_time": event.received_at.isoformat(),
        "validity_duration": _validity(event.kind, event.facts, policy),
        "entity_id": principal if event.channel in OWN_DOORS else event.source or event.channel.value,
        "event_type": event.kind.value,
        "event_state": STATES[event.kind],
        "channel": event.channel,
        "grade": event.grade,
    }


def _validity(kind: EventKind, facts: Mapping[str, str], policy: Policy) -> str:
    """ISO 8601; a consent lapses where a country says so, if it is not used."""
    if kind is not EventKind.CONSENT_GIVEN:
        return "indefinite"
    months = policy.rule(facts.get("country")).consent_lapse_months
    return f"P{months}M without use, or until withdrawn" if months else "until withdrawn"
