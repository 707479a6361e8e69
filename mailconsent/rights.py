"""
What people ask about their own data -> by when it must be answered. Rules (GDPR Article 12(3)):

1. The clock starts on the day of receipt, whatever the channel, in the company's time zone. That it is not known yet
   who asks does not stop it: late is decided by the day of receipt alone.
2. The answer is due a month later; a term that would end on a weekend ends on the Monday (Regulation 1182/71).
3. It can be put off once by two months more, for one of the two reasons that the law knows, and only if the person is
   told so within the first month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mailconsent.facts import ended
from mailconsent.model import Event, EventKind
from mailconsent.terms import answer_due_on

#: What an event that restricts says in its facts under `why`.
RESTRICTION = "restriction"
_FIRST, _EXTENDED = 1, 3  #: months


class Right(StrEnum):
    """What a person asks for."""

    ACCESS = "access"  #: GDPR Article 15
    RECTIFICATION = "rectification"  #: GDPR Article 16
    ERASURE = "erasure"  #: GDPR Article 17
    RESTRICTION = "restriction"  #: GDPR Article 18
    OBJECTION = "objection"  #: GDPR Article 21


class Delay(StrEnum):
    """Why an answer takes longer (GDPR Article 12(3))."""

    COMPLEXITY = "complexity"
    NUMBER = "number"  #: of requests


class Answer(StrEnum):
    """How a request was answered."""

    FULFILLED = "fulfilled"
    PARTLY = "partly"  #: something stays, such as under a legal hold; the answer said what and why
    REFUSED = "refused"  #: with the reason and where to complain (GDPR Article 12(4))
    NOTHING_HELD = "nothing_held"
    UNIDENTIFIED = "unidentified"  #: nobody could tell who asked (GDPR Article 12(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRequest:
    """A request and its clock. It says nothing of who asked but, where known, the recipient's random id."""

    id: str
    kind: Right
    received_on: date
    recipient_id: int | None = None
    identified_on: date | None = None
    #: The day on which the person was told that it takes longer, and why.
    extended_on: date | None = None
    delay: Delay | None = None
    answered_on: date | None = None
    answer: Answer | None = None

    @property
    def due_on(self) -> date:
        """The last day to answer."""
        return answer_due_on(self.received_on, months=_EXTENDED if self.extended_on else _FIRST)

    @property
    def extendable_until(self) -> date:
        """The last day to tell the person that it takes longer."""
        return answer_due_on(self.received_on, months=_FIRST)


def restriction(events: Sequence[Event]) -> Event | None:
    """The restriction (GDPR Article 18) that stands, from all events of a recipient; None if there is none."""
    gone = ended(events)
    return next((event for event in events if is_restriction(event) and event.seq not in gone), None)


def is_restriction(event: Event) -> bool:
    """Whether this event restricts (GDPR Article 18), and is not a block of the operator's own."""
    return event.kind is EventKind.SUPPRESSED and event.facts.get("why") == RESTRICTION
