"""What happened to a recipient, what supports it, and what it adds up to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailconsent.errors import Refused
from mailconsent.model.kinds import Channel, EventKind, Grade, LegalBasis, Reason

_EVENT_ID = re.compile(r"([0-7][0-9a-f]{15}|[0-9a-f]{1,15})-([1-9][0-9]{0,8})", re.ASCII)


class EventId(NamedTuple):
    """The name of an event: whose it is, and its place in that recipient's own order of receipt."""

    recipient_id: int
    seq: int

    def __str__(self) -> str:
        return f"{self.recipient_id:x}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> "EventId":
        """The name that this text is. Raises `Refused` for what is none."""
        shape = _EVENT_ID.fullmatch(text.strip())
        if not shape:
            raise Refused("This is not the id of an event, such as 2f1c8a5b7d3e9046-1.")
        return cls(int(shape[1], 16), int(shape[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one recipient. It holds no address and no prose: those are evidence, kept apart."""

    kind: EventKind
    #: A topic number, or `ALL_TOPICS`.
    topic: int
    channel: Channel
    #: When it happened, as far as known. Never used to order events: `seq` is.
    occurred_at: datetime
    #: When we received it.
    received_at: datetime
    #: What it can be traced back to: an API key's id, an inbound message's id, a send id. Never an address.
    source: str = ""
    #: Of a consent only.
    grade: Grade | None = None
    #: Of `RELEASED`, `RESTORED` and `SALE_CANCELLED`: the `seq` of the event that it ends. Of a confirmed consent: the
    #: request's. Of a `WITHDRAWN`: that of the question which a human answered with it.
    ends: int | None = None
    #: What else an event of this kind says, of a closed list of names for each kind; nothing that identifies a person.
    facts: Mapping[str, str] = field(default_factory=dict)
    #: The place in the recipient's own order of receipt, from 1; 0 before the ledger gave one.
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What supports an event: wording shown, form, sender line of a mail. Personal, erasable, never in an event."""

    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How an act reached us: by which door, when, and what supports it."""

    channel: Channel
    received_at: datetime
    #: When the person acted, where the door knows; otherwise when we received it.
    occurred_at: datetime | None = None
    #: What it can be traced back to; see `Event.source`.
    source: str = ""
    evidence: Evidence = field(default_factory=Evidence)

    def event(
        self,
        kind: EventKind,
        topic: int,
        *,
        grade: Grade | None = None,
        ends: int | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> Event:
        """The event that this act makes."""
        return Event(
            kind=kind,
            topic=topic,
            channel=self.channel,
            occurred_at=self.occurred_at or self.received_at,
            received_at=self.received_at,
            source=self.source,
            grade=grade,
            ends=ends,
            facts=facts or {},
        )


class Standing(NamedTuple):
    """
    What a recipient's events add up to for one topic. A named tuple: a bulk check makes one of each row it reads.

    The events are named by their `seq`.
    """

    recipient_id: int
    #: The permanent failure of the address that no later act has lifted.
    failure: int | None
    #: The strongest no that stands, as the value of a `Reason`, and the event behind it.
    denial: str | None
    denial_event: int | None
    #: The best consent not withdrawn since, and its grade as the value of a `Grade`.
    consent: int | None
    grade: str | None
    #: The sale since that failure for which the customer gave the address: it lifts it for transactional mail.
    given_anew: int | None = None
    #: When that consent was given, or last of those that are as good; in whole seconds since 1970.
    consent_at: int | None = None
    #: A consent told since then that is proven less well (grade B), and when it was given.
    newer: int | None = None
    newer_at: int | None = None
    #: Of the person, as both of them say.
    country: str | None = None
    #: The day of the last mail that rested on these consents, as `date.toordinal` counts. Events do not tell: what was
    #: sent does, and `fold` leaves it out.
    used_on: int | None = None


class Decision(NamedTuple):
    """The answer to "may I mail this address about this topic?". A denial is a value, not an error."""

    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None = None
    #: The event that decided. None where none did: no legal basis, or not an address.
    event_id: EventId | None = None
