"""
How long records about people are kept, and from when that counts (GDPR Article 5(1)(e)).

The numbers are the company's promise. From when a period may count is fixed here for each kind of records, since
another beginning would be another promise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailconsent.policy.controller import Controller
from mailconsent.policy.table import Table

MOST_MONTHS = 240


class Records(StrEnum):
    """The kinds of records that a policy has a period for."""

    CONSENTS = "consents"  #: what proves a consent
    ENQUIRIES = "enquiries"  #: of somebody who did not buy
    CUSTOMERS = "customers"
    TRANSACTIONS = "transactions"


class Beginning(StrEnum):
    """From when a period counts."""

    WITHDRAWAL = "withdrawal"
    #: An act of the person: neither our own mail nor that it was opened.
    LAST_INBOUND_CONTACT = "last_inbound_contact"
    #: Of the year that the transaction belongs to.
    FINANCIAL_YEAR_END = "financial_year_end"
    TRANSACTION = "transaction"


_BOOKKEEPING = (Beginning.FINANCIAL_YEAR_END, Beginning.TRANSACTION)
#: The first one is meant where the file names none.
BEGINNINGS: Mapping[Records, tuple[Beginning, ...]] = {
    Records.CONSENTS: (Beginning.WITHDRAWAL,),
    Records.ENQUIRIES: (Beginning.LAST_INBOUND_CONTACT,),
    Records.CUSTOMERS: _BOOKKEEPING,
    Records.TRANSACTIONS: _BOOKKEEPING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How long records are kept."""

    #: In the calendar of the controller's time zone; 0 ends with the beginning.
    months: int
    beginning: Beginning


def read_retention(file: Table, controller: Controller) -> Mapping[Records, Period]:
    """Kind of records -> its period, of a policy file with this controller. A kind without one is never due."""
    table = file.table("retention")
    if table is None:
        return {}
    periods = {records: _period(row, records) for records in Records if (row := table.table(records)) is not None}
    table.close()
    if controller.financial_year_end is None and any(
        period.beginning is Beginning.FINANCIAL_YEAR_END for period in periods.values()
    ):
        file.fault("controller", "financial_year_end: missing, though [retention] counts from it")
    return periods


def _period(row: Table, records: Records) -> Period:
    beginning = row.choice("from", Beginning, BEGINNINGS[records][0])
    if beginning not in BEGINNINGS[records]:
        row.fault("from", f"{records} count from {' or '.join(BEGINNINGS[records])}")
    period = Period(months=row.number("months", 0, MOST_MONTHS), beginning=beginning)
    row.close()
    return period
