"""A whole domain suppressed: whom it covers, what it does to a decision, and that it touches nobody else."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailconsent.errors import InvalidDomain, Refused
from mailconsent.model import Channel, EventKind, Evidence, Grade, Reason
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.operators import release, suppress_domain
from mailconsent.services.recipients import withdraw
from mailconsent.services.rotation import begin_digest_rotation, move_recipients
from mailconsent.services.senders import check, permits, record_consent
from mailconsent.services.sends import record_sends
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from mailconsent.store.sends import read_sends
from mailconsent.store.suppressions import list_suppressions
from mailconsent.store.tables import evidence, recipients
from tests.cast import ANNA, BO, CECILIA, NOW, receipt
from tests.histories import history, notations
from tests.houses import ask, consent, rows, unfolded

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "domains.toml").read_text("utf-8"))
NUMBERS = count()
DAY = timedelta(days=1)


def stop(here, domain, **more):
    with here.store.begin() as tx:
        return suppress_domain(tx, domain, receipt(Channel.OPERATOR), **more)


def let_go(here, event_id):
    with here.store.begin() as tx:
        return release(tx, event_id, receipt(Channel.OPERATOR), "not the whole company")


def tell(here, address, events):
    with here.store.begin() as tx:
        for event in events:
            append(tx, lock_address(tx, address), event, Evidence())


def reasons(here, *addresses, topic="blog"):
    return [decision.reason for decision in ask(here, *addresses, topic=topic)]


def test_whom_a_domain_covers(installation):
    for number, case in enumerate(VECTORS["covered"]["cases"]):
        outcome = stop(installation, case["domain"], shared=True)

        [decision] = ask(installation, case["address"])

        assert (decision.reason is Reason.SUPPRESSED) is case["covered"], (number, case["why"])
        assert decision.event_id == (outcome.event_id if case["covered"] else None)
        assert not decision.allowed
        let_go(installation, outcome.event_id)


@pytest.mark.parametrize("entry", VECTORS["shared"]["domains"], ids=lambda entry: entry["domain"])
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_domain_of_everybody_is_suppressed_only_if_that_is_meant(installation, entry):
    with pytest.raises(Refused, match="--yes"):
        stop(installation, entry["domain"])
    assert rows(installation, "select count(*) from recipients") == [(0,)], entry["why"]

    stop(installation, entry["domain"], shared=True)

    assert reasons(installation, f"anna@{entry['domain'].strip('@.')}") == [Reason.SUPPRESSED]


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_is_no_domain_suppresses_nobody(installation):
    for entry in VECTORS["none"]["texts"]:
        with pytest.raises(InvalidDomain):
            stop(installation, entry["text"], shared=True)
    assert rows(installation, "select domains from installation") == [(0,)]


#: What an address's own events say, and which reason a suppressed domain leaves.
STRENGTHS = [
    ("", Reason.SUPPRESSED, "nothing is known of it"),
    ("B1", Reason.SUPPRESSED, "a consent that was told"),
    ("A1", Reason.SUPPRESSED, "one that was confirmed"),
    ("W1", Reason.SUPPRESSED, "the weaker no gives way to the stronger"),
    ("R1", Reason.SUPPRESSED, "so too"),
    ("Q*", Reason.SUPPRESSED, "and so"),
    ("W1 A1 ~1", Reason.SUPPRESSED, "nothing a person does lifts it"),
    ("F", Reason.PERMANENT_FAILURE, "no mail at all comes first"),
    ("F S*", Reason.PERMANENT_FAILURE, "so too"),
    ("K*", Reason.COMPLAINT, "the stronger no stays the reason"),
    ("O*", Reason.OBJECTED, "so too"),
    ("S* W*", Reason.SUPPRESSED, "both are suppressed: its own event is named"),
]


@pytest.mark.parametrize(("told", "expected", "why"), STRENGTHS)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_the_strongest_no_gives_the_reason(installation, told, expected, why):
    tell(installation, ANNA, history(told))
    [before] = ask(installation, ANNA)
    other = ask(installation, ANNA, topic="orders")
    domain = stop(installation, "example.com")

    [decision] = ask(installation, ANNA)

    assert (decision.allowed, decision.reason) == (False, expected), why
    own = before.reason is expected
    assert decision.event_id == (before.event_id if own else domain.event_id)
    assert ask(installation, ANNA, topic="orders") == other, "transactional mail is as it was"


def test_the_nearest_suppressed_domain_is_named(installation):
    above = stop(installation, "example.com")
    assert ask(installation, "anna@dk.example.com")[0].event_id == above.event_id

    below = stop(installation, "dk.example.com")

    assert ask(installation, "anna@dk.example.com")[0].event_id == below.event_id
    assert ask(installation, ANNA)[0].event_id == above.event_id
    let_go(installation, above.event_id)
    assert reasons(installation, ANNA, "anna@dk.example.com") == [Reason.NO_LEGAL_BASIS, Reason.SUPPRESSED]


def test_nobody_of_it_gets_a_link(installation):
    consent(installation, ANNA, BO)
    stop(installation, "example.com")
    topic = installation.rules.policy.topic("blog")

    decisions = ask(installation, ANNA, BO)
    with installation.store.read() as tx:
        found = permits(tx, installation.rules, topic, [ANNA, BO], decisions, now=NOW)

    assert [bool(permit) for permit in found] == [False, True]


def test_erased_recipients_and_those_to_come_are_covered(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        tx.connection.execute(evidence.delete())
        tx.connection.execute(recipients.update().values(address=None, tagless_digest=None, domain_digest=None))
    stop(installation, "example.com")

    consent(installation, "new@example.com")

    assert reasons(installation, ANNA, "new@example.com") == [Reason.SUPPRESSED] * 2


def test_a_released_domain_leaves_everybody_as_they_were(installation):
    consent(installation, ANNA, CECILIA)
    with installation.store.begin() as tx:
        withdraw(tx, "bo@example.com", receipt())
    people = (ANNA, "bo@example.com", CECILIA, "nobody@example.com", "no address")
    before = ask(installation, *people)
    outcome = stop(installation, "example.com")
    assert stop(installation, "@EXAMPLE.com.").repeated
    assert ask(installation, *people)[2] == before[2]

    let_go(installation, outcome.event_id)

    assert ask(installation, *people) == before
    assert not stop(installation, "example.com").repeated
    assert unfolded(installation) == []


def test_an_installation_without_a_suppressed_domain_looks_for_none(installation):
    with installation.store.read() as tx:
        assert not tx.state.domains

    outcome = stop(installation, "example.com")
    let_go(installation, outcome.event_id)

    with installation.store.read() as tx:
        assert tx.state.domains, "it may be suppressed again at any moment"


def test_the_transaction_that_suppresses_sees_it(installation):
    policy = installation.rules.policy
    mailing = mailing_of(policy, policy.topic("blog"), now=NOW)

    with installation.store.begin() as tx:
        assert check(tx, mailing, [ANNA])[0].reason is Reason.NO_LEGAL_BASIS
        suppress_domain(tx, "example.com", receipt(Channel.OPERATOR))
        assert check(tx, mailing, [ANNA])[0].reason is Reason.SUPPRESSED


def test_a_domain_stays_suppressed_at_every_point_of_a_rotation(house):
    with house.opened() as here, house.opened() as other:
        consent(here, ANNA, BO, "bo@dk.example.com")
        first = stop(here, "example.com")
        expected = [Reason.SUPPRESSED, Reason.CONSENT, Reason.SUPPRESSED]

        def said():
            return [reasons(each, ANNA, BO, "bo@dk.example.com") for each in (here, other)]

        generation = begin_digest_rotation(here.store)
        assert said() == [expected] * 2
        assert stop(other, "example.com") == replace(first, repeated=True)
        second = stop(other, "example.net")  # one that is new half-way
        assert reasons(here, BO) == [Reason.SUPPRESSED]
        let_go(here, second.event_id)
        list(move_recipients(here.store, generation))

        assert said() == [expected] * 2
        with other.store.read() as tx:
            assert [(one.event_id, one.domain) for one in list_suppressions(tx, after=None, limit=9)] == [
                (first.event_id, True)
            ]
        let_go(other, first.event_id)
        assert said() == [[Reason.CONSENT] * 3] * 2
        assert unfolded(here) == []


def test_a_bulk_check_tells_the_domains_apart(installation):
    people = [f"anna{n}@{domain}" for n in range(50) for domain in ("example.com", "Example.ORG", "dk.example.com")]
    with installation.store.begin() as tx:
        for address in people:
            event = receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B)
            append(tx, lock_address(tx, address), event, Evidence())
    stop(installation, "example.com")

    assert reasons(installation, *people) == [Reason.SUPPRESSED, Reason.CONSENT, Reason.SUPPRESSED] * 50


#: Who is asked about: the number of a domain, and what is recorded of the address.
PEOPLE = st.lists(st.tuples(st.sampled_from(range(3)), notations(max_size=5)), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(people=PEOPLE, suppressed=st.sets(st.sampled_from(range(3)), min_size=1))
def test_no_history_lets_marketing_through_to_a_suppressed_domain_and_nobody_else_notices(
    installation, people, suppressed
):
    name = f"d{next(NUMBERS)}"  # one of its own for each example, since they share the house
    domains = [f"{name}.example", f"dk.{name}.example", f"{name}.test"]
    asked = [f"anna{place}@{domains[number]}" for place, (number, _) in enumerate(people)]
    for address, (_, told) in zip(asked, people, strict=True):
        tell(installation, address, history(told))
    before = {topic: ask(installation, *asked, topic=topic) for topic in ("blog", "orders")}
    for number in suppressed:
        stop(installation, domains[number])
    covered = {number for number in range(3) if number in suppressed or (number == 1 and 0 in suppressed)}

    after = {topic: ask(installation, *asked, topic=topic) for topic in ("blog", "orders")}

    assert after["orders"] == before["orders"]
    assert after["blog"] == [ask(installation, address)[0] for address in asked], "in bulk as alone"
    for (number, _), old, new in zip(people, before["blog"], after["blog"], strict=True):
        assert (not new.allowed) if number in covered else (new == old)
    for number in covered:
        assert reasons(installation, f"nobody@{domains[number]}") == [Reason.SUPPRESSED]


def test_mail_to_a_suppressed_domain_had_no_ground_and_keeps_no_consent_alive(installation):
    policy, topic = installation.rules.policy, installation.rules.policy.topic("blog")
    people = [ANNA, BO, "nobody@example.com"]
    with installation.store.begin() as tx:
        for address in (ANNA, BO):
            record_consent(tx, topic, address, receipt(minutes=-60))
    stop(installation, "example.com")

    with installation.store.begin() as tx:
        before, after = (
            record_sends(tx, policy, topic, name, people, sent_at=NOW + timedelta(minutes=minutes), now=NOW + DAY)
            for name, minutes in (("before", -30), ("after", 30))
        )

    assert before.without_ground == [(2, Reason.NO_LEGAL_BASIS)]
    assert after.without_ground == [(0, Reason.SUPPRESSED), (2, Reason.SUPPRESSED)]
    with installation.store.begin() as tx:
        sent = {one.send_id: one for one in read_sends(tx, lock_address(tx, ANNA).id)}
    assert (sent["before"].reason, sent["after"].reason) == (Reason.CONSENT, Reason.SUPPRESSED)
    assert sent["after"].event_id is None, "the event is of the domain"
    assert sent["after"].basis is None
