"""Soft opt-in: what the law asks of a sale, from vectors, and the laws between them."""

import tomllib
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.country import CountryRule, stricter
from mailconsent.model import EventId, Grade, LegalBasis, MailKind, Reason
from mailconsent.sales import SALE_FACTS
from mailconsent.soft_opt_in import CONDITIONS, Offer
from tests.histories import RECIPIENT, SALE, TOPICS, decided, histories_with_sales, history, joined, notations

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "soft_opt_in.toml").read_text("utf-8"))
COUNTRIES = VECTORS.pop("countries")
CASES = [(group["clause"], case) for group in VECTORS.values() for case in group["cases"]]
OF_EVENTS = {"events", "sale", "second"}
OF_MAIL = {"topic", "eligible", "categories", "entity", "sender", "zone", "now", "with_opt_out", "lists", "last_sent"}
FIELDS = OF_EVENTS | OF_MAIL | {"kind", "minimum", "expected", "why"}
TOPIC = st.sampled_from(TOPICS)
#: Noes after which nobody may be mailed by soft opt-in, ever.
STICKY_WORDS = st.tuples(st.sampled_from("ROK"), st.sampled_from("*123")).map("".join)


def rule(country):
    row = COUNTRIES[country]
    named = {name: frozenset(row[name]) for name in ("triggers", "exclusion_lists") if name in row}
    return CountryRule(**row | named)


def offer(**case):
    sender = rule(case.get("sender", "DK"))
    return Offer(
        topic=case.get("topic", 2),
        eligible=case.get("eligible", True),
        categories=frozenset(case.get("categories", ["scanners"])),
        similar={"scanners": frozenset(["scanners"]), "x-ray": frozenset(["scanners", "x-ray"])},
        entity=case.get("entity", "imaging-aps"),
        rules={country: stricter(sender, rule(country)) for country in COUNTRIES},
        zone=ZoneInfo(case.get("zone", "Europe/Copenhagen")),
        now=case.get("now", datetime.fromisoformat("2026-02-01T12:00:00+01:00")),
        with_opt_out=case.get("with_opt_out", True),
        lists_consulted=case.get("lists", {}),
    )


def answer(case):
    sales = [SALE | case.get("sale", {}), SALE | {"order": "b"} | case.get("second", {})]
    return decided(
        history(case["events"], sales),
        case.get("topic", 2),
        kind=MailKind(case.get("kind", "marketing")),
        minimum=Grade(case.get("minimum", "B")),
        offer=offer(**case),
        last_sent=case.get("last_sent"),
    )


def name(case):
    return " ".join(f"{key}={value}" for key, value in case.items() if key not in ("expected", "why"))


@pytest.mark.parametrize(("clause", "case"), [pytest.param(*pair, id=name(pair[1])) for pair in CASES])
def test_a_sale_is_judged_as_the_law_says(clause, case):
    verdict, reason, *seq = case["expected"].split()

    decision = answer(case)

    why = f"{case['why']} ({clause})"
    assert decision.reason == reason, why
    assert decision.allowed == (verdict == "allow"), why
    assert decision.event_id == (EventId(RECIPIENT, int(seq[0])) if seq else None), why
    assert (decision.legal_basis is LegalBasis.SOFT_OPT_IN) == (reason == "soft_opt_in"), why


def test_the_vectors_are_whole_and_tell_each_case_once():
    cases = [case for _, case in CASES]

    assert len(cases) >= 80
    for case in cases:
        assert set(case) <= FIELDS, case
        assert case["why"], case
        assert set(case.get("sale", {})) | set(case.get("second", {})) <= SALE_FACTS, case
    assert {case["expected"].split()[1] for case in cases} >= {reason for reason, _ in CONDITIONS}
    assert len({name(case) for case in cases}) == len(cases)


def test_every_country_of_the_vectors_is_tried():
    tried = {case.get("sale", {}).get("country") for _, case in CASES}

    assert set(COUNTRIES) <= tried | {SALE["country"]}


@given(histories_with_sales, TOPIC)
def test_without_a_sale_to_rest_on_nothing_is_allowed_by_soft_opt_in(events, topic):
    decision = decided(events, topic, offer=offer(topic=topic))

    if decision.legal_basis is LegalBasis.SOFT_OPT_IN:
        sale = events[decision.event_id.seq - 1]
        assert sale.kind == "sale"
        assert sale.facts["obtained"] == "checkout"
        assert not [event for event in events if event.ends == sale.seq and event.kind == "sale_cancelled"]


@given(notations(sales=True), STICKY_WORDS, histories_with_sales, st.sampled_from(["", "~", "-"]), TOPIC)
def test_who_ever_refused_objected_or_complained_is_never_mailed_by_soft_opt_in(before, no, after, ender, topic):
    place = len(before.split()) + 1
    events = joined(history(f"{before} {no} {ender and f'{ender}{place}'}"), after)

    decision = decided(events, topic, offer=offer(topic=topic))

    assert decision.legal_basis is not LegalBasis.SOFT_OPT_IN


@given(histories_with_sales, TOPIC)
def test_soft_opt_in_never_turns_another_no_into_a_yes(events, topic):
    without, decision = decided(events, topic), decided(events, topic, offer=offer(topic=topic))

    if without.reason is not Reason.NO_LEGAL_BASIS:
        assert decision == without


@given(histories_with_sales, st.lists(st.sampled_from(["$", "$2", "B1", "B2", "C3", "D1"]), max_size=5), TOPIC)
def test_nothing_asserted_makes_an_opted_out_person_mailable(events, claims, topic):
    mail = offer(topic=topic)
    before = decided(events, topic, offer=mail)

    after = decided(joined(events, history(" ".join(claims))), topic, offer=mail)

    if before.reason in (Reason.WITHDRAWN, Reason.REFUSED, Reason.OBJECTED, Reason.COMPLAINT, Reason.SUPPRESSED):
        assert after == before


@given(histories_with_sales, TOPIC)
def test_sales_change_no_standing_but_where_the_address_was_given_anew(events, topic):
    silent = [event for event in events if event.kind not in ("sale", "sale_cancelled")]

    with_sales, without = decided(events, topic), decided(silent, topic)

    assert with_sales == without


@given(histories_with_sales, TOPIC)
def test_a_topic_that_is_not_eligible_is_judged_as_if_nothing_was_sold(events, topic):
    assert decided(events, topic, offer=offer(topic=topic, eligible=False)) == decided(events, topic)


@given(histories_with_sales, TOPIC, st.integers(0, 1500))
def test_a_sale_never_gets_younger(events, topic, days):
    later = date(2026, 2, 1).toordinal() + days
    now = datetime.combine(date.fromordinal(later), datetime.min.time(), ZoneInfo("Europe/Copenhagen"))

    if decided(events, topic, offer=offer(topic=topic, now=now, sender="FR")).allowed:
        assert decided(events, topic, offer=offer(topic=topic, sender="FR")).allowed
