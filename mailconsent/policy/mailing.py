"""
A mailing, as the policy looks at it on a day: what proof it asks of a consent, when a consent has lapsed, and what soft
opt-in is asked of.

1. Where the recipient's country is not known, the sender's rule holds, and there is no soft opt-in.
2. A country that requires double opt-in takes no consent that is not confirmed (grade A).
3. A consent lapses when the months of the country's rule have passed, by the company's calendar, since it was given or
   since the last mail that rested on it, whichever was later. The day itself still counts.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from mailconsent.country import CountryRule, DoubleOptIn
from mailconsent.decision import ConsentTerms, Mailing
from mailconsent.model import Grade
from mailconsent.policy import Policy, Topic
from mailconsent.policy.countries import OTHER
from mailconsent.soft_opt_in import Offer
from mailconsent.terms import add_months, local_day

#: Policies and days that a process deals with at a time; a bulk check comes thousands of times a day.
REMEMBERED = 64


def mailing_of(
    policy: Policy, topic: Topic, *, now: datetime, lists_consulted: Mapping[str, date] | None = None
) -> Mailing:
    """A mailing about this topic, sent at that moment with the header fields and the link that go with a yes."""
    terms, terms_in = consent_terms(policy, local_day(now, policy.controller.time_zone))
    return Mailing(
        topic=topic.number,
        kind=topic.kind,
        terms=terms,
        terms_in=terms_in,
        offer=Offer(
            topic=topic.number,
            eligible=True,
            categories=topic.categories,
            similar=policy.similar.categories,
            entity=policy.controller.entity,
            rules=_rules(policy),
            zone=policy.controller.time_zone,
            now=now,
            with_opt_out=True,
            lists_consulted=lists_consulted or {},
        )
        if topic.soft_opt_in
        else None,
    )


@lru_cache(maxsize=REMEMBERED)
def _rules(policy: Policy) -> Mapping[str, CountryRule]:
    return {country: policy.rule(country) for country in policy.countries if country != OTHER}


@lru_cache(maxsize=REMEMBERED)
def consent_terms(policy: Policy, today: date) -> tuple[ConsentTerms, Mapping[str, ConsentTerms]]:
    """What a consent must be to count on that day: elsewhere or nobody knows where, and country by country."""
    in_countries = {country: _terms(policy, country, today) for country in policy.countries if country != OTHER}
    return _terms(policy, None, today), in_countries


def _terms(policy: Policy, country: str | None, today: date) -> ConsentTerms:
    rule = policy.rule(country)
    grade = Grade.A if rule.double_opt_in is DoubleOptIn.REQUIRED else policy.minimum_grade
    if rule.consent_lapse_months is None:
        return ConsentTerms(grade)
    first = _first_alive(today, rule.consent_lapse_months)
    midnight = datetime.combine(first, time(), policy.controller.time_zone)
    return ConsentTerms(grade, int(midnight.astimezone(UTC).timestamp()), first.toordinal(), today.toordinal())


def _first_alive(today: date, months: int) -> date:
    """The earliest day that is no more than so many months ago: 29 February 2024 and a year end on 28 February 2025."""
    first = add_months(today, -months)
    while add_months(first, months) < today:
        first += timedelta(days=1)
    while add_months(first - timedelta(days=1), months) >= today:
        first -= timedelta(days=1)
    return first
