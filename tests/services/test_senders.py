"""What newsletter systems ask and tell, on both databases. They fail closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.errors import InvalidAddress, Refused
from mailconsent.model import (
    ALL_TOPICS,
    Channel,
    EventKind,
    Evidence,
    Grade,
    LegalBasis,
    Reason,
    UnsubscribeClaim,
)
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.senders import check, permits, record_consent, record_withdrawal
from mailconsent.store.ledger import append, read_events
from mailconsent.store.recipients import lock_address
from mailconsent.store.tables import recipients
from tests.cast import ANNA, BO, CECILIA, NOW, receipt


@pytest.fixture
def blog(rules):
    return rules.policy.topic("blog")


@pytest.fixture
def orders(rules):
    return rules.policy.topic("orders")


def consent(store, topic, address, how=None, **more):
    with store.begin() as tx:
        return record_consent(tx, topic, address, how or receipt(), **more)


def opt_out(store, topic, address, how=None):
    with store.begin() as tx:
        return record_withdrawal(tx, topic, address, how or receipt())


def decide(store, rules, topic, *addresses):
    with store.read() as tx:
        return check(tx, mailing_of(rules.policy, topic, now=NOW), list(addresses))


def permit(store, rules, topic, *addresses):
    with store.read() as tx:
        decisions = check(tx, mailing_of(rules.policy, topic, now=NOW), list(addresses))
        return permits(tx, rules, topic, list(addresses), decisions, now=NOW)


def events_of(store, address):
    with store.begin() as tx:
        return read_events(tx, lock_address(tx, address).id)


def confirm(store, address, topic):
    """The person's own confirmation, by the ledger: its door is not built yet."""
    with store.begin() as tx:
        event = receipt(Channel.PAGE).event(EventKind.CONSENT_GIVEN, topic.number, grade=Grade.A)
        return append(tx, lock_address(tx, address), event, Evidence())


def test_nobody_is_mailed_without_a_ground(store, rules, blog):
    [decision] = decide(store, rules, blog, ANNA)

    assert (decision.allowed, decision.reason, decision.event_id) == (False, Reason.NO_LEGAL_BASIS, None)


def test_a_recorded_consent_is_a_yes_that_names_its_event(store, rules, blog):
    event_id = consent(store, blog, ANNA)

    [decision] = decide(store, rules, blog, "ANNA@example.com")

    assert decision == (True, Reason.CONSENT, LegalBasis.CONSENT, event_id)


def test_a_consent_is_recorded_as_grade_b_with_its_evidence_and_nothing_else(store, blog):
    consent(store, blog, ANNA, replace(receipt(Channel.API), occurred_at=NOW - timedelta(days=1)))

    [event] = events_of(store, ANNA)

    assert (event.kind, event.topic, event.grade) == (EventKind.CONSENT_GIVEN, blog.number, Grade.B)
    assert (event.occurred_at, event.received_at) == (NOW - timedelta(days=1), NOW)


def test_the_address_is_kept_as_given_with_its_language(store, blog):
    consent(store, blog, " Anna@Example.COM ", language="da")

    with store.read() as tx:
        [row] = tx.connection.execute(recipients.select()).all()
    assert (row.address, row.language) == ("Anna@Example.COM", "da")


def test_a_consent_from_outside_never_lifts_a_withdrawal(store, rules, blog):
    withdrawn = opt_out(store, blog, ANNA).event_id

    for _ in range(3):
        consent(store, blog, ANNA)

    [decision] = decide(store, rules, blog, ANNA)
    assert (decision.reason, decision.event_id) == (Reason.WITHDRAWN, withdrawn)


def test_the_persons_own_confirmation_does(store, rules, blog):
    opt_out(store, blog, ANNA)

    event_id = confirm(store, ANNA, blog)

    assert decide(store, rules, blog, ANNA) == [(True, Reason.CONSENT, LegalBasis.CONSENT, event_id)]


def test_a_policy_that_asks_for_a_confirmation_takes_no_less(store, rules, blog):
    strict = replace(rules, policy=replace(rules.policy, minimum_grade=Grade.A))
    consent(store, blog, ANNA)
    confirm(store, BO, blog)

    assert [decision.allowed for decision in decide(store, strict, blog, ANNA, BO)] == [False, True]
    assert [decision.allowed for decision in decide(store, rules, blog, ANNA, BO)] == [True, True], "at once, by policy"


@pytest.mark.parametrize(
    ("details", "why"),
    [({}, "nothing"), ({"wording": ""}, "an empty field"), ({"wording": " \n", "form": ""}, "blanks")],
    ids=["nothing", "empty", "blank"],
)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_consent_without_evidence_is_refused(store, blog, details, why):
    with pytest.raises(Refused, match="without evidence"):
        consent(store, blog, ANNA, replace(receipt(), evidence=Evidence(details=details)))

    assert events_of(store, ANNA) == [], why


def test_a_consent_of_the_future_is_refused(store, blog):
    with pytest.raises(Refused, match="future"):
        consent(store, blog, ANNA, replace(receipt(), occurred_at=NOW + timedelta(seconds=1)))

    assert events_of(store, ANNA) == []


