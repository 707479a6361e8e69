"""
Histories of one recipient in short notation, and random ones.

    A1 B1 C1 D1        a consent to topic 1, of that grade
    W1 W*              a withdrawal of topic 1, of all marketing; so too
    O R K S Q          an objection, a refusal of soft opt-in, a complaint (K), a suppression, a question
    F                  a permanent failure of the address
    N                  a new owner of the mailbox
    T                  a transient failure
    P1                 a request of a consent to topic 1, pending
    -3                 an operator releases event 3
    ~3                 the person undoes event 3
    $ $2 $3            something was sold: the first, second, third of `SALES`
    !3                 the sale told of in event 3 is cancelled
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from mailconsent.country import CountryRule
from mailconsent.decision import ConsentTerms, Mailing, decide
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Grade, MailKind
from mailconsent.soft_opt_in import Offer, sales_of

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
    "T": EventKind.TRANSIENT_FAILURE,
    "-": EventKind.RELEASED,
    "~": EventKind.RESTORED,
    "!": EventKind.SALE_CANCELLED,
}
#: A sale of which soft opt-in holds. `history` adds when the opt-out was offered: that morning.
SALE: Mapping[str, str] = {
    "order": "a",
    "sold_on": "2025-12-20",
    "entity": "imaging-aps",
    "categories": "scanners",
    "state": "delivered",
    "obtained": "checkout",
    "notice": "sale-1",
    "country": "DK",
    "customer": "business",
}
SALES = (SALE, {**SALE, "order": "b"}, {**SALE, "order": "c", "obtained": "import"})
#: Mail to existing customers about what is sold there, at a time at which nothing of it is too old.
OFFER = Offer(
    topic=2,
    eligible=True,
    categories=frozenset(["scanners"]),
    similar={"scanners": frozenset(["scanners"])},
    entity="imaging-aps",
    rules={"DK": CountryRule(soft_opt_in=True)},
    zone=UTC,
    now=datetime(2026, 2, 1, 12, tzinfo=UTC),
    with_opt_out=True,
)
_WORD = re.compile(
    r"(?P<sign>[ABCDPWORKSQ])(?P<scope>\d+|\*)|(?P<address>[FNT])|(?P<ender>[-~!])(?P<ends>\d+)|(?P<sale>\$)(?P<which>\d?)"
)


def history(notation: str, sales: Sequence[Mapping[str, str]] = SALES) -> list[Event]:
    """The events that a line of short notation means, where these are the sales."""
    events: list[Event] = []
    for word in notation.split():
        match = _WORD.fullmatch(word)
        assert match, f"not in the notation: {word}"
        scope = match["scope"] or "*"
        topic = ALL_TOPICS if scope == "*" else int(scope)
        if match["sign"] and match["sign"] in "ABCD":
            events = grown(events, EventKind.CONSENT_GIVEN, topic, grade=Grade(match["sign"]))
        elif match["sale"]:
            facts = sales[int(match["which"] or 1) - 1]
            offered = {"offered_at": f"{facts['sold_on']}T09:00:00+01:00"}
            events = grown(events, EventKind.SALE, ALL_TOPICS, facts=offered | dict(facts))
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
    at: datetime | None = None,
    facts: Mapping[str, str] | None = None,
) -> list[Event]:
    """A history and one event more, received `at` a time or an hour after the one before."""
    received_at = at or START + timedelta(hours=len(events))
    event = Event(
        kind=kind,
        topic=topic,
        channel=Channel.API,
        occurred_at=occurred_at or received_at,
        received_at=received_at,
        grade=grade,
        ends=ends,
        facts=facts or {},
        seq=len(events) + 1,
    )
    return [*events, event]


def joined(events: Sequence[Event], others: Sequence[Event]) -> list[Event]:
    """One history after the other."""
    place = len(events)
    return [*events, *(replace(e, seq=e.seq + place, ends=e.ends and e.ends + place) for e in others)]


def decided(
    events: Sequence[Event],
    topic: int,
    *,
    kind: MailKind = MailKind.MARKETING,
    minimum: Grade = Grade.B,
    offer: Offer | None = None,
    last_sent: datetime | None = None,
) -> Decision:
    """What a sender is told after these events: the topic's own standing, or else that of all topics, decides."""
    standings = fold(RECIPIENT, events)
    sales = sales_of(RECIPIENT, events) if offer else None
    sales = sales and replace(sales, last_sent_on=last_sent and offer and offer.day(last_sent))
    mailing = Mailing(topic=topic, kind=kind, terms=ConsentTerms(minimum), terms_in={}, offer=offer)
    return decide(standings.get(topic, standings.get(ALL_TOPICS)), mailing, sales)


#: Marketing topics of random histories.
TOPICS = (1, 2, 3)
_SCOPES = st.sampled_from((ALL_TOPICS, *TOPICS))
_NOES = tuple("WORKSQ")
CONSENTS = st.tuples(st.sampled_from("ABCD"), st.sampled_from(TOPICS)).map(lambda c: f"{c[0]}{c[1]}")
OUTSIDE_CONSENTS = st.tuples(st.sampled_from("BCD"), st.sampled_from(TOPICS)).map(lambda c: f"{c[0]}{c[1]}")
NOES = st.tuples(st.sampled_from(_NOES), _SCOPES).map(lambda n: f"{n[0]}{n[1] or '*'}")
REQUESTS = st.sampled_from(TOPICS).map(lambda topic: f"P{topic}")
ADDRESS = st.sampled_from(("F", "N", "T"))
SOLD = st.sampled_from(("$", "$2", "$3"))


@st.composite
def notations(draw: st.DrawFn, *, max_size: int = 12, enders: bool = True, sales: bool = False) -> str:
    """A random history in short notation. Whatever an event may name, it names: rules must hold for all of them."""
    words: list[str] = []
    for _ in range(draw(st.integers(0, max_size))):
        kinds = [CONSENTS, CONSENTS, NOES, NOES, REQUESTS, ADDRESS]
        if sales:
            kinds += [SOLD, SOLD]
        if enders and words:
            ends = st.integers(1, len(words))
            kinds.append(st.tuples(st.sampled_from("-~!" if sales else "-~"), ends).map(lambda e: f"{e[0]}{e[1]}"))
        words.append(draw(st.one_of(kinds)))
    return " ".join(words)


histories = notations().map(history)
histories_with_sales = notations(sales=True).map(history)
