"""What failed deliveries say of an address (RFC 3463, RFC 5248)."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.failures import (
    MEMORY,
    PATIENCE,
    Finding,
    Trouble,
    is_forgotten,
    is_ours,
    judge_failure,
    read_trouble,
    refused_as_ours,
)
from mailconsent.model import ALL_TOPICS, Classification, EventKind, Grade, Label
from tests.histories import grown

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
CASES = tomllib.loads((Path(__file__).parent.parent / "vectors" / "failures.toml").read_text())["cases"]
VECTORS = [
    (case["why"], failures, case.get("now"), case["finding"])
    for case in CASES
    for failures in ((case.get("failures") and [case["failures"]]) or [[f"0 {status}"] for status in case["each"]])
]
COUNTED = [trouble for trouble in PATIENCE if PATIENCE[trouble].ends]
STATUS_OF = {Trouble.UNROUTABLE: "5.1.2", Trouble.FULL: "5.2.2", Trouble.PASSING: "4.4.1"}


def at(day):
    return START + timedelta(days=float(day))


def told(lines, now=None):
    """The events that these lines make, and what the last one comes to."""
    events, finding = [], None
    for line in lines:
        day, _, what = line.partition(" ")
        if what == "A":
            events = grown(events, EventKind.CONSENT_GIVEN, 1, grade=Grade.A, at=at(day))
        elif what == "F":
            events = grown(events, EventKind.PERMANENT_FAILURE, ALL_TOPICS, at=at(day))
        elif what == "-F":
            events = grown(events, EventKind.RELEASED, ALL_TOPICS, ends=len(events), at=at(day))
        else:
            finding = judge_failure(events, what, at(day), now=at(day if now is None else now))
            if finding in (Finding.COUNTED, Finding.LOOK):
                facts = {"status": what}
                events = grown(events, EventKind.TRANSIENT_FAILURE, ALL_TOPICS, at=at(day), facts=facts)
    return events, finding


@pytest.mark.parametrize(("why", "failures", "now", "finding"), VECTORS, ids=[v[0][:40] for v in VECTORS])
def test_a_failure_comes_to_this(why, failures, now, finding):
    assert told(failures, now)[1] == finding, why


@given(st.integers(0, 999), st.integers(0, 999), st.sampled_from("245"))
def test_a_status_is_our_own_fault_or_says_something_of_the_address_and_never_both(subject, detail, first):
    status = f"{first}.{subject}.{detail}"

    assert not (is_ours(status) and read_trouble(status))
    if status.startswith("5.7."):
        assert is_ours(status) or status in ("5.7.13", "5.7.17", "5.7.18")


@given(st.sampled_from(COUNTED), st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_what_ends_an_address_failed_often_enough_for_long_enough(trouble, days):
    patience = PATIENCE[trouble]
    days = sorted(days)
    _, finding = told([f"{day} {STATUS_OF[trouble]}" for day in days])

    if finding is Finding.ENDED:
        recent = {day for day in days if day > days[-1] - patience.within.days}
        assert len(recent) >= patience.times
        assert max(recent) - min(recent) >= patience.over.days


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.sampled_from(sorted(STATUS_OF.values())))
def test_what_is_forgotten_changes_no_finding(days, status):
    events, _ = told([f"{day} {status}" for day in sorted(days)])
    now = at(max(days) + 1)
    kept = [event for event in events if not is_forgotten(event, now=now)]

    assert judge_failure(kept, status, now, now=now) is judge_failure(events, status, now, now=now)
    assert all(event.occurred_at > now - MEMORY for event in kept)


def test_an_operator_is_told_what_is_refused_for_our_own_fault():
    statuses = ["5.7.1", "5.7.1", "5.7.515", "5.1.1", "5.7.13", "", "5.0.0", "4.4.1", "5.3.4"]
    bounces = [
        Classification(label=Label.BOUNCE_UNKNOWN, detector="bounce", reason="status", confidence=1.0, status=status)
        for status in statuses
    ]

    assert refused_as_ours(bounces) == {"5.7.1": 2, "5.7.515": 1, "5.3.4": 1}
