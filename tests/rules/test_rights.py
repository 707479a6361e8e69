"""The clock of people's requests about their data, and what restricts them."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from mailconsent.rights import Delay, Right, RightsRequest, restriction
from tests.histories import history

CASES = tomllib.loads((Path(__file__).parent.parent / "vectors" / "rights.toml").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_an_answer_is_due(case):
    request = RightsRequest(
        id="a",
        kind=Right.ACCESS,
        received_on=case["received"],
        extended_on=case.get("extended"),
        delay=Delay.COMPLEXITY if "extended" in case else None,
    )

    assert request.due_on == case["due"]
    assert request.extendable_until == replace(request, extended_on=None).due_on


def test_a_restriction_stands_until_that_very_event_is_released():
    events = history("W* S* S* -2")
    restricted = [replace(e, facts={"why": "restriction"}) if e.seq == 3 else e for e in events]

    assert restriction(events) is None, "a block of the operator's own is none"
    assert restriction(restricted) == restricted[2]
    assert restriction([*restricted, replace(history("S* -1")[1], seq=5, ends=3)]) is None
