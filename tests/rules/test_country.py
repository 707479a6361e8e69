"""Two countries' rules together: of each part the stricter one."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mailconsent.country import CountryRule, DoubleOptIn, stricter

MONTHS = st.none() | st.integers(1, 60)
RULES = st.builds(
    CountryRule,
    soft_opt_in=st.booleans(),
    triggers=st.frozensets(st.sampled_from(["sale", "negotiation"])),
    max_age_months=MONTHS,
    window_months=MONTHS,
    consent_lapse_months=MONTHS,
    exclusion_lists=st.frozensets(st.sampled_from(["ecg", "robinson"])),
    list_max_age_days=st.none() | st.integers(1, 60),
    double_opt_in=st.sampled_from(DoubleOptIn),
    honour_days=st.none() | st.integers(1, 30),
    source=st.sampled_from(["", "MFL § 10", "UWG § 7"]),
    verified_on=st.none() | st.dates(date(2024, 1, 1), date(2026, 1, 1)),
)
LIMITS = ("max_age_months", "window_months", "consent_lapse_months", "list_max_age_days", "honour_days")


@given(RULES, RULES)
def test_nothing_is_allowed_that_one_of_the_two_forbids(one, other):
    both = stricter(one, other)

    assert both.soft_opt_in == (one.soft_opt_in and other.soft_opt_in)
    assert both.triggers == one.triggers & other.triggers
    assert both.exclusion_lists == one.exclusion_lists | other.exclusion_lists
    for name in LIMITS:
        given = [limit for rule in (one, other) if (limit := getattr(rule, name)) is not None]
        assert getattr(both, name) == min(given, default=None)
    order = list(DoubleOptIn)
    assert order.index(both.double_opt_in) == max(order.index(one.double_opt_in), order.index(other.double_opt_in))


@given(RULES, RULES)
def test_it_does_not_matter_who_sends_and_who_receives(one, other):
    names = (*LIMITS, "soft_opt_in", "triggers", "exclusion_lists", "double_opt_in", "verified_on")

    def values(rule):
        return [getattr(rule, name) for name in names]

    assert values(stricter(one, other)) == values(stricter(other, one))
    assert values(stricter(one, one)) == values(one)


def test_two_rules_name_both_sources():
    danish, german = (CountryRule(soft_opt_in=True, source=source) for source in ("MFL § 10", "UWG § 7(3)"))

    assert stricter(danish, german).source == "MFL § 10; UWG § 7(3)"
    assert stricter(danish, danish).source == "MFL § 10"
