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

from mailconsent.country import CountryRule, DoubleOptIn, stricter
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Grade, LegalBasis, Reason
from mailconsent.policy import Policy
from tests.histories import TOPICS, history, joined, notations
from tests.told import Sent, answer, policy_of

MANY = settings(max_examples=150, deadline=None)
DAY = timedelta(days=1)
LONGEST_MONTH = 31 * DAY
OPT_OUTS = (EventKind.WITHDRAWN, EventKind.OBJECTED, EventKind.REFUSED, EventKind.COMPLAINT)
NOES = (*OPT_OUTS, EventKind.SUPPRESSED, EventKind.QUESTIONED)
MARKETING = ("blog", "alerts", "industry")
KEYS = st.sampled_from(MARKETING)
COUNTRIES = ("DK", "DE", "AT", "FR", "IT", "IE", "GB", "PL", "US", "CA", "BR", "")
SENDERS = ("DK", "DE", "FR", "IE", "GB", "PL")
OFFERS = (
    {"order": "a"},
    {"order": "b", "categories": "parts"},
    {"order": "c", "obtained": "import"},
)
CLAIMS = st.lists(st.sampled_from(["$", "$2", "$3", *(f"{g}{t}" for g in "BCDP" for t in TOPICS)]), max_size=5)


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


policies = st.builds(policy, st.sampled_from(SENDERS), st.sampled_from("AB"))


@st.composite
def dated(draw: st.DrawFn, events: Sequence[Event], since: datetime | None = None) -> list[Event]:
    """The events at random distances, of people in random countries, by random doors and with random claims of time."""
    dates = []
    received = since
    for event in events:
        received = (received or event.received_at) + draw(st.sampled_from((0 * DAY, DAY / 24, 40 * DAY, 200 * DAY)))
        country = {"country": draw(st.sampled_from(COUNTRIES))}
        facts: Mapping[str, str] = {}
        if event.kind is EventKind.SALE:
            sold = {"sold_on": str(received.date()), "offered_at": received.isoformat()}
            facts = {**event.facts, "entity": "controller", "categories": "mri", **sold, **country}
            facts = {**facts, **OFFERS["abc".index(event.facts["order"])]}
        elif event.kind in (EventKind.CONSENT_GIVEN, EventKind.CONSENT_REQUESTED):
            facts = country
        misread = event.kind in (EventKind.WITHDRAWN, EventKind.OBJECTED) and draw(st.booleans())
        dates.append(
            replace(
                event,
                received_at=received,
                occurred_at=received + draw(st.sampled_from((0 * DAY, 0 * DAY, -300 * DAY, 300 * DAY))),
                channel=Channel.INBOX if misread else event.channel,
                facts={"identified": "sender"} if misread else facts,
            )
        )
    return dates


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Random events, sends between them, and a question after all of it."""
    events = draw(dated(history(draw(notations(max_size=8, sales=True)))))
    now = events[-1].received_at if events else datetime.fromisoformat("2026-01-01T00:00:00Z")
    now += draw(st.sampled_from((0 * DAY, DAY, 100 * DAY, 364 * DAY, 370 * DAY, 800 * DAY)))
    sends = st.builds(
        lambda topic, basis, days: Sent(topic=topic, basis=basis, sent_at=now - days * DAY),
        st.sampled_from(TOPICS),
        st.sampled_from((LegalBasis.CONSENT, LegalBasis.SOFT_OPT_IN)),
        st.integers(0, 900),
    )
    return Ledger(events=events, sent=draw(st.lists(sends, max_size=3)), now=now)


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
    """Where the person is, as this consent says; if it does not, any country that another one to the topic names."""
    others = [e for e in ledger.events if (e.kind, e.topic) == (consent.kind, consent.topic)]
    told = {event.facts["country"] for event in others} - {""}
    return {consent.facts["country"]} if consent.facts["country"] else told or {None}


def is_enough(consent: Event, ledger: Ledger, rule: CountryRule, policy: Policy) -> bool:
    """Whether this consent is proven as this rule and the policy ask, and was given or used lately enough."""
    uses = [m.sent_at for m in ledger.sent if (m.topic, m.basis) == (consent.topic, LegalBasis.CONSENT)]
    alive = max([min(consent.occurred_at, consent.received_at), *uses])
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
@given(ledgers(), CLAIMS.map(" ".join).map(history), KEYS, policies, st.data())
def test_nothing_told_from_outside_brings_back_who_opted_out(ledger, claims, topic, policy, data):
    before = asked(ledger, topic, policy)
    since = data.draw(dated(claims, ledger.now))
    now = since[-1].received_at if since else ledger.now

    after = asked(replace(ledger, events=joined(ledger.events, since), now=now), topic, policy)

    if before.reason in {kind.value for kind in NOES}:
        assert after == before


@MANY
@given(ledgers(), KEYS, policies, st.sampled_from(COUNTRIES), st.sampled_from(COUNTRIES))
def test_of_two_countries_together_the_law_allows_what_both_allow(ledger, topic, policy, one, other):
    def in_one_country(countries) -> bool:
        there = [replace(e, facts={**e.facts, "country": "XX"}) if "country" in e.facts else e for e in ledger.events]
        elsewhere = replace(policy, countries=countries)
        return asked(replace(ledger, events=there), topic, elsewhere).allowed

    rows = {name: policy.countries.get(name, policy.countries["other"]) for name in (one, other)}
    both = in_one_country({**policy.countries, "XX": stricter(rows[one], rows[other])})

    if both:
        assert all(in_one_country({**policy.countries, "XX": row}) for row in rows.values())


@MANY
@given(ledgers(), KEYS, policies, st.integers(0, 2000))
def test_time_alone_turns_no_no_into_a_yes(ledger, topic, policy, days):
    later = replace(ledger, now=ledger.now + days * DAY)

    if asked(later, topic, policy).allowed:
        assert asked(ledger, topic, policy).allowed
