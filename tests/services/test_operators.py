"""What operators stop and release, on both databases."""

from dataclasses import replace

import pytest

from mailconsent.errors import InvalidAddress, InvalidDomain, Refused
from mailconsent.model import ALL_TOPICS, Channel, EventId, EventKind, Evidence, Grade, LegalBasis, UnsubscribeClaim
from mailconsent.services.operators import release, suppress, suppress_domain
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.store.ledger import append, read_event
from mailconsent.store.recipients import lock_address
from mailconsent.store.suppressions import list_suppressions
from tests.cast import ANNA, BO, CECILIA, receipt
from tests.houses import ask, consent, rows, unfolded

BY_OPERATOR = receipt(Channel.OPERATOR, ticket="4711")


def told(here, *addresses, topic="blog"):
    return [decision.reason.value for decision in ask(here, *addresses, topic=topic)]


def stop(here, address, how=BY_OPERATOR):
    with here.store.begin() as tx:
        return suppress(tx, address, how)


def let_go(here, event_id, how=BY_OPERATOR, reason="misread"):
    with here.store.begin() as tx:
        return release(tx, event_id, how, reason)


def record(here, address, kind, topic=ALL_TOPICS, channel=Channel.API, **more):
    with here.store.begin() as tx:
        return append(tx, lock_address(tx, address), receipt(channel).event(kind, topic, **more), Evidence())


def test_a_suppressed_address_gets_no_marketing_and_all_other_mail(installation):
    consent(installation, ANNA)

    outcome = stop(installation, " ANNA@example.com")

    assert told(installation, ANNA) == ["suppressed"]
    assert ask(installation, ANNA)[0].event_id == outcome.event_id
    assert told(installation, ANNA, topic="orders") == ["transactional"]
    assert unfolded(installation) == []


def test_it_is_of_just_that_form_of_the_address(installation):
    consent(installation, "anna+news@example.com")

    stop(installation, ANNA)

    assert told(installation, "anna+news@example.com") == ["consent"]


def test_a_second_suppression_adds_nothing_even_after_the_person_confirmed(installation):
    first = stop(installation, ANNA)
    record(installation, ANNA, EventKind.CONSENT_GIVEN, 1, Channel.PAGE, grade=Grade.A)

    assert told(installation, ANNA) == ["suppressed"], "it is not theirs to lift"
    assert stop(installation, ANNA, receipt(Channel.API)) == replace(first, repeated=True)


def test_what_has_no_at_cannot_be_suppressed(installation):
    for wrong in ("", "anna", "@example.com", "anna@"):
        with pytest.raises(InvalidAddress):
            stop(installation, wrong)


def test_released_the_older_consent_counts_again_and_a_new_suppression_is_a_new_event(installation):
    consent(installation, ANNA)
    first = stop(installation, ANNA)

    released = let_go(installation, first.event_id)
    assert told(installation, ANNA) == ["consent"]

    second = stop(installation, ANNA)
    assert (second.repeated, second.event_id.seq) == (False, first.event_id.seq + 2)
    assert told(installation, ANNA) == ["suppressed"]
    assert let_go(installation, first.event_id) == replace(released, repeated=True)
    assert told(installation, ANNA) == ["suppressed"], "a release ends the one event that it names"
    assert unfolded(installation) == []


def test_the_reason_of_a_release_is_kept_as_evidence_and_nowhere_else(installation):
    first = stop(installation, ANNA)

    event_id = let_go(installation, first.event_id, reason=" the wrong Anna ").event_id

    assert rows(installation, f"select details from evidence where seq = {event_id.seq}") == [
        ('{"reason": "the wrong Anna", "ticket": "4711"}',)
    ]
    with installation.store.read() as tx:
        event = read_event(tx, event_id)
    assert (event.kind, event.ends, event.facts) == (EventKind.RELEASED, first.event_id.seq, {})


RELEASABLE = [
    (EventKind.SUPPRESSED, Channel.API, "the operator's own"),
    (EventKind.QUESTIONED, Channel.INBOX, "answered: it was no request"),
    (EventKind.PERMANENT_FAILURE, Channel.INBOX, "the mailbox works again"),
]


@pytest.mark.parametrize(("kind", "channel", "why"), RELEASABLE)
def test_what_is_not_the_persons_can_be_released(installation, kind, channel, why):
    consent(installation, ANNA)
    named = record(installation, ANNA, kind, channel=channel)
    assert told(installation, ANNA) == [kind.value]

    let_go(installation, named)

    assert told(installation, ANNA) == ["consent"], why