def test_a_consent_to_transactional_mail_is_refused(store, orders):
    with pytest.raises(Refused, match="transactional"):
        consent(store, orders, ANNA)

    assert events_of(store, ANNA) == []


def test_a_consent_of_what_is_no_address_is_refused_and_leaves_no_row(store, blog):
    for wrong in ("anna", "anna@example", "anna smith@example.com", "anna@example.com\x00", "\ud800@example.com"):
        with pytest.raises(InvalidAddress):
            consent(store, blog, wrong)

    with store.read() as tx:
        assert tx.connection.execute(recipients.select()).all() == []


def test_answers_come_in_the_order_of_the_questions_one_for_each(store, rules, blog):
    consent(store, blog, ANNA)
    consent(store, blog, BO)
    opt_out(store, blog, BO)

    asked = [BO, "no address", ANNA, ANNA.upper(), CECILIA, "", BO, "anna@", "\ud800@example.com"]
    reasons = [decision.reason.value for decision in decide(store, rules, blog, *asked)]

    assert reasons == [
        "withdrawn",
        "invalid_address",
        "consent",
        "consent",
        "no_legal_basis",
        "invalid_address",
        "withdrawn",
        "invalid_address",
        "no_legal_basis",
    ]
    assert decide(store, rules, blog) == []


def test_ten_thousand_are_answered_like_one(store, rules, blog):
    for number in range(0, 30, 3):
        consent(store, blog, f"anna{number}@example.com")
    asked = [f"anna{number % 40}@example.com" for number in range(10_000)]

    decisions = decide(store, rules, blog, *asked)

    assert [decision.allowed for decision in decisions] == [n % 40 < 30 and n % 40 % 3 == 0 for n in range(10_000)]


def test_transactional_mail_is_allowed_and_claims_no_consent(store, rules, orders):
    opt_out(store, None, ANNA)

    decisions = decide(store, rules, orders, ANNA, BO, "no address")

    assert [decision[:3] for decision in decisions] == [
        (True, Reason.TRANSACTIONAL, LegalBasis.TRANSACTIONAL),
        (True, Reason.TRANSACTIONAL, LegalBasis.TRANSACTIONAL),
        (False, Reason.INVALID_ADDRESS, None),
    ]


def test_a_permanent_failure_stops_all_mail(store, rules, blog, orders):
    consent(store, blog, ANNA)
    with store.begin() as tx:
        failure = receipt(Channel.INBOX).event(EventKind.PERMANENT_FAILURE, ALL_TOPICS)
        event_id = append(tx, lock_address(tx, ANNA), failure, Evidence())

    for topic in (blog, orders):
        assert decide(store, rules, topic, ANNA) == [(False, Reason.PERMANENT_FAILURE, None, event_id)]


def test_a_working_link_comes_only_with_a_yes(store, rules, blog, orders):
    consent(store, blog, ANNA)
    consent(store, blog, BO)
    opt_out(store, blog, BO)

    given = permit(store, rules, blog, ANNA, BO, CECILIA, "no address")

    assert [bool(one) for one in given] == [True, False, False, False]
    assert permit(store, rules, orders, ANNA) == [None], "and never with mail that nobody can opt out of"


def test_the_link_says_whose_it_is_and_what_for(store, rules, blog):
    consent(store, blog, ANNA)

    [given] = permit(store, rules, blog, ANNA)

    claim = store.keyring.read_token(given.unsubscribe_url.rpartition("/")[2])
    with store.read() as tx:
        digest = tx.digester.digest(ANNA, 1)
    assert claim == UnsubscribeClaim(digest=digest, generation=1, topic=blog.number, basis=LegalBasis.CONSENT)
    assert f"<{given.unsubscribe_url}>" in given.headers["List-Unsubscribe"]


def test_an_opt_out_told_by_a_sender_counts_for_its_topic_or_for_all(store, rules, blog):
    alerts = rules.policy.topic("alerts")
    for address in (ANNA, BO):
        consent(store, blog, address)
        consent(store, alerts, address)

    opt_out(store, blog, ANNA)
    opt_out(store, None, BO)

    assert [decision.allowed for decision in decide(store, rules, blog, ANNA, BO)] == [False, False]
    assert [decision.allowed for decision in decide(store, rules, alerts, ANNA, BO)] == [True, False]


def test_an_opt_out_is_taken_of_any_text_with_an_at(store, rules, blog):
    opt_out(store, None, "anna smith@example")

    assert decide(store, rules, blog, "ANNA Smith@example")[0].reason is Reason.WITHDRAWN


def test_an_opt_out_from_transactional_mail_is_refused(store, orders):
    with pytest.raises(Refused, match="transactional"):
        opt_out(store, orders, ANNA)


def test_a_wrong_clock_costs_nobody_their_opt_out(store, blog):
    opt_out(store, blog, ANNA, replace(receipt(), occurred_at=NOW + timedelta(days=400)))

    [event] = events_of(store, ANNA)
    assert (event.kind, event.occurred_at) == (EventKind.WITHDRAWN, NOW)
