"""
Terms: when something is due, by the calendar of the company's time zone.

A term in months ends on the same day of a later month, or on its last day where there is no such day: 29 February plus
a year is 28 February (Regulation 1182/71 Article 3(2)(c)). A term in which somebody is to act ends on the next working
day if it would end on a Saturday or a Sunday (Article 3(4)). Public holidays differ by country and are not known here;
that can only make us early.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta, tzinfo

SATURDAY = 5


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The day on which an aware time falls in that zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(zone).date()


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


def next_working_day(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= SATURDAY else day


def answer_due(received: datetime, zone: tzinfo) -> date:
    """The last day to answer a person's request (GDPR Article 12(3)): a month after its receipt."""
    return next_working_day(add_months(local_day(received, zone), 1))


def financial_year_end(day: date, *, month: int, last_day: int) -> date:
    """The end of the financial year of a day: this day each year, of which 29 February is the last of its month."""
    for year in (day.year, day.year + 1):
        end = date(year, month, min(last_day, monthrange(year, month)[1]))
        if day <= end:
            return end
    raise AssertionError("every day has a year after it")  # pragma: no cover
