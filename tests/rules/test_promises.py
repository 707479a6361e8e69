"""
The two promises of design section 1, for random ledgers: no one who opted out is mailed, and no ground for marketing is
claimed without proof. What they mean is said here once more in plain loops, and not with the code that keeps them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.country import CountryRule, DoubleOptIn
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Grade, LegalBasis, Reason
from mailconsent.policy import Policy
from tests.histories import history
from tests.told import Sent, answer, policy_of

DAY = timedelta(days=1)
MANY = settings(max_examples=600, deadline=None)
LONGEST_MONTH = 31 * DAY
OPT_OUTS = (EventKind.WITHDRAWN, EventKind.OBJECTED, EventKind.REFUSED, EventKind.COMPLAINT)
NOES = (*OPT_OUTS, EventKind.SUPPRESSED, EventKind.QUESTIONED)
#: What mostly happens stands here more often, so that most histories come to the point.
KEYS = st.sampled_from(("blog", "alerts", "alerts", "industry"))
COUNTRIES = st.sampled_from(("DK", "DK", "DK", "DE", "FR", "IE", "GB", "PL", "CA", "BR", ""))
SENDERS = st.sampled_from(("DK", "DK", "DK", "DE", "FR", "IE", "GB", "PL"))
GAPS = st.sampled_from((0 * DAY, DAY / 24, DAY, 40 * DAY, 200 * DAY))
SINCE = st.sampled_from((0 * DAY, 0 * DAY, DAY, 100 * DAY, 364 * DAY, 370 * DAY, 800 * DAY))
CLAIMED = st.sampled_from((0 * DAY, 0 * DAY, 0 * DAY, -300 * DAY, 300 * DAY))
WORDS = (
    *("A1", "A2", "B1", "B2", "B2", "B2", "C2", "P2", "$", "$", "$", "$2", "$3"),
    *("W1", "W2", "W2", "W*", "R1", "R2", "O*", "O1", "K*", "K2", "S*", "Q*", "F", "N"),
    *("-", "~", "~", "!"),
)
#: A yes, a no, and what might or might not end it.
TALES = [f"B2 {no} {end}" for no in ("W2", "W*", "R2", "O*", "K*", "S*", "Q*", "F", "N") for end in "-~"]
TALES += ["$ !", "$ !", "$ R2 ~", "$ R1 ~", "$ O1 -", "$ K1 -"]
STEPS = st.one_of(st.sampled_from(WORDS), st.sampled_from(TALES), st.sampled_from(TALES))
FROM_OUTSIDE = ("B1", "B2", "B2", "B2", "C2", "D2", "P2", "$", "$", "$2", "$3")
OFFERS = (
    {"order": "a"},
    {"order": "b", "categories": "parts"},
    {"order": "c", "obtained": "import"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One recipient's events, what was sent to them, and the day of the question."""

    events: Sequence[Event]
    sent: Sequence[Sent]
    now: datetime


@cache
def policy(sender: str, minimum: str) -> Policy:
    """The shipped policy of a company elsewhere, with a second topic that soft opt-in is possible for."""
    similar = {"soft_opt_in": True, "categories": ["imaging-systems"]}
    changes = {"minimum_grade": minimum, "controller": {"country": sender}, "topics": {"industry": similar}}
    return policy_of(changes)


policies = st.builds(policy, SENDERS, st.sampled_from("BBA"))


def written(words: Sequence[str]) -> str:
    """Short notation, in which what ends another event ends the one before it."""
    return " ".join(f"{word}{max(place, 1)}" if word in "-~!" else word for place, word in enumerate(words))


