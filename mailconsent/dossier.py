"""All that is recorded about one address, as values: what access to one's own data shows (GDPR Article 15)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from mailconsent.model import Decision, Event, EventId, LegalBasis, Reason
from mailconsent.notice import Notice
from mailconsent.policy import Topic
from mailconsent.sales import Sale


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event, with what supports it as far as that is still there."""

    id: EventId
    event: Event
    evidence: Mapping[str, str] = field(default_factory=dict)
    #: What the person was shown.
    notice: Notice | None = None
    #: The first day on which it is to be gone, evidence first; None where it is not due, or held.
    due_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A mail to the contact inbox that is theirs: one that an event came from, or that awaits a human."""

    #: As an event's source names it: `mail:<mailbox>/<uidvalidity>/<uid>`.
    source: str
    received_at: datetime
    label: str
    state: str
    #: None where it is no longer kept.
    raw: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that was sent, and on what ground: the answer to "why did you mail me on that day?"."""

    send_id: str
    topic: int
    day: date
    reason: Reason
    #: None where no ground allowed it.
    basis: LegalBasis | None
    #: The event that decided.
    event_id: EventId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Mail of our own to them: the answer to a request in the contact inbox."""

    kind: str
    state: str
    made_at: datetime
    #: None once it no longer waits.
    raw: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the address may be mailed about a topic now, and which event says so."""

    topic: Topic
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Who gets to see data of the address: the holder of an API key (GDPR Article 15(1)(c))."""

    name: str
    scopes: Sequence[str]
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is recorded about one address."""

    #: As it was asked for.
    asked: str
    made_at: datetime
    #: None where nothing was ever recorded under this address.
    recipient_id: int | None = None
    #: As given, if it is kept, and the language.
    address: str | None = None
    language: str | None = None
    #: In their order of receipt.
    happenings: Sequence[Happening] = ()
    sales: Sequence[Sale] = ()
    messages: Sequence[Message] = ()
    sends: Sequence[Sent] = ()
    answers: Sequence[Answered] = ()
    verdicts: Sequence[Verdict] = ()
    programs: Sequence[Program] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        return self.recipient_id is None and not self.messages

    @property
    def notices(self) -> Sequence[Notice]:
        """What the person was shown, each once."""
        return list({h.notice.sha256: h.notice for h in self.happenings if h.notice}.values())

    @property
    def sources(self) -> Sequence[tuple[str, str]]:
        """(Channel, source) from which the data came, each once (GDPR Article 15(1)(g))."""
        return list(dict.fromkeys((h.event.channel.value, h.event.source) for h in self.happenings))
