"""
Who answers for the mail (GDPR Article 4(7)), and what a company must tell of itself (GDPR Article 13(1) and (2)).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mailconsent.policy.table import KEY, LANGUAGE, Table

#: ISO 3166-1 alpha-2: the United Kingdom is GB.
COUNTRY = re.compile(r"[A-Z]{2}")
# It goes into header fields as it is: an address alone, with no name beside it.
_CONTACT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_LEAP_YEAR = 2024


class MonthDay(NamedTuple):
    """A day of every year. 29 February is the last day of the month in any year."""

    month: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The company that answers for the mail."""

    name: str
    #: Where people write to; shown on pages as the other way to unsubscribe.
    contact: str
    address: str
    #: In which it speaks where a text is not there in the reader's own.
    language: str
    #: Of the company, in its country's register.
    register_number: str | None = None
    #: What the shop calls this company where it tells of a sale: only its own customers may get mail by soft opt-in.
    entity: str = "main"
    #: None counts as unknown, so soft opt-in is off.
    country: str | None = None
    #: In which days begin and end, for every limit in days, months or years.
    time_zone: tzinfo = UTC
    #: The supervisory authority, where people may complain.
    authority: str | None = None
    #: The last day of the financial year; bookkeeping counts from there.
    financial_year_end: MonthDay | None = None


def read_controller(file: Table) -> Controller:
    """The controller of a policy file."""
    table = file.table("controller") if isinstance(file.take("controller"), dict) else None
    if table is None:
        file.faults.append("policy: the table [controller] is missing")
        return Controller(name="", contact="", address="", language="")
    name = table.text("name")
    contact = table.text("contact")
    if contact and not _CONTACT.fullmatch(contact):
        table.fault("contact", "must be an e-mail address")
    controller = Controller(
        name=name,
        contact=contact,
        address=table.text("address"),
        language=table.text("language", LANGUAGE),
        register_number=table.optional_text("register_number"),
        entity=table.optional_text("entity", KEY) or "main",
        country=table.optional_text("country", COUNTRY),
        time_zone=_time_zone(table),
        authority=table.optional_text("authority"),
        financial_year_end=_month_day(table, "financial_year_end"),
    )
    table.close()
    return controller


def _time_zone(table: Table) -> tzinfo:
    name = table.optional_text("time_zone")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    # A folder of the time zone database is no zone, and neither is a path that leaves it.
    except (ValueError, OSError, LookupError):
        table.fault("time_zone", "no such time zone; must be like Europe/Copenhagen")
        return UTC


def _month_day(table: Table, name: str) -> MonthDay | None:
    text = table.optional_text(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(f"{_LEAP_YEAR}-{text}")
    except ValueError:
        table.fault(name, "must be a month and a day such as 12-31")
        return None
    return MonthDay(day.month, day.day)
