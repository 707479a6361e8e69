"""When records are due. The cases are in tests/vectors/due.toml."""

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.due import Kept, Terms, address_due, event_due, kept_as, last_due, mail_due, terms_of
from mailconsent.model import EventKind, Grade
from mailconsent.policy import read_policy
from mailconsent.policy.retention import Beginning, Period, Records
from tests.cast import NOW
from tests.histories import SALES, TOPICS, decided, grown, histories_with_sales, history
from tests.houses import POLICY

SHIPPED = terms_of(read_policy(POLICY.read_text("utf-8")))
TERMS = replace(SHIPPED, lapse_months=lambda _country: None)
CASES = tomllib.loads((Path(__file__).parent.parent / "vectors" / "due.toml").read_text("utf-8"))["case"]


def told(case):
    """The events of a case, each received when it says."""
    times, words = zip(*(line.split() for line in case["events"]), strict=True) if case["events"] else ((), ())
    more = {name: case[name] for name in ("sold_on", "state") if name in case}
    moments = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in times]
    events = history(" ".join(words), [{**sale, **more} for sale in SALES])
    return [
        replace(event, received_at=moment, occurred_at=moment, facts=_on_the_day(event, moment, more))
        for event, moment in zip(events, moments, strict=True)
    ]


def _on_the_day(event, moment, more):
    if not event.facts:
        return event.facts
    return {**event.facts, "sold_on": TERMS.day(moment).isoformat(), **more}


def said(day):
    return "never" if day is None else "now" if day == date.min else day.isoformat()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_records_are_due_on_the_day(case):
    events = told(case)
    terms = replace(TERMS, lapse_months=lambda _country: case.get("lapse"))
    used_on = {1: case["used_on"]} if "used_on" in case else {}

    assert [said(event_due(event, events, terms, used_on)) for event in events] == case["due"]
    assert said(address_due(events, terms, used_on)) == case["address"]


def test_a_confirmed_request_goes_with_its_consent():
    events = grown(history("P1"), EventKind.CONSENT_GIVEN, 1, grade=Grade.A, ends=1)
    assert kept_as(events[0], events) is Kept.CONSENT
    assert event_due(events[0], events, TERMS) is None

    over = grown(events, EventKind.WITHDRAWN, 0)
    assert {event_due(event, over, TERMS) for event in over} == {date(2027, 1, 2)}


def test_a_mail_that_was_dealt_with_is_due_like_what_it_made():
    assert mail_due(Kept.OPT_OUT_MAIL, NOW, TERMS) == date(2027, 3, 3)
    assert mail_due(Kept.ENQUIRY_MAIL, NOW, TERMS) == date(2028, 3, 3)


def test_the_law_of_both_countries_says_when_an_unused_consent_lapses():
    assert {SHIPPED.lapse_months(country) for country in ("DK", "DE", "NL", None)} == {12}, "a company in Denmark"


@given(st.sampled_from((Records.CONSENTS, Records.TRANSACTIONS)), st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_the_last_day_of_what_is_due_is_found(records, today):
    last = last_due(records, TERMS, today)

    kept = replace(TERMS, zone=UTC)
    sold, over = history("$"), history("W1")
    for day, is_over in ((last, True), (last + timedelta(days=1), False)):
        moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        [event] = sold if records is Records.TRANSACTIONS else over
        event = replace(event, received_at=moment, facts={**event.facts, "sold_on": day.isoformat()})
        assert (event_due(event, [event], kept) <= today) is is_over


def test_nothing_is_due_where_there_is_no_period():
    assert last_due(Records.CONSENTS, replace(TERMS, periods={}), NOW.date()) is None


def test_what_the_policy_has_no_period_for_is_never_due():
    silent = replace(TERMS, periods={})
    events = history("B1 W1 $")

    assert [event_due(event, events, silent) for event in events] == [None, None, None]
    assert address_due(events, silent) is None
    assert mail_due(Kept.OPT_OUT_MAIL, NOW, silent) is None


def test_no_period_at_all_still_leaves_the_proof_for_as_long_as_the_withdrawal_can_be_undone():
    at_once = replace(TERMS, periods={Records.CONSENTS: Period(months=0, beginning=Beginning.WITHDRAWAL)})
    events = history("B1 W1")

    assert event_due(events[0], events, at_once) == date(2026, 1, 3)
    assert event_due(events[1], events, at_once) == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("beginning", "due"),
    [(Beginning.FINANCIAL_YEAR_END, date(2031, 7, 1)), (Beginning.TRANSACTION, date(2031, 1, 2))],
)
def test_transactions_count_from_where_the_policy_says(beginning, due):
    period = Period(months=60, beginning=beginning)
    terms = Terms(
        periods={Records.TRANSACTIONS: period},
        zone=UTC,
        year_end=TERMS.year_end and TERMS.year_end._replace(month=6, day=30),
    )
    events = told({"events": ["2026-01-01T09:00 $"]})

    assert event_due(events[0], events, terms) == due


@settings(max_examples=300)
@given(histories_with_sales)
def test_the_proof_of_a_consent_that_decides_is_never_due(events):
    for topic in TOPICS:
        decision = decided(events, topic)
        if decision.allowed and decision.event_id:
            proof = next(event for event in events if event.seq == decision.event_id.seq)
            assert event_due(proof, events, TERMS) is None
            assert address_due(events, TERMS) is None


def test_a_consent_that_leaves_the_country_out_lapses_by_no_law_that_is_stricter_than_the_one_it_stands_by():
    """By the sale of the other one the person is in Germany, and that is how the consent is judged."""
    terms = replace(TERMS, lapse_months={None: 12, "DE": 18}.get)
    events = history("B1 $")
    sold = replace(events[1], facts={**events[1].facts, "country": "de"})

    assert event_due(events[0], events[:1], terms) == date(2028, 1, 2)
    assert event_due(events[0], [events[0], sold], terms) == date(2028, 7, 2)
