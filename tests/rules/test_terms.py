"""When something is due: by the calendar, in the company's time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.terms import add_months, answer_due, financial_year_end, local_day, next_working_day

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-03-15", 12, "2027-03-15"),  # the plain year
        ("2024-02-29", 12, "2025-02-28"),  # a day that the next year lacks
        ("2024-02-29", 48, "2028-02-29"),  # and one that has it again
        ("2026-01-31", 1, "2026-02-28"),  # the last day of a shorter month
        ("2023-12-31", 2, "2024-02-29"),  # over the turn of the year, into a leap year
        ("2026-08-31", 1, "2026-09-30"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-05-05", 0, "2026-05-05"),
    ],
)
def test_a_term_in_months_ends_on_the_same_day_or_the_last_one(day, months, later):
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(later)


@given(DAYS, st.integers(0, 240), st.integers(0, 240))
def test_a_longer_term_never_ends_earlier(day, months, more):
    assert add_months(day, months) <= add_months(day, months + more)


@given(DAYS, DAYS, st.integers(0, 240))
def test_what_begins_later_never_ends_earlier(one, other, months):
    first, second = sorted((one, other))

    assert add_months(first, months) <= add_months(second, months)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 1, 22, 59, tzinfo=UTC), "2026-03-01"),  # winter: an hour ahead of UTC
        (datetime(2026, 3, 1, 23, 0, tzinfo=UTC), "2026-03-02"),
        (datetime(2026, 7, 1, 21, 59, tzinfo=UTC), "2026-07-01"),  # summer: two hours
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), "2026-07-02"),
        (datetime(2025, 12, 31, 23, 30, tzinfo=UTC), "2026-01-01"),  # the year turns there first
    ],
)
def test_a_day_is_the_companys_day(moment, day):
    assert local_day(moment, COPENHAGEN) == date.fromisoformat(day)


def test_a_time_without_a_zone_has_no_day():
    with pytest.raises(ValueError, match="without a time zone"):
        local_day(datetime(2026, 3, 1), COPENHAGEN)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-03-02", "2026-04-02"),  # a Thursday
        ("2026-01-31", "2026-03-02"),  # 28 February is a Saturday
        ("2026-07-15", "2026-08-17"),  # 15 August is a Saturday
        ("2026-07-16", "2026-08-17"),  # a Sunday
        ("2026-07-17", "2026-08-17"),  # the Monday itself
        ("2023-12-30", "2024-01-30"),  # over the turn of the year
    ],
)
def test_a_request_is_answered_within_a_month_and_weekends_do_not_count_as_its_end(received, due):
    noon = datetime.fromisoformat(f"{received}T12:00:00+00:00")

    assert answer_due(noon, COPENHAGEN) == date.fromisoformat(due)


@given(DAYS)
def test_the_next_working_day_is_at_most_two_days_off(day):
    found = next_working_day(day)

    assert found.weekday() < 5
    assert timedelta(0) <= found - day <= timedelta(days=2)


@pytest.mark.parametrize(
    ("day", "month", "last", "end"),
    [
        ("2026-03-02", 12, 31, "2026-12-31"),  # the calendar year
        ("2026-12-31", 12, 31, "2026-12-31"),  # its last day is in it
        ("2027-01-01", 12, 31, "2027-12-31"),
        ("2026-03-02", 6, 30, "2026-06-30"),  # a year that ends in summer
        ("2026-07-01", 6, 30, "2027-06-30"),
        ("2024-02-29", 2, 29, "2024-02-29"),  # a year that ends with February
        ("2025-03-01", 2, 29, "2026-02-28"),
    ],
)
def test_bookkeeping_runs_from_the_end_of_the_financial_year(day, month, last, end):
    assert financial_year_end(date.fromisoformat(day), month=month, last_day=last) == date.fromisoformat(end)
