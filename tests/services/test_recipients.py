"""What recipients do for themselves, on both databases. Nobody who holds a link is ever refused."""

from dataclasses import replace
from itertools import product

import pytest

from mailconsent.errors import InvalidAddress
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
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.services.senders import check, record_consent
from mailconsent.store.ledger import append, read_events
from mailconsent.store.recipients import lock_address
from mailconsent.store.tables import evidence, recipients
from tests.cast import ANNA, NOW, receipt

RETIRED = 77  #: a topic number that the policy does not publish


def claim_of(store, address, topic=1, basis=LegalBasis.CONSENT):
    with store.read() as tx:
        return UnsubscribeClaim(digest=tx.digester.digest(address, 1), generation=1, topic=topic, basis=basis)


def click(store, claim, how=None):
    with store.begin() as tx:
        return unsubscribe(tx, claim, how or receipt(Channel.ONE_CLICK))


def consent(store, rules, address=ANNA, topic="blog"):
    with store.begin() as tx:
        return record_consent(tx, rules.policy.topic(topic), address, receipt())


def reasons(store, rules, address=ANNA):
    with store.read() as tx:
        return [
            check(tx, mailing_of(rules.policy, topic, now=NOW), [address])[0].reason for topic in rules.policy.topics
        ]


def events_of(store, address=ANNA):
    with store.begin() as tx:
        return read_events(tx, lock_address(tx, address).id)


def test_a_click_ends_the_topic_of_its_mail_and_no_other(store, rules):
    consent(store, rules)
    consent(store, rules, topic="alerts")

    outcome = click(store, claim_of(store, ANNA))

    assert not outcome.repeated
    assert reasons(store, rules) == [Reason.WITHDRAWN, Reason.CONSENT, Reason.NO_LEGAL_BASIS, Reason.TRANSACTIONAL]
    assert events_of(store)[-1].channel is Channel.ONE_CLICK


def test_a_link_of_all_marketing_ends_all_of_it_and_nothing_else(store, rules):
    consent(store, rules)

    click(store, claim_of(store, ANNA, ALL_TOPICS))

    assert reasons(store, rules) == [Reason.WITHDRAWN] * 3 + [Reason.TRANSACTIONAL]


def test_a_second_click_adds_no_event_and_names_the_first(store, rules):
    consent(store, rules)
    claim = claim_of(store, ANNA)

    first, *others = [click(store, claim, receipt(channel)) for channel in Channel]

    assert [outcome.repeated for outcome in others] == [True] * len(others)
    assert {outcome.event_id for outcome in others} == {first.event_id}
    assert [event.kind for event in events_of(store)] == [EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN]


def test_a_click_after_a_new_consent_is_a_new_withdrawal(store, rules):
    claim = claim_of(store, ANNA)
    consent(store, rules)
    click(store, claim)
    consent(store, rules)

    again = click(store, claim)

    assert not again.repeated
    assert reasons(store, rules)[0] is Reason.WITHDRAWN


def test_a_confirmed_consent_and_a_click_may_follow_each_other_for_ever(store, rules):
    claim = claim_of(store, ANNA)
    seen = []

    for _ in range(3):
        with store.begin() as tx:
            event = receipt(Channel.PAGE).event(EventKind.CONSENT_GIVEN, 1, grade=Grade.A)
            append(tx, lock_address(tx, ANNA), event, Evidence())
        seen.append(reasons(store, rules)[0])
        assert not click(store, claim).repeated
        seen.append(reasons(store, rules)[0])

    assert seen == [Reason.CONSENT, Reason.WITHDRAWN] * 3


def test_a_wider_withdrawal_is_not_a_repeat_of_a_narrower_one(store, rules):
    outcomes = [click(store, claim_of(store, ANNA, topic)) for topic in (1, ALL_TOPICS, 1, 2, ALL_TOPICS)]

    assert [outcome.repeated for outcome in outcomes] == [False, False, True, False, True]


