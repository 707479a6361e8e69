"""Whether a message may be answered by a machine: RFC 3834 as cases (`vectors/answerable.toml`)."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.acknowledgement import Silence, may_answer
from mailconsent.message import parse_message

CASES = tomllib.loads((Path(__file__).parent.parent / "vectors/answerable.toml").read_text("utf-8"))["cases"]
OURS = ["contact@example.com", "u@example.com"]
ANNA = {
    "Return-Path": "<anna@example.com>",
    "From": "Anna <anna@example.com>",
    "To": "contact@example.com",
    "Subject": "Unsubscribe",
    "Message-ID": "<1@example.com>",
}


def mail(fields):
    head = "".join(f"{name}: {value}\r\n" for name, value in {**ANNA, **fields}.items() if value)
    return parse_message(f"{head}\r\nPlease take me off your list.\r\n".encode())


def told(case):
    """The header fields of each message of a case."""
    if "senders" in case:
        return [{"From": sender, "Return-Path": f"<{sender}>"} for sender in case["senders"]]
    return [case["fields"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_it_is_answered_or_it_is_said_why_not(case):
    for fields in told(case):
        answer = may_answer(mail(fields), ours=OURS, authentication=case.get("authentication"))

        assert answer == (Silence(case["silence"]) if "silence" in case else None), fields


def test_every_reason_for_silence_has_a_case():
    assert {case.get("silence") for case in CASES} == {None, *Silence} - {Silence.UNREADABLE}


@pytest.mark.parametrize("raw", [b"", b"no header at all", b"From: anna@example.com\r\n" * 5000])
def test_what_cannot_be_read_is_not_answered(raw):
    assert may_answer(parse_message(raw), ours=OURS) is Silence.UNREADABLE


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from([*ANNA, "Sender", "Precedence"]), st.text(max_size=60)))
def test_nothing_makes_it_fail(raw, fields):
    may_answer(parse_message(raw), ours=OURS)
    may_answer(mail(fields), ours=OURS, authentication="dmarc=")


@pytest.mark.parametrize(
    "local", ["srs0=" + "a." * 30_000, "srs0=" + "=" * 60_000, "prvs=" + "a" * 60_000, "no" * 30_000]
)
def test_a_hostile_return_path_costs_little(local):
    # Its pattern would take minutes if it went back and forth.
    may_answer(mail({"Return-Path": f"<{local}@example.com>", "From": f"{local}@example.com"}), ours=OURS)
