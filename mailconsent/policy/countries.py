"""
The rules of countries as the policy file has them, each with its source.

1. A mail is judged by the sender's and the recipient's rule together (e-Commerce Directive, Annex to Article 3: mail
   that nobody asked for is no matter of the country of origin).
2. Of a country without a row nobody knows the law: the sender's rule holds, with soft opt-in off.
3. No row for the sender's own country, or no country: soft opt-in is off everywhere.
"""

from collections.abc import Mapping

from mailconsent.country import CountryRule, DoubleOptIn, stricter
from mailconsent.policy.controller import COUNTRY
from mailconsent.policy.table import Table

#: The row for countries that have none of their own.
OTHER = "other"
TRIGGERS = frozenset(("sale", "negotiation"))
MOST_MONTHS = 120
MOST_DAYS = 31


def rule_between(countries: Mapping[str, CountryRule], sender: str | None, recipient: str | None) -> CountryRule:
    """What holds for mail from one country to another; None for a country that is not known."""
    closed = CountryRule(soft_opt_in=False)
    return stricter(
        countries.get(sender or "", closed),
        countries.get(recipient or "", countries.get(OTHER, closed)),
    )


def read_countries(file: Table, sender: str | None) -> Mapping[str, CountryRule]:
    """Country -> its rule, of a policy file whose controller is in this country."""
    table = file.table("countries")
    if table is None:
        return {}
    countries = {}
    for name in table.values:
        if name != OTHER and not COUNTRY.fullmatch(name):
            table.fault(name, "must be two capital letters (ISO 3166), or other")
        elif (row := table.table(name)) is not None:
            countries[name] = _rule(row)
    if OTHER in countries and countries[OTHER].soft_opt_in:
        table.fault(OTHER, "soft_opt_in: must be false: of a country without a row nobody knows the law")
    if sender is None:
        file.fault("controller", "country: missing, though there are [countries]")
    elif sender and sender not in table.values:
        table.faults.append(f"{table.place}: the controller's own country, {sender}, is missing")
    return countries


def _rule(row: Table) -> CountryRule:
    triggers = row.words("triggers")
    if triggers is not None and not triggers <= TRIGGERS:
        row.fault("triggers", 'must be a list of "sale" and "negotiation"')
    soft_opt_in = row.truth("soft_opt_in")
    if row.take("soft_opt_in") is None:
        row.fault("soft_opt_in", "missing")
    rule = CountryRule(
        soft_opt_in=soft_opt_in or False,
        triggers=frozenset({"sale"}) if triggers is None else triggers,
        max_age_months=row.optional_number("max_age_months", 1, MOST_MONTHS),
        window_months=row.optional_number("window_months", 1, MOST_MONTHS),
        consent_lapse_months=row.optional_number("consent_lapse_months", 1, MOST_MONTHS),
        double_opt_in=row.choice("double_opt_in", DoubleOptIn, DoubleOptIn.OFF),
        honour_days=row.optional_number("honour_days", 1, MOST_DAYS),
        source=row.text("source"),
        verified_on=row.day("verified_on"),
    )
    row.close()
    return rule
