"""
What the law of a country asks of marketing mail, as values. The numbers stand in the policy file, each with its source;
here stands only how two countries' rules go together.

A mail crosses a border more often than not, so the sender's rule and the recipient's both apply: of each part the
stricter one (ePrivacy Article 13 is a directive, and every member state wrote its own).
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum


class DoubleOptIn(StrEnum):
    """Whether a consent has to be confirmed by the person; later members are stricter."""

    OFF = "off"
    RECOMMENDED = "recommended"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryRule:
    """The rule of one country, or of two together."""

    #: Whether existing customers may be mailed about similar products without consent (ePrivacy Article 13(2)).
    soft_opt_in: bool
    #: Which states of a sale will do: `sale` (completed) or `negotiation`.
    triggers: frozenset[str] = frozenset({"sale"})
    #: Months from the sale after which a soft opt-in ends; None for no limit.
    max_age_months: int | None = None
    #: Months from the sale or the last mail that rested on it, whichever was later; None for no such window.
    #: Ireland has one (SI 336/2011 reg. 13(11)).
    window_months: int | None = None
    #: Months after which a consent that was not used lapses; None if it does not.
    consent_lapse_months: int | None = None
    double_opt_in: DoubleOptIn = DoubleOptIn.OFF
    #: Lists of people who want no marketing, to be consulted before mail that rests on soft opt-in (such as Austria's).
    exclusion_lists: frozenset[str] = frozenset()
    #: Days after which such a consultation is too old; None for no limit.
    list_max_age_days: int | None = None
    #: Days within which an opt-out must be honoured at the latest.
    honour_days: int | None = None
    #: Where the rule was read, and when.
    source: str = ""
    verified_on: date | None = None


def stricter(one: CountryRule, other: CountryRule) -> CountryRule:
    """Both rules together: of each part the stricter one."""
    return replace(
        one,
        soft_opt_in=one.soft_opt_in and other.soft_opt_in,
        triggers=one.triggers & other.triggers,
        max_age_months=_least(one.max_age_months, other.max_age_months),
        window_months=_least(one.window_months, other.window_months),
        consent_lapse_months=_least(one.consent_lapse_months, other.consent_lapse_months),
        exclusion_lists=one.exclusion_lists | other.exclusion_lists,
        list_max_age_days=_least(one.list_max_age_days, other.list_max_age_days),
        double_opt_in=max(one.double_opt_in, other.double_opt_in, key=list(DoubleOptIn).index),
        honour_days=_least(one.honour_days, other.honour_days),
        source="; ".join(filter(None, dict.fromkeys((one.source, other.source)))),
        verified_on=min(filter(None, (one.verified_on, other.verified_on)), default=None),
    )


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
