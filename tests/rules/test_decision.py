"""The answer to a sender: what the law and the design demand, from vectors, and the laws between them."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.decision import NOT_AN_ADDRESS, ConsentTerms, Mailing, decide
from mailconsent.facts import fold
from mailconsent.model import EventKind, Grade, LegalBasis, MailKind, Reason, Standing
from tests.histories import TOPICS, decided, histories
from tests.told import RECIPIENT, answer, policy_of, told

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "decisions.toml").read_text("utf-8"))
CASES = VECTORS["case"]
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
NEEDED = {"name", "clause", "events", "topic", "expect", "why"}
OPTIONAL = {"now", "policy", "decided_by", "open"}
#: What no history can bring about: the text was no address; the header fields of a yes always go with the mail; and the
#: policy file names no exclusion list that could be consulted.
UNSAID = {Reason.INVALID_ADDRESS, Reason.MAIL_WITHOUT_OPT_OUT, Reason.LIST_NOT_CONSULTED}


def case_of(case):
    """A case that is still decided otherwise says why, and is to say so no longer once it is mended."""
    marks = [pytest.mark.xfail(reason=case["open"], strict=True)] if "open" in case else []
    return pytest.param(case, id=case["name"], marks=marks)


@pytest.mark.parametrize("case", [case_of(case) for case in CASES])
def test_a_history_is_decided_as_the_law_and_the_design_demand(case):
    policy = policy_of(case.get("policy", {}))
    history = told(case["events"], policy)

    decision = answer(history.events, case["topic"], policy, now=case.get("now", NOW), sent=history.sent)

    why = f"{case['why']} ({case['clause']})"
    allowed = case["expect"] in list(LegalBasis)
    assert decision.reason == case["expect"], why
    assert decision.allowed == allowed, why
    assert decision.legal_basis == (case["expect"] if allowed else None), why
    assert (decision.event_id and history.lines[decision.event_id.seq]) == case.get("decided_by"), why
    assert decision.event_id is None or decision.event_id.recipient_id == RECIPIENT


def test_the_vectors_are_whole_and_tell_each_case_once():
    questions = {(*case["events"], case["topic"], case.get("now"), str(case.get("policy"))) for case in CASES}

    assert len(CASES) >= 500
    assert all(NEEDED <= set(case) <= NEEDED | OPTIONAL for case in CASES)
    assert {case["expect"] for case in CASES} == set(Reason) - UNSAID
    assert len({case["name"] for case in CASES}) == len(questions) == len(CASES)


@given(histories, st.sampled_from(TOPICS), st.sampled_from((Grade.A, Grade.B)))
def test_a_yes_names_a_consent_to_this_very_topic_that_is_proven_well_enough(events, topic, minimum):
    decision = decided(events, topic, minimum=minimum)

    if decision.allowed:
        consent = events[decision.event_id.seq - 1]
        assert decision.legal_basis is LegalBasis.CONSENT
        assert (consent.kind, consent.topic) == (EventKind.CONSENT_GIVEN, topic)
        assert consent.grade <= minimum
        assert not [e for e in events if e.ends == consent.seq]


@given(histories, st.sampled_from(TOPICS))
def test_a_stricter_policy_never_allows_more(events, topic):
    strict, lax = (decided(events, topic, minimum=grade) for grade in (Grade.A, Grade.B))

    assert lax.allowed or not strict.allowed
    if strict.reason not in (Reason.NO_LEGAL_BASIS, Reason.CONSENT_UNCONFIRMED) and not strict.allowed:
        assert strict == lax


@given(histories, st.sampled_from((*TOPICS, 4)))
def test_only_a_permanent_failure_stops_transactional_mail(events, topic):
    failures = {standing.failure for standing in fold(RECIPIENT, events).values()} - {None}

    decision = decided(events, topic, kind=MailKind.TRANSACTIONAL)

    assert decision.allowed == (not failures)
    assert decision.reason is (Reason.PERMANENT_FAILURE if failures else Reason.TRANSACTIONAL)


@given(histories, st.sampled_from(TOPICS))
def test_a_denied_answer_says_which_event_decided(events, topic):
    decision = decided(events, topic)

    if not decision.allowed and decision.reason is not Reason.NO_LEGAL_BASIS:
        event = events[decision.event_id.seq - 1]
        assert event.kind.value == decision.reason.value
        assert event.topic in (0, topic)
        assert decision.legal_basis is None


def test_a_consent_without_a_grade_is_no_ground():
    # No event of ours makes such a row; a damaged one must not open the door.
    standing = Standing(recipient_id=1, failure=None, denial=None, denial_event=None, consent=1, grade=None)

    mailing = Mailing(topic=1, kind=MailKind.MARKETING, terms=ConsentTerms(Grade.B), terms_in={})
    assert not decide(standing, mailing).allowed


def test_what_is_no_address_is_denied():
    assert (NOT_AN_ADDRESS.allowed, NOT_AN_ADDRESS.reason, NOT_AN_ADDRESS.event_id) == (
        False,
        Reason.INVALID_ADDRESS,
        None,
    )
