"""
Histories of one recipient in short notation, and random ones.

    A1 B1 C1 D1        a consent to topic 1, of that grade
    W1 W*              a withdrawal of topic 1, of all marketing; so too
    O R K S Q          an objection, a refusal of soft opt-in, a complaint (K), a suppression, a question
    F                  a permanent failure of the address
    N                  a new owner of the mailbox
    P1                 a request of a consent to topic 1, pending
    -3                 an operator releases event 3
    ~3                 the person undoes event 3
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from mailconsent.decision import decide
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Grade, MailKind

RECIPIENT = 7
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
KINDS = {
    "P": EventKind.CONSENT_REQUESTED,
    "W": EventKind.WITHDRAWN,
    "O": EventKind.OBJECTED,
    "R": EventKind.REFUSED,
    "K": EventKind.COMPLAINT,
    "S": EventKind.SUPPRESSED,
    "Q": EventKind.QUESTIONED,
    "F": EventKind.PERMANENT_FAILURE,
    "N": EventKind.OWNER_CHANGED,
    "-": EventKind.RELEASED,
    "~": EventKind.RESTORED,
}
_WORD = re.compile(r"(?P<sign>[ABCDPWORKSQ])(?P<scope>\d+|\*)|(?P<address>[FN])|(?P<ender>[-~])(?P<ends>\d+)")


def history(notation: str) -> list[Event]:
    """The events that a line of short notation means."""
    events: list[Event] = []
    for word in notation.split():
        match = _WORD.fullmatch(word)
        assert match, f"not in the notation: {word}"
        scope = match["scope"] or "*"
        topic = ALL_TOPICS if scope == "*" else int(scope)
        if match["sign"] and match["sign"] in "ABCD":
            events = grown(events, EventKind.CONSENT_GIVEN, topic, grade=Grade(match["sign"]))
        elif match["ender"]:
            ends = int(match["ends"])
            assert 1 <= ends <= len(events), f"there is no event {ends} before {word}"
            events = grown(events, KINDS[match["ender"]], events[ends - 1].topic, ends=ends)
        else:
            events = grown(events, KINDS[match["sign"] or match["address"]], topic)
    return events


def grown(
    events: Sequence[Event],
    kind: EventKind,
    topic: int,
    *,
    grade: Grade | None = None,
    ends: int | None = None,
    occurred_at: datetime | None = None,
) -> list[Event]:
    """A history and one event more."""
    received_at = START + timedelta(hours=len(events))
    event = Event(
        kind=kind,
        topic=topic,
        channel=Channel.API,
        occurred_at=occurred_at or received_at,
        received_at=received_at,
        grade=grade,
        ends=ends,
        seq=len(events) + 1,
    )
    return [*events, event]


def decided(
    events: Sequence[Event], topic: int, *, kind: MailKind = MailKind.MARKETING, minimum: Grade = Grade.B
) -> Decision:
    """What a sender is told after these events: the topic's own standing, or else that of all topics, decides."""
    standings = fold(RECIPIENT, events)
    return decide(standings.get(topic, standings.get(ALL_TOPICS)), kind, minimum)


#: Marketing topics of random histories.
TOPICS = (1, 2, 3)
_SCOPES = st.sampled_from((ALL_TOPICS, *TOPICS))
_NOES = tuple("WORKSQ")
CONSENTS = st.tuples(st.sampled_from("ABCD"), st.sampled_from(TOPICS)).map(lambda c: f"{c[0]}{c[1]}")
OUTSIDE_CONSENTS = st.tuples(st.sampled_from("BCD"), st.sampled_from(TOPICS)).map(lambda c: f"{c[0]}{c[1]}")
NOES = st.tuples(st.sampled_from(_NOES), _SCOPES).map(lambda n: f"{n[0]}{n[1] or '*'}")
REQUESTS = st.sampled_from(TOPICS).map(lambda topic: f"P{topic}")
ADDRESS = st.sampled_from(("F", "N"))


@st.composite
def notations(draw: st.DrawFn, *, max_size: int = 12, enders: bool = True) -> str:
    """A random history in short notation. Whatever an event may name, it names: rules must hold for all of them."""
    words: list[str] = []
    for _ in range(draw(st.integers(0, max_size))):
        kinds = [CONSENTS, CONSENTS, NOES, NOES, REQUESTS, ADDRESS]
        if enders and words:
            ends = st.integers(1, len(words))
            kinds.append(st.tuples(st.sampled_from("-~"), ends).map(lambda e: f"{e[0]}{e[1]}"))
        words.append(draw(st.one_of(kinds)))
    return " ".join(words)


histories = notations().map(history)
