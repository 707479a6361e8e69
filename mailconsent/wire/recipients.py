"""People's rights: what is recorded about an address, in short and in full, and its erasure."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from mailconsent.dossier import Dossier
from mailconsent.erasure import Erased
from mailconsent.policy import Policy
from mailconsent.policy.retention import Records
from mailconsent.wire.fields import Request, Source, Text
from mailconsent.wire.record import ConsentRecord, Party, ShownText, consent_records, kept_for, party, shown_text
from mailconsent.wire.recorded import (
    InboundMail,
    OwnMail,
    RecordedEvent,
    SentMail,
    SoldOrder,
    TopicVerdict,
    inbound_mail,
    own_mail,
    recorded_event,
    sent_mail,
    sold_order,
    topic_verdict,
)

#: Events that a look-up shows, the newest ones; an export has all.
LOOKED_UP = 100


class RecipientRequest(Request):
    """Whom it is about."""

    address: Text


class EraseRequest(Request):
    """Whose data goes."""

    address: Text
    digest: Annotated[bool, Field(description="Everything, the digest and the events included.")] = False
    told: Annotated[
        bool, Field(description="With `digest`: the person was told that nothing can then keep them from being mailed.")
    ] = False
    source: Source = ""


class DataSource(TypedDict):
    """Where data came from."""

    channel: str
    source: str


class DataRecipient(TypedDict):
    """Who may ask about the address: a program with an API key."""

    name: str
    scopes: list[str]
    since: str
    until: str | None


class RetentionPeriod(TypedDict):
    """How long records of a kind are kept."""

    records: str
    kept_for: str


class LookupAnswer(TypedDict):
    """What is recorded, in short."""

    known: bool
    recipient_id: str | None
    address_kept: bool
    language: str | None
    verdicts: list[TopicVerdict]
    events: list[RecordedEvent]
    older_events: int
    messages: int
    sends: int


class ExportAnswer(TypedDict):
    """All that is recorded (GDPR Articles 15 and 20), and each consent as ISO/IEC TS 27560 has it."""

    known: bool
    address: str
    recipient_id: str | None
    address_kept: str | None
    language: str | None
    made_at: str
    controller: Party
    authority: str | None
    verdicts: list[TopicVerdict]
    consent_records: list[ConsentRecord]
    events: list[RecordedEvent]
    notices: list[ShownText]
    sales: list[SoldOrder]
    sends: list[SentMail]
    answers: list[OwnMail]
    messages: list[InboundMail]
    sources: list[DataSource]
    recipients_of_data: list[DataRecipient]
    retention: list[RetentionPeriod]


class KeptPart(TypedDict):
    """Something that stays, and why."""

    what: str
    why: str
    ground: str


class EraseAnswer(TypedDict):
    """What was removed and what stays. It names nobody."""

    known: bool
    erased_at: str | None
    held: bool
    ended_by: str | None
    removed: list[str]
    kept: list[KeptPart]


def lookup_answer(dossier: Dossier, policy: Policy) -> LookupAnswer:
    """The short form."""
    newest = dossier.happenings[-LOOKED_UP:]
    return {
        "known": not dossier.is_empty,
        "recipient_id": _id(dossier),
        "address_kept": dossier.address is not None,
        "language": dossier.language,
        "verdicts": [topic_verdict(verdict) for verdict in dossier.verdicts],
        "events": [recorded_event(happening, policy) for happening in newest],
        "older_events": len(dossier.happenings) - len(newest),
        "messages": len(dossier.messages),
        "sends": len(dossier.sends),
    }


def export_answer(dossier: Dossier, policy: Policy) -> ExportAnswer:
    """The long form."""
    return {
        "known": not dossier.is_empty,
        "address": dossier.asked,
        "recipient_id": _id(dossier),
        "address_kept": dossier.address,
        "language": dossier.language,
        "made_at": dossier.made_at.isoformat(),
        "controller": party(policy),
        "authority": policy.controller.authority,
        "verdicts": [topic_verdict(verdict) for verdict in dossier.verdicts],
        "consent_records": consent_records(dossier, policy),
        "events": [recorded_event(happening, policy) for happening in dossier.happenings],
        "notices": [shown_text(notice) for notice in dossier.notices],
        "sales": [sold_order(sale, dossier.recipient_id or 0) for sale in dossier.sales],
        "sends": [sent_mail(sent, policy) for sent in dossier.sends],
        "answers": [own_mail(answer) for answer in dossier.answers],
        "messages": [inbound_mail(mail) for mail in dossier.messages],
        "sources": [{"channel": channel, "source": source} for channel, source in dossier.sources],
        "recipients_of_data": [
            {
                "name": program.name,
                "scopes": list(program.scopes),
                "since": program.since.isoformat(),
                "until": program.until.isoformat() if program.until else None,
            }
            for program in dossier.programs
        ],
        "retention": [{"records": records.value, "kept_for": kept_for(policy, records)} for records in Records],
    }


def erase_answer(erased: Erased | None) -> EraseAnswer:
    """The receipt; of somebody of whom nothing was recorded, that it is so."""
    if erased is None:
        return {"known": False, "erased_at": None, "held": False, "ended_by": None, "removed": [], "kept": []}
    return {
        "known": True,
        "erased_at": erased.erased_at.isoformat(),
        "held": erased.held,
        "ended_by": str(erased.ended_by) if erased.ended_by else None,
        "removed": list(erased.removed),
        "kept": [{"what": kept.what, "why": kept.why, "ground": kept.ground} for kept in erased.kept],
    }


def _id(dossier: Dossier) -> str | None:
    return None if dossier.recipient_id is None else f"{dossier.recipient_id:x}"
