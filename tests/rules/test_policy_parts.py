"""The later parts of a policy: similar categories, countries, retention, notices, and what is said about them."""

import tomllib
from datetime import UTC, date
from pathlib import Path

import pytest

from mailconsent.errors import ConfigError
from mailconsent.policy import read_policy
from mailconsent.policy.controller import MonthDay
from mailconsent.policy.explanation import explain
from mailconsent.policy.reports import Proof
from mailconsent.policy.retention import Beginning, Period, Records
from mailconsent.policy.review import review

ROOT = Path(__file__).parents[2]
WHOLE = (ROOT / "tests" / "vectors" / "policy_whole.toml").read_text("utf-8")
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "policy_parts.toml").read_text("utf-8"))
SHIPPED = (ROOT / "policy.toml").read_text("utf-8")
TODAY = date(2026, 11, 23)
#: What a policy of the first version said, and still may.
SMALL = """
[controller]
name = "Example Imaging ApS"
contact = "contact@example.com"
address = "Eksempelvej 1"
language = "en"
[[topics]]
number = 1
key = "blog"
list_id = "blog.example.com"
names = { en = "Blog newsletter" }
"""


def changed(case):
    text = WHOLE
    for old, new in case["change"]:
        assert old in text, f"the whole policy has no {old!r}"
        text = text.replace(old, new)
    return text


def why(case):
    return case["why"]


@pytest.mark.parametrize("case", VECTORS["faults"], ids=why)
def test_each_fault_is_told_with_its_place(case):
    with pytest.raises(ConfigError) as refusal:
        read_policy(changed(case))

    assert list(refusal.value.faults) == case["faults"], case["why"]


@pytest.mark.parametrize("case", VECTORS["warnings"], ids=why)
def test_each_promise_beside_the_law_is_told(case):
    assert review(read_policy(changed(case)), TODAY) == case["warnings"], case["why"]


@pytest.mark.parametrize("case", VECTORS["rules"], ids=why)
def test_the_rules_of_sender_and_recipient_hold_together(case):
    rule = read_policy(WHOLE).rule(case.get("country"))

    assert {name: getattr(rule, name) for name in case["gives"]} == case["gives"], case["why"]


def test_every_part_is_read_into_values():
    policy = read_policy(WHOLE)

    assert str(policy.controller.time_zone) == "Europe/Copenhagen"
    assert policy.controller.financial_year_end == MonthDay(12, 31)
    assert policy.topics[0].descriptions == {"en": "Word of scanners", "da": "Besked om scannere"}
    assert (policy.topics[0].soft_opt_in, policy.topics[1].soft_opt_in) == (True, False)
    assert policy.similar.version == 3
    assert policy.countries["DK"].verified_on == date(2026, 1, 31)
    assert [(n.key, n.version, n.language, n.text) for n in policy.notices] == [
        ("soft-opt-in", 1, "en", "We tell you of scanners.\nYou may refuse."),
        ("soft-opt-in", 1, "da", "Vi skriver om scannere. Du kan sige nej."),
    ]
    assert policy.text == WHOLE


def test_a_period_counts_from_where_its_records_do_unless_the_file_says_otherwise():
    assert read_policy(WHOLE).retention == {
        Records.CONSENTS: Period(months=12, beginning=Beginning.WITHDRAWAL),
        Records.ENQUIRIES: Period(months=24, beginning=Beginning.LAST_INBOUND_CONTACT),
        Records.CUSTOMERS: Period(months=60, beginning=Beginning.FINANCIAL_YEAR_END),
        Records.TRANSACTIONS: Period(months=60, beginning=Beginning.FINANCIAL_YEAR_END),
    }


def test_what_a_file_leaves_out_has_its_strictest_meaning():
    policy = read_policy(SMALL)

    assert policy.controller.time_zone is UTC
    assert not any(policy.rule(country).soft_opt_in for country in ("DK", "US", "other", "", None))
    assert not policy.topics[0].soft_opt_in
    assert not policy.similar.categories
    assert (policy.retention, policy.notices) == ({}, ())
    assert (policy.reports.bounces, policy.reports.reporters) == (Proof.RETURN_PATH, frozenset())


def test_a_small_file_is_told_what_it_leaves_out():
    assert [warning.partition(": missing")[0] for warning in review(read_policy(SMALL), TODAY)] == [
        *("controller: register_number", "controller: authority", "controller: country", "countries"),
        *("retention: consents", "retention: enquiries", "retention: customers", "retention: transactions", "notices"),
    ]


@pytest.mark.parametrize(
    ("sold", "advertised", "covers", "reason"),
    [
        ("mri", '["scanners"]', True, "the map says so"),
        ("service", '["scanners"]', False, "the map says that nothing is"),
        ("coils", '["scanners"]', False, "the map does not know what was sold"),
        ("scanners", '["scanners"]', False, "what mail advertises is no category of sales, even by the same name"),
        ("mri", '["scanners", "coils"]', False, "all that the mail advertises must be similar"),
    ],
)
def test_only_what_the_map_names_is_similar(sold, advertised, covers, reason):
    text = WHOLE.replace('categories = ["scanners"]', f"categories = {advertised}")
    policy = read_policy(
        text.replace("service = []", 'service = []\ntube = ["coils"]' if "coils" in advertised else "")
    )

    assert (policy.topics[0].categories <= policy.similar.categories.get(sold, frozenset())) is covers, reason