STAYS = [
    (EventKind.WITHDRAWN, Channel.API, "told by a sender"),
    (EventKind.WITHDRAWN, Channel.OPERATOR, "typed in from a letter"),
    (EventKind.WITHDRAWN, Channel.PAGE, "the person's button"),
    (EventKind.WITHDRAWN, Channel.ONE_CLICK, "the person's mail program"),
    (EventKind.WITHDRAWN, Channel.INBOX, "a mail with our token as its request: nobody else has the link"),
    (EventKind.OBJECTED, Channel.API, "GDPR Article 21(3)"),
    (EventKind.COMPLAINT, Channel.INBOX, "with our token, or of an authenticated reporter"),
    (EventKind.REFUSED, Channel.PAGE, "ePrivacy Article 13(2)"),
    (EventKind.CONSENT_GIVEN, Channel.PAGE, "not a no at all"),
    (EventKind.OWNER_CHANGED, Channel.INBOX, "grounds of somebody else never come back"),
    (EventKind.RELEASED, Channel.OPERATOR, "a release is not released: suppress again"),
]


@pytest.mark.parametrize(("kind", "channel", "why"), STAYS)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_people_said_for_themselves_nobody_releases(installation, kind, channel, why):
    grade = Grade.A if kind is EventKind.CONSENT_GIVEN else None
    named = record(installation, ANNA, kind, 1, channel, grade=grade)

    with pytest.raises(Refused, match=r"(N|n)obody may"):
        let_go(installation, named)

    assert rows(installation, "select count(*) from events") == [(1,)], why


@pytest.mark.parametrize("channel", [channel for channel in Channel if channel is not Channel.OPERATOR])
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_only_an_operator_releases(installation, channel):
    first = stop(installation, ANNA)

    with pytest.raises(Refused, match="Only an operator"):
        let_go(installation, first.event_id, receipt(channel))

    assert told(installation, ANNA) == ["suppressed"]


def test_a_release_needs_a_reason_and_an_event(installation):
    first = stop(installation, ANNA)

    with pytest.raises(Refused, match="needs a reason"):
        let_go(installation, first.event_id, reason=" \n")
    for wrong in (EventId(first.event_id.recipient_id, 2), EventId(0, 1), EventId(2**63 - 1, 999_999_999)):
        with pytest.raises(Refused, match="no such event"):
            let_go(installation, wrong)

    assert told(installation, ANNA) == ["suppressed"]


def test_a_mail_misread_or_forged_is_released_and_the_consent_counts_again(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        outcome = withdraw(tx, ANNA, receipt(Channel.INBOX))
    assert told(installation, ANNA) == ["withdrawn"]

    let_go(installation, outcome.event_id)

    assert told(installation, ANNA) == ["consent"]


@pytest.mark.parametrize("firmer", ["link", "tokened mail", "api", "quoted mail"])
def test_what_else_the_person_did_outlives_the_release_of_a_mail(installation, firmer):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        claim = UnsubscribeClaim(
            digest=tx.digester.digest(ANNA, 1), generation=1, topic=ALL_TOPICS, basis=LegalBasis.CONSENT
        )
        forged = withdraw(tx, ANNA, receipt(Channel.INBOX))
        if firmer == "api":
            other = withdraw(tx, ANNA, receipt())
        else:
            channel = Channel.ONE_CLICK if firmer == "link" else Channel.INBOX
            other = unsubscribe(tx, claim, receipt(channel), quoted=firmer == "quoted mail")

    let_go(installation, forged.event_id)

    assert not other.repeated
    assert told(installation, ANNA) == ["withdrawn"]
    assert ask(installation, ANNA)[0].event_id == other.event_id


def test_a_mail_that_only_quotes_a_link_can_be_released_too(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        claim = UnsubscribeClaim(
            digest=tx.digester.digest(ANNA, 1), generation=1, topic=ALL_TOPICS, basis=LegalBasis.CONSENT
        )
        quoted = unsubscribe(tx, claim, receipt(Channel.INBOX), quoted=True)

    let_go(installation, quoted.event_id)

    assert told(installation, ANNA) == ["consent"]


def test_the_suppressions_that_stand_are_listed_in_pages_without_addresses(installation):
    outcomes = [stop(installation, address) for address in (ANNA, BO, CECILIA)]
    with installation.store.begin() as tx:
        domain = suppress_domain(tx, "example.com", BY_OPERATOR)
    let_go(installation, outcomes[1].event_id)
    record(installation, BO, EventKind.WITHDRAWN)

    with installation.store.read() as tx:
        everything = list_suppressions(tx, after=None, limit=10)
        pages, after = [], None
        while page := list_suppressions(tx, after=after, limit=1):
            pages += page
            after = page[-1].event_id

    expected = sorted([outcomes[0].event_id, outcomes[2].event_id, domain.event_id])
    assert [one.event_id for one in everything] == expected
    assert pages == everything
    assert {one.event_id for one in everything if one.domain} == {domain.event_id}
    assert {(one.channel, one.source, one.received_at) for one in everything} == {
        (Channel.OPERATOR, "test", BY_OPERATOR.received_at)
    }


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_no_refusal_repeats_what_was_asked(installation):
    with installation.store.begin() as tx:
        for asked, act in [("secret-anna", suppress), ("secret anna.com", suppress_domain)]:
            with pytest.raises((InvalidAddress, InvalidDomain)) as refusal:
                act(tx, asked, BY_OPERATOR)
            assert "secret" not in str(refusal.value)
