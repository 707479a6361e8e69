"""The company's policy file: what it says, and that all of its faults come back at once."""

import tomllib
from pathlib import Path

import pytest

from mailconsent.errors import ConfigError, UnknownTopic
from mailconsent.model import ALL_TOPICS, Grade, MailKind
from mailconsent.policy import read_policy

ROOT = Path(__file__).parents[2]
VECTORS = tomllib.loads((ROOT / "tests" / "vectors" / "policy_faults.toml").read_text("utf-8"))
GOOD = """
minimum_grade = "A"
[controller]
name = "Example Imaging ApS"
contact = "contact@example.com"
address = "Eksempelvej 1"
language = "en"
[[topics]]
number = 1
key = "blog"
list_id = "blog.example.com"
names = { en = "Blog newsletter", da = "Blog-nyhedsbrev" }
[[topics]]
number = 32767
key = "orders-2"
kind = "transactional"
list_id = "orders.example.com"
names = { en = "Orders" }
"""


def faults(text):
    with pytest.raises(ConfigError) as refusal:
        read_policy(text)
    return list(refusal.value.faults)


def test_a_policy_is_read_into_values():
    policy = read_policy(GOOD)

    assert policy.controller.name == "Example Imaging ApS"
    assert policy.minimum_grade is Grade.A
    assert [(t.number, t.key, t.kind) for t in policy.topics] == [
        (1, "blog", MailKind.MARKETING),
        (32767, "orders-2", MailKind.TRANSACTIONAL),
    ]


def test_the_policy_that_we_ship_is_a_good_one():
    policy = read_policy((ROOT / "policy.toml").read_text("utf-8"))

    assert policy.topic("orders").kind is MailKind.TRANSACTIONAL
    assert all({"en", "da", "de"} <= set(topic.names) for topic in policy.topics)


def test_a_consent_must_at_least_be_recorded_where_the_policy_says_nothing():
    assert read_policy(GOOD.replace('minimum_grade = "A"', "")).minimum_grade is Grade.B


def test_a_topic_is_found_by_its_key():
    assert read_policy(GOOD).topic("blog").number == 1


@pytest.mark.parametrize("key", ["", "Blog", "blog ", "1", "*", "all"])
def test_an_unknown_topic_is_refused_and_never_taken_for_all(key):
    with pytest.raises(UnknownTopic):
        read_policy(GOOD).topic(key)


@pytest.mark.parametrize(
    ("number", "language", "name", "why"),
    [
        (1, "da", "Blog-nyhedsbrev", "in the reader's language"),
        (1, "fi", "Blog newsletter", "or else in the controller's"),
        (ALL_TOPICS, "en", None, "all marketing is no list with a name"),
        (99, "en", None, "a topic no longer published"),
    ],
)
def test_a_topic_is_called_what_the_reader_understands(number, language, name, why):
    assert read_policy(GOOD).name(number, language) == name, why


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["why"])
def test_each_fault_is_told_with_its_place(case):
    text = GOOD
    for old, new in case["change"]:
        assert old in text, f"the good policy has no {old!r}"
        text = text.replace(old, new)

    assert faults(text) == case["faults"], case["why"]


@pytest.mark.parametrize(
    "text", ["", "topics = 1", "controller = 1\ntopics = [1]", "[controller]", "[[topics]]", "\x00"]
)
def test_a_file_of_another_shape_is_a_fault_and_no_crash(text):
    assert all(fault.startswith("policy: ") for fault in faults(text))


def test_all_faults_come_back_at_once():
    text = GOOD.replace('"blog"', '"B"').replace("32767", "0").replace('"A"', '"C"')

    assert len(faults(text)) == 3