def test_faults_of_all_parts_come_back_at_once():
    text = WHOLE.replace("version = 3", "version = 0").replace("max_age_months = 24", "max_age_months = 0")
    text = text.replace("months = 60", "months = 600").replace('"Vi skriver om scannere. Du kan sige nej."', "1")

    with pytest.raises(ConfigError) as refusal:
        read_policy(text.replace('country = "DK"', 'country = "dk"'))

    assert len(refusal.value.faults) == 6


@pytest.mark.parametrize("name", ["similar", "countries", "retention", "bounces", "complaints", "notices"])
@pytest.mark.parametrize("value", ["1", '"x"', "[]", "[1]", "{}", "{ x = 1 }", "[{}]"])
def test_a_part_of_another_shape_is_no_crash(name, value):
    said = []
    try:
        read_policy(f"{name} = {value}\n{SMALL}")
    except ConfigError as fault:
        said = fault.faults
    assert all(line.startswith("policy: ") for line in said)


def test_only_what_the_shipped_policy_cannot_know_is_a_warning():
    said = review(read_policy(SHIPPED), TODAY)

    assert said[0].startswith("minimum_grade: B is less than DE, IT ask for")
    assert {line.rpartition(": ")[2] for line in said[1:]} == {
        "soft opt-in rests on a row that was never compared with its source"
    }


def test_the_shipped_policy_is_the_first_users():
    policy = read_policy(SHIPPED)

    assert policy.controller.country == "DK"
    assert [topic.key for topic in policy.topics if topic.soft_opt_in] == ["alerts"]
    assert {records: period.months for records, period in policy.retention.items()} == {
        Records.CONSENTS: 12,
        Records.ENQUIRIES: 24,
        Records.CUSTOMERS: 60,
        Records.TRANSACTIONS: 60,
    }
    shown = {notice.key: {n.language for n in policy.notices if n.key == notice.key} for notice in policy.notices}
    assert set(shown) == {"consent-blog", "consent-alerts", "consent-industry", "soft-opt-in", "unsubscribed"}
    assert set(map(frozenset, shown.values())) == {frozenset({"en", "da", "de"})}
    assert not any(policy.rule(country).soft_opt_in for country in ("AT", "ES", "PL", "HU", "BR", None))
    assert policy.rule("IE").window_months == 12


def test_a_policy_is_explained_in_plain_words():
    assert explain(read_policy(WHOLE)) == [
        "Example Imaging ApS (CVR 12345678), Eksempelvej 1",
        "  People write to contact@example.com, and complain to Datatilsynet.",
        "  Days are those of Europe/Copenhagen; texts are in en where the reader's language is missing.",
        "  A consent counts when it is confirmed (grade A).",
        '  Soft opt-in rests on what was sold by the entity "main".',
        "Topics",
        "  2 alerts (Alerts): marketing, by consent or soft opt-in; advertises scanners",
        "  4 orders (Orders): transactional, needs no marketing ground",
        "Similar products (version 3 of the map)",
        "  who bought mri may hear of scanners",
        "  who bought service may hear of nothing",
        "Countries, each together with the controller's own, DK",
        "  DK: soft opt-in after a sale for 24 months; a consent lapses after 12 months without a recorded send",
        "  DE: soft opt-in after a sale for 24 months; confirmed consent required; a consent lapses after 12 months "
        "without a recorded send",
        "  IE: soft opt-in after a sale for 24 months and while no 12 months pass without a mail; a consent lapses "
        "after 12 months without a recorded send",
        "  CA: soft opt-in after a sale for 18 months; a consent lapses after 12 months without a recorded send; an "
        "opt-out must be honoured within 14 days, and is at once",
        "  PL: no soft opt-in; a consent lapses after 12 months without a recorded send",
        "  any other: no soft opt-in; a consent lapses after 6 months without a recorded send",
        "How long records are kept",
        "  consents: 12 months from the withdrawal, to settle disputes; then the proof goes, and the opt-out stays as "
        "a digest",
        "  enquiries: 24 months from the last time the person came to us",
        "  customers: 60 months from the end of the financial year",
        "  transactions: 60 months from the end of the financial year",
        "Reports of mail servers",
        "  a bounce counts with any link or token of ours",
        "  complaints without a token of ours are believed of: arf.example.net, staff@hotmail.com",
        "Texts that are shown",
        "  soft-opt-in, version 1: en, da",
    ]


def test_a_small_policy_is_explained_too():
    said = explain(read_policy(SMALL))

    assert "  1 blog (Blog newsletter): marketing, by consent alone" in said
    assert "Countries: none, so soft opt-in is off everywhere" in said
    assert "  consents: no period, so they are never due" in said
