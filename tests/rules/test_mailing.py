"""A mailing as the policy looks at it on a day: what proof a consent needs, when it lapses, what is similar."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.decision import NEVER, decide
from mailconsent.model import EventId, Grade, MailKind, Reason, Standing
from mailconsent.policy import read_policy
from mailconsent.policy.mailing import consent_terms, mailing_of
from mailconsent.terms import add_months

POLICY = read_policy((Path(__file__).parents[2] / "policy.toml").read_text("utf-8"))
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
BLOG, ALERTS, ORDERS = (POLICY.topic(key) for key in ("blog", "alerts", "orders"))


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp())


def standing(given_at, grade="A", *, country="DK", used_on=None, **more):
    return Standing(
        recipient_id=7,
        failure=None,
        denial=None,
        denial_event=None,
        consent=1,
        grade=grade,
        consent_at=seconds(given_at),
        country=country,
        used_on=date.fromisoformat(used_on).toordinal() if used_on else None,
        **more,
    )


def said(one, now, topic=BLOG, policy=POLICY):
    return decide(one, mailing_of(policy, topic, now=datetime.fromisoformat(now)))


#: Given at, now, country, reason, why: the shipped policy is of a Danish company.
LAPSES = [
    ("2025-03-01T09:00+01:00", "2026-03-01T23:59+01:00", "DK", "consent", "the same day a year later still counts"),
    ("2025-03-01T09:00+01:00", "2026-03-02T00:00+01:00", "DK", "consent_lapsed", "the next one does not"),
    ("2025-03-01T00:00+01:00", "2026-03-01T22:59+00:00", "DK", "consent", "days are the company's: 23:59 there"),
    ("2025-03-01T00:00+01:00", "2026-03-01T23:00+00:00", "DK", "consent_lapsed", "and midnight there"),
    ("2025-02-28T23:30+00:00", "2026-03-01T12:00+00:00", "DK", "consent", "given on 1 March by the company's clock"),
    ("2024-02-29T12:00+01:00", "2025-02-28T12:00+01:00", "DK", "consent", "a leap day and a year is the 28th"),
    ("2024-02-29T12:00+01:00", "2025-03-01T12:00+01:00", "DK", "consent_lapsed", "and no day more"),
    ("2023-08-31T12:00+02:00", "2024-08-31T12:00+02:00", "DK", "consent", "over a change of the clocks and back"),
    ("2025-01-10T12:00+01:00", "2026-01-11T12:00+01:00", "DE", "consent_lapsed", "the sender's year is the stricter"),
    ("2025-01-10T12:00+01:00", "2026-01-11T12:00+01:00", None, "consent_lapsed", "wherever they are"),
    ("1970-01-01T00:00+00:00", "2026-01-11T12:00+01:00", "DK", "consent_lapsed", "at the beginning of the count"),
]


@pytest.mark.parametrize(("given_at", "now", "country", "reason", "why"), LAPSES, ids=[case[-1] for case in LAPSES])
def test_a_consent_lapses_by_the_company_calendar(given_at, now, country, reason, why):
    assert said(standing(given_at, country=country), now).reason == reason, why


def test_mail_that_rested_on_it_keeps_a_consent_alive():
    used = standing("2025-01-10T12:00+01:00", used_on="2025-12-24")

    assert said(used, "2026-12-24T12:00+01:00").reason is Reason.CONSENT
    assert said(used, "2026-12-25T12:00+01:00").reason is Reason.CONSENT_LAPSED


def test_where_the_best_proven_consent_lapsed_a_newer_one_will_do():
    newer = {"newer": 4, "newer_at": seconds("2025-12-01T12:00+01:00")}

    decision = said(standing("2024-01-10T12:00+01:00", **newer), "2026-01-10T12:00+01:00")

    assert (decision.reason, decision.event_id) == (Reason.CONSENT, EventId(7, 4))


def test_but_not_where_the_country_asks_for_a_confirmed_one():
    newer = {"newer": 4, "newer_at": seconds("2025-12-01T12:00+01:00"), "country": "DE"}

    decision = said(standing("2024-01-10T12:00+01:00", **newer), "2026-01-10T12:00+01:00")

    assert (decision.reason, decision.event_id) == (Reason.CONSENT_LAPSED, EventId(7, 1))


@pytest.mark.parametrize(
    ("country", "grade", "reason", "why"),
    [
        ("DE", "B", "consent_unconfirmed", "UWG § 7(2) no. 2: courts take no other proof than a confirmation"),
        ("DE", "A", "consent", "confirmed"),
        ("IT", "B", "consent_unconfirmed", "Garante 330/2025"),
        ("DK", "B", "consent", "Denmark takes a recorded one"),
        (None, "B", "consent", "nobody knows where: the sender's rule"),
        ("ZZ", "B", "consent", "so too of a country without a row"),
        ("DE", "C", "no_legal_basis", "a record with gaps is no consent to begin with"),
        ("DK", "D", "no_legal_basis", "nor is none at all"),
    ],
)
def test_the_proof_that_a_country_asks_for(country, grade, reason, why):
    one = standing("2026-01-10T12:00+01:00", grade, country=country)

    assert said(one, "2026-01-11T12:00+01:00").reason == reason, why


def test_a_policy_may_ask_for_more_than_a_country_and_never_for_less():
    strict = replace(POLICY, minimum_grade=Grade.A)
    one = standing("2026-01-10T12:00+01:00", "B")

    assert said(one, "2026-01-11T12:00+01:00", policy=strict).reason is Reason.CONSENT_UNCONFIRMED


def test_a_policy_without_countries_lets_no_consent_lapse():
    elsewhere, by_country = consent_terms(replace(POLICY, countries={}), date(2026, 1, 1))

    assert (elsewhere[:3], by_country) == ((Grade.B, NEVER, NEVER), {})


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(1, 60))
def test_what_counts_on_a_day_is_what_a_reader_of_the_calendar_would_count(today, months):
    rule = replace(POLICY.countries["DK"], consent_lapse_months=months)
    policy = replace(POLICY, countries={"DK": rule})

    terms = consent_terms(policy, today)[1]["DK"]

    first = date.fromordinal(terms.unused_before)
    assert add_months(first, months) >= today > add_months(first - timedelta(days=1), months)
    midnight = datetime.combine(first, datetime.min.time(), COPENHAGEN).astimezone(UTC)
    assert terms.lapsed_before == midnight.timestamp()


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), st.integers(0, 900), st.sampled_from(["DK", "DE", "FR", None]))
def test_as_time_passes_a_no_never_becomes_a_yes(given_on, days, country):
    one = standing(f"{given_on}T12:00+00:00", country=country)
    now = datetime.combine(given_on, datetime.min.time(), UTC) + timedelta(days=days)

    earlier, later = (said(one, moment.isoformat()) for moment in (now, now + timedelta(days=1)))

    assert earlier.allowed or not later.allowed


def test_only_a_topic_that_is_marked_so_can_rest_on_a_sale():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    offers = [mailing_of(POLICY, topic, now=now).offer for topic in (BLOG, ALERTS, ORDERS)]

    assert [offer is not None for offer in offers] == [False, True, False]


def test_the_offer_is_what_the_policy_says():
    offer = mailing_of(POLICY, ALERTS, now=datetime(2026, 1, 1, tzinfo=UTC)).offer

    assert offer.categories == {"imaging-systems"}
    assert offer.similar["mri"] == {"imaging-systems"}
    assert offer.similar["parts"] == frozenset()
    assert offer.rules["IE"].window_months == 12
    assert offer.rules["IE"].max_age_months == 24, "the sender's own limit holds there too"
    assert not offer.rules["AT"].soft_opt_in
    assert "other" not in offer.rules
    assert (offer.entity, offer.zone) == ("main", COPENHAGEN)


def test_transactional_mail_is_transactional():
    assert mailing_of(POLICY, ORDERS, now=datetime(2026, 1, 1, tzinfo=UTC)).kind is MailKind.TRANSACTIONAL