def test_a_link_of_soft_opt_in_mail_is_a_refusal(store, rules):
    consent(store, rules)

    outcome = click(store, claim_of(store, ANNA, basis=LegalBasis.SOFT_OPT_IN))

    assert events_of(store)[-1].kind is EventKind.REFUSED
    assert reasons(store, rules)[0] is Reason.REFUSED
    assert click(store, claim_of(store, ANNA, basis=LegalBasis.SOFT_OPT_IN)) == replace(outcome, repeated=True)
    assert not click(store, claim_of(store, ANNA)).repeated, "a withdrawal is another act"


def test_an_erased_recipient_is_unsubscribed_too(store, rules):
    consent(store, rules)
    with store.begin() as tx:
        tx.connection.execute(recipients.update().values(address=None, language=None))
        tx.connection.execute(evidence.delete())

    outcome = click(store, claim_of(store, ANNA))

    assert not outcome.repeated
    assert reasons(store, rules)[0] is Reason.WITHDRAWN
    with store.read() as tx:
        assert tx.connection.execute(recipients.select()).one().address is None, "an opt-out needs no address"


def test_one_whom_we_have_no_row_of_is_unsubscribed_and_stays_so(store, rules):
    outcome = click(store, claim_of(store, ANNA))

    consent(store, rules)

    assert not outcome.repeated
    assert reasons(store, rules)[0] is Reason.WITHDRAWN
    assert [event.kind for event in events_of(store)] == [EventKind.WITHDRAWN, EventKind.CONSENT_GIVEN]


def test_a_topic_no_longer_published_is_unsubscribed_from_too(store, rules):
    outcome = click(store, claim_of(store, ANNA, RETIRED))

    assert not outcome.repeated
    assert [event.topic for event in events_of(store)] == [RETIRED]


def test_evidence_of_a_click_is_kept_beside_it(store):
    click(store, claim_of(store, ANNA), receipt(Channel.ONE_CLICK, agent="Mailer/1.0"))

    with store.read() as tx:
        assert "Mailer/1.0" in tx.connection.execute(evidence.select()).one().details


def test_who_writes_is_withdrawn_from_all_marketing(store, rules):
    consent(store, rules)

    with store.begin() as tx:
        outcome = withdraw(tx, " ANNA@example.com", receipt(Channel.INBOX))
        again = withdraw(tx, ANNA, receipt(Channel.INBOX))

    assert (outcome.repeated, again.repeated) == (False, True)
    assert reasons(store, rules) == [Reason.WITHDRAWN] * 3 + [Reason.TRANSACTIONAL]


def test_what_has_no_at_is_nobody(store):
    for wrong in ("", "anna", "@", "anna@"):
        with store.begin() as tx, pytest.raises(InvalidAddress):
            withdraw(tx, wrong, receipt())


def test_a_withdrawal_counts_from_its_receipt_whenever_it_is_said_to_have_been(store, rules):
    consent(store, rules)
    long_ago = replace(receipt(), occurred_at=NOW.replace(year=2001))

    with store.begin() as tx:
        withdraw(tx, ANNA, long_ago)

    assert reasons(store, rules)[0] is Reason.WITHDRAWN


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_every_link_works_for_every_topic_number_and_basis(store):
    for topic, basis in product((0, 1, 32767), (LegalBasis.CONSENT, LegalBasis.SOFT_OPT_IN)):
        assert not click(store, claim_of(store, ANNA, topic, basis)).repeated


def test_a_click_after_a_mail_that_may_be_forged_is_an_act_of_its_own(store):
    with store.begin() as tx:
        withdraw(tx, ANNA, receipt(Channel.INBOX))
        assert withdraw(tx, ANNA, receipt(Channel.INBOX)).repeated

    first, second = (click(store, claim_of(store, ANNA, topic=ALL_TOPICS)) for _ in range(2))

    assert not first.repeated, "the mail may yet be released as a forgery, and this must stand without it"
    assert second.repeated
