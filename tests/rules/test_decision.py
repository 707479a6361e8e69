"""The answer to a sender: every row of design 5.3, from vectors, and the laws between them."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.decision import NOT_AN_ADDRESS, ConsentTerms, Mailing, decide
from mailconsent.facts import fold
from mailconsent.model import EventId, EventKind, Grade, LegalBasis, MailKind, Reason, Standing
from mailconsent.soft_opt_in import CONDITIONS
from tests.histories import RECIPIENT, TOPICS, decided, histories, history

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "decisions.toml").read_text("utf-8"))
CASES = [(group["clause"], case) for group in VECTORS.values() for case in group["cases"]]
FIELDS = {"events", "expected", "why", "topic", "kind", "minimum"}
#: What a standing can say; `NOT_AN_ADDRESS` is what there is to say without one, the others are said of sales.
OF_SALES = {Reason.SOFT_OPT_IN, *(reason for reason, _ in CONDITIONS)}
SAID_OF_STANDINGS = {reason.value for reason in Reason} - {Reason.INVALID_ADDRESS, Reason.CONSENT_LAPSED} - OF_SALES


def name(case):
    return f"{case['events'] or 'nothing'} / {case.get('kind', 'marketing')} {case.get('topic', 1)}"


@pytest.mark.parametrize(("clause", "case"), [pytest.param(*pair, id=name(pair[1])) for pair in CASES])
def test_a_history_is_decided_as_the_design_says(clause, case):
    events = history(case["events"])
    verdict, reason, *seq = case["expected"].split()

    decision = decided(
        events,
        case.get("topic", 1),
        kind=MailKind(case.get("kind", "marketing")),
        minimum=Grade(case.get("minimum", "B")),
    )

    why = f"{case['why']} ({clause})"
    assert decision.reason == reason, why
    assert decision.allowed == (verdict == "allow"), why
    assert decision.event_id == (EventId(RECIPIENT, int(seq[0])) if seq else None), why


def test_the_vectors_are_whole_and_tell_each_case_once():
    cases = [case for _, case in CASES]

    assert len(cases) >= 60
    assert all(set(case) <= FIELDS and case["why"] for case in cases)
    assert {case["expected"].split()[1] for case in cases} == SAID_OF_STANDINGS
    distinct = {(c["events"], c.get("topic", 1), c.get("kind"), c.get("minimum")) for c in cases}
    assert len(distinct) == len(cases)


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
