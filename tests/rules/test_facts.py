"""The laws of the fold (design 5.3), for any history that could be told."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.facts import fold, live_no
from mailconsent.model import ALL_TOPICS, EventKind, Grade, Reason
from tests.histories import (
    NOES,
    OFFER,
    OUTSIDE_CONSENTS,
    RECIPIENT,
    TOPICS,
    decided,
    grown,
    histories,
    history,
    notations,
)

TOPIC = st.sampled_from(TOPICS)
SCOPE = st.sampled_from((ALL_TOPICS, *TOPICS))
OPT_OUTS = st.sampled_from((EventKind.WITHDRAWN, EventKind.OBJECTED, EventKind.COMPLAINT, EventKind.REFUSED))


def covered(scope):
    return TOPICS if scope == ALL_TOPICS else (scope,)


@given(notations(), st.lists(OUTSIDE_CONSENTS, min_size=1, max_size=4), TOPIC)
def test_nothing_asserted_from_outside_ever_turns_a_no_into_a_yes(notation, claims, topic):
    before = decided(history(notation), topic)

    after = decided(history(" ".join((notation, *claims))), topic)

    if before.reason not in (Reason.CONSENT, Reason.NO_LEGAL_BASIS):
        assert after == before


@given(histories, OPT_OUTS, SCOPE)
def test_an_opt_out_denies_at_once_in_any_history(events, kind, scope):
    after = grown(events, kind, scope)

    for topic in covered(scope):
        assert not decided(after, topic, minimum=Grade.D).allowed


@given(notations(), NOES)
def test_every_no_denies_what_it_covers_and_leaves_the_rest_alone(notation, no):
    before, after = history(notation), history(f"{notation} {no}")

    for topic in TOPICS:
        if topic in covered(after[-1].topic):
            assert not decided(after, topic).allowed
        else:
            assert decided(after, topic) == decided(before, topic)


@given(histories)
def test_a_new_owner_leaves_no_ground(events):
    after = grown(events, EventKind.OWNER_CHANGED, ALL_TOPICS)

    assert not any(decided(after, topic, minimum=Grade.D).allowed for topic in TOPICS)


@given(histories, TOPIC, TOPIC)
def test_a_confirmed_consent_lifts_no_no_of_another_topic(events, topic, other):
    if topic == other:
        return
    before = decided(events, other)

    after = decided(grown(events, EventKind.CONSENT_GIVEN, topic, grade=Grade.A), other)

    if before.reason is not Reason.PERMANENT_FAILURE:  # which the confirmation does lift, for all topics
        assert after == before


@given(histories, TOPIC)
def test_after_a_confirmed_consent_only_a_suppression_or_a_question_can_deny(events, topic):
    decision = decided(grown(events, EventKind.CONSENT_GIVEN, topic, grade=Grade.A), topic, minimum=Grade.A)

    assert decision.allowed or decision.reason in (Reason.SUPPRESSED, Reason.QUESTIONED)


@given(histories, OPT_OUTS, SCOPE)
def test_a_repeat_adds_nothing_only_when_the_answer_is_no_anyway(events, kind, scope):
    standing = live_no(events, kind, scope)

    if standing:
        assert (standing.kind, standing.topic) == (kind, scope)
        for topic in covered(scope):
            assert not decided(events, topic, minimum=Grade.D).allowed


@given(notations(max_size=8), OPT_OUTS, SCOPE, notations(max_size=6, enders=False))
def test_leaving_out_a_repeat_changes_no_later_answer(notation, kind, scope, later):
    events = history(notation)

    if live_no(events, kind, scope):
        without, repeated = events, grown(events, kind, scope)
        for event in history(later):
            without = grown(without, event.kind, event.topic, grade=event.grade)
            repeated = grown(repeated, event.kind, event.topic, grade=event.grade)
            for topic in TOPICS:
                assert decided(without, topic).allowed == decided(repeated, topic).allowed


@pytest.mark.parametrize(
    ("notation", "scope", "live", "why"),
    [
        ("", 1, None, "nothing stands"),
        ("W1", 1, 1, "the same withdrawal of the same scope"),
        ("W1 W1", 1, 2, "the newest of two"),
        ("W*", 0, 1, "of all"),
        ("W*", 1, None, "a narrower one is another act: the wider one may be released"),
        ("W1", 0, None, "a wider one covers more"),
        ("W1", 2, None, "another topic"),
        ("O*", 0, None, "an objection is not a withdrawal"),
        ("K1", 1, None, "nor is a complaint"),
        ("W1 S*", 1, 1, "another no beside it grants nothing"),
        ("W1 N", 1, 1, "a new owner grants nothing"),
        ("W1 F", 1, 1, "nor does a failure"),
        ("W1 A1", 1, None, "lifted: the next is a new one"),
        ("W1 B1", 1, None, "claimed from outside to be lifted: better one event too many"),
        ("W1 D1", 1, None, "however badly claimed"),
        ("W1 A2", 1, 1, "a consent to another topic does not concern it"),
        ("W* A2", 0, None, "but it does concern a withdrawal from all"),
        ("W1 ~1", 1, None, "undone"),
        ("W1 -1", 1, None, "released"),
        ("W1 W1 ~2", 1, None, "after an undo a repeat is said anew"),
        ("W1 S* -2", 1, None, "after a release too: something was let through"),
        ("W1 A1 W1", 1, 3, "the new one after the lifting"),
    ],
)
def test_a_repeat_is_known_by_kind_and_scope_with_nothing_granted_since(notation, scope, live, why):
    found = live_no(history(notation), EventKind.WITHDRAWN, scope)

    assert (found.seq if found else None) == live, why


@given(histories)
def test_standings_kept_up_event_by_event_equal_the_fold_of_all(events):
    kept = {}

    for length in range(len(events)):
        before, after = fold(RECIPIENT, events[:length]), fold(RECIPIENT, events[: length + 1])
        kept.update({topic: row for topic, row in after.items() if before.get(topic) != row})

    assert kept == fold(RECIPIENT, events)


@given(histories, st.sampled_from(TOPICS))
def test_the_standing_of_all_answers_for_topics_without_one(events, topic):
    # An unproven consent adds a row for its topic and means nothing: with and without the row, the answer is one.
    after = grown(events, EventKind.CONSENT_GIVEN, topic, grade=Grade.D)

    assert decided(after, topic) == decided(events, topic)


def timeless(standings):
    return {topic: standing._replace(consent_at=None, newer_at=None) for topic, standing in standings.items()}


@given(histories, st.randoms(use_true_random=False))
def test_the_time_that_a_caller_claims_orders_nothing(events, rng: random.Random):
    times = [event.occurred_at for event in events]
    rng.shuffle(times)
    liars = [replace(event, occurred_at=time) for event, time in zip(events, times, strict=True)]

    # A consent lapses by the time at which it is said to have been given.
    assert timeless(fold(RECIPIENT, liars)) == timeless(fold(RECIPIENT, events))


@given(histories)
def test_folding_twice_gives_the_same_and_names_the_recipient(events):
    standings = fold(RECIPIENT, events)

    assert standings == fold(RECIPIENT, list(events))
    assert {standing.recipient_id for standing in standings.values()} <= {RECIPIENT}
    assert set(standings) == {event.topic for event in events}


#: What an operator may release of what others told us, and what the person may undo.
ENDED_BY = {"-": "WORSQ", "~": "WR"}


@given(notations(enders=False), NOES, notations(max_size=6, enders=False), st.sampled_from("-~"))
def test_a_no_that_was_ended_might_as_well_not_have_been_and_no_other_is(earlier, no, later, ender):
    place = len(earlier.split()) + 1
    standing = fold(RECIPIENT, history(f"{earlier} {no} {later}"))
    without = fold(RECIPIENT, [e for e in history(f"{earlier} {no} {later}") if e.seq != place])

    ended = fold(RECIPIENT, history(f"{earlier} {no} {later} {ender}{place}"))

    if no[0] in ENDED_BY[ender]:
        assert {topic: ended[topic] for topic in without} == without
        assert not [row for row in ended.values() if row.denial_event == place]
    else:
        assert ended == standing


def test_consent_to_all_topics_at_once_is_none():
    # GDPR Article 4(11): consent is specific.
    events = grown([], EventKind.CONSENT_GIVEN, ALL_TOPICS, grade=Grade.A)

    assert not any(decided(events, topic, minimum=Grade.D).allowed for topic in (ALL_TOPICS, *TOPICS))


def test_a_release_of_another_recipients_number_ends_nothing():
    events = grown(history("W1"), EventKind.RELEASED, 1, ends=99)

    assert decided(events, 1).reason is Reason.WITHDRAWN


@given(notations(), TOPIC, TOPIC)
def test_a_request_that_is_not_confirmed_changes_no_answer(notation, requested, topic):
    assert decided(history(f"{notation} P{requested}"), topic) == decided(history(notation), topic)


@given(notations(enders=False, sales=True), SCOPE, notations(max_size=6, enders=False, sales=True))
def test_a_question_that_was_answered_might_as_well_have_been_the_withdrawal(earlier, scope, later):
    sign = scope or "*"
    asked, withdrawn = (history(f"{earlier} {no}{sign} {later}") for no in "QW")
    question = asked[len(earlier.split())]

    answered = grown(asked, EventKind.WITHDRAWN, scope, ends=question.seq)

    for topic in (*TOPICS, 9):
        after, before = decided(answered, topic, offer=OFFER), decided(withdrawn, topic, offer=OFFER)
        assert (after.allowed, after.reason) == (before.allowed, before.reason)
    assert bool(live_no(answered, EventKind.WITHDRAWN, scope)) == bool(live_no(withdrawn, EventKind.WITHDRAWN, scope))