@st.composite
def dated(draw: st.DrawFn, words: Sequence[str], since: datetime | None = None, place: int = 0) -> list[Event]:
    """The events at random distances, of people in random countries, by random doors and with random claims of time."""
    events: list[Event] = []
    # An end of something needs something before it.
    for event in history(written(["W2", *words]))[1:]:
        received = (events[-1].received_at if events else since or event.received_at) + draw(GAPS)
        facts: Mapping[str, str] = {}
        if event.kind is EventKind.SALE:
            sold = {"sold_on": str(received.date()), "offered_at": received.isoformat()}
            facts = {**event.facts, **sold, "entity": "main", "categories": "mri", "country": draw(COUNTRIES)}
            facts = {**facts, **OFFERS["abc".index(event.facts["order"])]}
        elif event.kind in (EventKind.CONSENT_GIVEN, EventKind.CONSENT_REQUESTED):
            facts = {"country": draw(COUNTRIES)}
        misread = event.kind in (EventKind.WITHDRAWN, EventKind.OBJECTED) and draw(st.integers(0, 3)) == 0
        events.append(
            replace(
                event,
                received_at=received,
                occurred_at=received + draw(CLAIMED),
                channel=Channel.INBOX if misread else Channel.PAGE if event.kind in OPT_OUTS else event.channel,
                facts={"identified": "sender"} if misread else facts,
                ends=event.ends and event.ends - 1 + place,
                seq=event.seq - 1 + place,
            )
        )
    return events


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Random events, sends between them, and a question after all of it."""
    events = draw(dated(" ".join(draw(st.lists(STEPS, max_size=4))).split()))
    now = events[-1].received_at if events else datetime.fromisoformat("2026-01-01T00:00:00Z")
    now += draw(SINCE)
    sends = st.builds(
        lambda topic, basis, days: Sent(topic=topic, basis=basis, sent_at=now - days * DAY),
        st.sampled_from((1, 2, 2)),
        st.sampled_from((LegalBasis.CONSENT, LegalBasis.SOFT_OPT_IN)),
        st.integers(0, 900),
    )
    return Ledger(events=events, sent=draw(st.lists(sends, max_size=2)), now=now)


def asked(ledger: Ledger, topic: str, policy: Policy) -> Decision:
    return answer(ledger.events, topic, policy, now=ledger.now, sent=ledger.sent)


def last_personal_act(events: Sequence[Event], topic: int) -> Event | None:
    """What the person said last of a topic, at our own doors or anywhere: an opt-out, or a confirmed consent."""
    last = None
    for event in events:
        enders = [other for other in events if other.ends == event.seq and other.seq != event.seq]
        undone = event.kind in (EventKind.WITHDRAWN, EventKind.REFUSED) and any(
            ender.kind is EventKind.RESTORED for ender in enders
        )
        misread = "identified" in event.facts and any(ender.kind is EventKind.RELEASED for ender in enders)
        opted_out = event.kind in OPT_OUTS and event.topic in (ALL_TOPICS, topic) and not undone and not misread
        confirmed = event.kind is EventKind.CONSENT_GIVEN and event.grade is Grade.A and event.topic == topic
        if opted_out or confirmed:
            last = event
    return last


@MANY
@given(ledgers(), KEYS, policies)
def test_no_one_whose_last_own_word_on_a_topic_is_an_opt_out_is_mailed_about_it(ledger, topic, policy):
    last = last_personal_act(ledger.events, policy.topic(topic).number)

    if last and last.kind in OPT_OUTS:
        assert not asked(ledger, topic, policy).allowed


@MANY
@given(ledgers(), KEYS, policies)
def test_a_yes_names_a_ground_that_is_there_and_still_holds(ledger, topic, policy):
    decision = asked(ledger, topic, policy)
    number = policy.topic(topic).number
    last = last_personal_act(ledger.events, number)

    if not decision.allowed:
        return
    ground = ledger.events[decision.event_id.seq - 1]
    since = [event for event in ledger.events if event.seq > ground.seq]
    assert EventKind.OWNER_CHANGED not in {event.kind for event in since}
    assert last is None or last.kind is EventKind.CONSENT_GIVEN
    if decision.legal_basis is LegalBasis.CONSENT:
        assert (ground.kind, ground.topic) == (EventKind.CONSENT_GIVEN, number)
        assert any(is_enough(ground, ledger, policy.rule(country), policy) for country in countries_of(ground, ledger))
    else:
        assert decision.legal_basis is LegalBasis.SOFT_OPT_IN
        assert ground.kind is EventKind.SALE
        assert policy.topic(topic).soft_opt_in
        assert policy.rule(ground.facts["country"] or None).soft_opt_in
        assert (ground.facts["obtained"], ground.facts["categories"]) == ("checkout", "mri")
        assert not [e for e in since if e.kind is EventKind.SALE_CANCELLED and e.ends == ground.seq]
        assert not {EventKind.REFUSED, EventKind.COMPLAINT} & {event.kind for event in ledger.events}


def countries_of(consent: Event, ledger: Ledger) -> set[str | None]:
    """Where the person is, as this consent says; if it does not, any that another one to the topic or a sale names."""
    alike = ((consent.kind, consent.topic), (EventKind.SALE, ALL_TOPICS))
    others = [event for event in ledger.events if (event.kind, event.topic) in alike]
    told = {event.facts["country"] for event in others} - {""}
    return {consent.facts["country"]} if consent.facts["country"] else told or {None}


def _is_like(event: Event, consent: Event) -> bool:
    same = (event.kind, event.topic, event.grade) == (consent.kind, consent.topic, consent.grade)
    return same and event.facts["country"] == consent.facts["country"]


def is_enough(consent: Event, ledger: Ledger, rule: CountryRule, policy: Policy) -> bool:
    """Whether this consent is proven as this rule and the policy ask, and was given or used lately enough."""
    uses = [m.sent_at for m in ledger.sent if (m.topic, m.basis) == (consent.topic, LegalBasis.CONSENT)]
    as_good = [e for e in ledger.events if _is_like(e, consent)]
    alive = max([*(min(event.occurred_at, event.received_at) for event in as_good), *uses])
    months = rule.consent_lapse_months
    return (
        consent.grade <= policy.minimum_grade
        and (consent.grade is Grade.A or rule.double_opt_in is not DoubleOptIn.REQUIRED)
        and (months is None or ledger.now - alive < months * LONGEST_MONTH + DAY)
    )


@MANY
@given(ledgers(), policies)
def test_transactional_mail_depends_on_no_marketing_no(ledger, policy):
    without = [
        replace(event, kind=EventKind.CONSENT_REQUESTED, topic=1) if event.kind in NOES else event
        for event in ledger.events
    ]

    decision = asked(ledger, "orders", policy)

    assert decision == asked(replace(ledger, events=without), "orders", policy)
    assert decision.reason in (Reason.TRANSACTIONAL, Reason.PERMANENT_FAILURE)


@MANY
@given(ledgers(), st.lists(st.sampled_from(FROM_OUTSIDE), min_size=1, max_size=4), KEYS, policies, st.data())
def test_nothing_told_from_outside_brings_back_who_opted_out(ledger, claims, topic, policy, data):
    before = asked(ledger, topic, policy)
    since = data.draw(dated(claims, ledger.now, len(ledger.events)))
    claimed = replace(ledger, events=[*ledger.events, *since], now=since[-1].received_at)

    if before.reason in {kind.value for kind in NOES}:
        assert asked(claimed, topic, policy) == before


@MANY
@given(ledgers(), KEYS, st.sampled_from("BBA"), COUNTRIES, COUNTRIES)
def test_between_two_countries_nothing_is_allowed_that_one_of_them_forbids(ledger, topic, minimum, one, other):
    there = [replace(e, facts={**e.facts, "country": "XX"}) if "country" in e.facts else e for e in ledger.events]
    shipped = policy("DK", minimum)

    def allowed(sender: str, recipient: str) -> bool:
        rows = {"SS": sender, "XX": recipient}.items()
        known = {name: shipped.countries.get(row, shipped.countries["other"]) for name, row in rows}
        company = replace(shipped.controller, country="SS")
        between = replace(shipped, controller=company, countries={**shipped.countries, **known})
        return asked(replace(ledger, events=there), topic, between).allowed

    if allowed(one, other):
        assert allowed(one, one)
        assert allowed(other, other)


@MANY
@given(ledgers(), KEYS, policies, st.integers(0, 2000))
def test_time_alone_turns_no_no_into_a_yes(ledger, topic, policy, days):
    later = replace(ledger, now=ledger.now + days * DAY)

    if asked(later, topic, policy).allowed:
        assert asked(ledger, topic, policy).allowed
