"""
A row of an import and all that is recorded of the recipient -> what the row adds; and of all rows, the difference in
numbers. Rules (design 5.3; decision 0018):

1. A consent of somebody with a no that stands is refused: an old list must not seem to bring anybody back. Were it
   recorded, it would lift nothing.
2. A sale is recorded of anybody, since it is a fact; it lifts no no.
3. What is recorded already adds nothing, unless another import told it: that one may be reverted alone.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from mailconsent.facts import already_said, ended, fold, says_already
from mailconsent.model import ALL_TOPICS, Event, EventKind, Reason, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a row adds."""

    #: In their order; none for a row that is refused, or that repeats.
    added: Sequence[Event]
    #: The no that stands: for a consent the reason for which it is refused, for a sale what it can't lift.
    denied: Reason | None = None


@dataclass(slots=True, kw_only=True)
class Difference:
    """What an import does, or would do, in numbers: nothing in it tells of a person."""

    rows: int = 0
    #: They add something.
    new: int = 0
    #: They say what is recorded already.
    repeated: int = 0
    #: They could not be read, or prove nothing.
    bad: int = 0
    #: Of people with a no, by reason: consents, which are refused, and sales, which are recorded and lift nothing.
    denied: Counter[Reason] = field(default_factory=Counter)
    #: Topic -> how many people may be mailed about it with the import, and could not be without, and the other way
    #: round. A dry run tells.
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Difference") -> None:
        """Add the counts of other rows."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    def as_json(self) -> dict[str, object]:
        """The counts by their names."""
        return {
            part.name: dict(value) if isinstance(value := getattr(self, part.name), Counter) else value
            for part in fields(self)
        }


def standing_no(events: Sequence[Event], topic: int) -> Reason | None:
    """The no that stands for a topic, or for all marketing."""
    standings = fold(0, events)
    standing = standings.get(topic, standings.get(ALL_TOPICS))
    return Reason(standing.denial) if standing and standing.denial else None


def effect_of_consent(consent: Event, events: Sequence[Event], receipt: Receipt) -> Effect:
    """What an imported consent adds to what is recorded of the recipient."""
    if denied := standing_no(events, consent.topic):
        return Effect(added=(), denied=denied)
    gone = ended(events)
    standing = (event for event in events if event.seq not in gone)
    same = any(_is_the_same(event, consent) and says_already(event, receipt) for event in standing)
    return Effect(added=() if same else (consent,))


def effect_of_opt_out(topic: int, events: Sequence[Event], receipt: Receipt, *, reaching: bool) -> Effect:
    """What an imported opt-out adds; `reaching` as for `already_said`."""
    no = receipt.event(EventKind.WITHDRAWN, topic)
    return Effect(added=() if already_said(events, no, reaching=reaching) else (no,))


def _is_the_same(event: Event, consent: Event) -> bool:
    said = (event.kind, event.topic, event.grade, event.facts)
    # Without a time of its own it occurred when we received it, which says nothing.
    told_when = consent.occurred_at != consent.received_at
    return said == (consent.kind, consent.topic, consent.grade, consent.facts) and (
        not told_when or event.occurred_at == consent.occurred_at
    )


def read_difference(text: str) -> Difference:
    """The counts in the JSON text of `as_json`."""
    told = json.loads(text)
    return Difference(
        **{name: told[name] for name in ("rows", "new", "repeated", "bad")},
        denied=Counter({Reason(reason): count for reason, count in told["denied"].items()}),
        gained=Counter(told["gained"]),
        lost=Counter(told["lost"]),
    )
