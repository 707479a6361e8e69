"""
Opt-outs that came without a token reach the tagged forms of the address (design 5.1): `name+news@` subscribed, `name@`
writes.
"""

import threading
from dataclasses import replace

import pytest

from mailconsent.errors import KeyMissing, StorageUnavailable
from mailconsent.model import ALL_TOPICS, Channel, EventKind, Evidence, Grade, LegalBasis, Reason, UnsubscribeClaim
from mailconsent.services.operators import release
from mailconsent.services.recipients import opt_out, unsubscribe, withdraw
from mailconsent.services.rotation import begin_digest_rotation, move_recipients
from mailconsent.store.ledger import append, read_event, read_events
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, receipt
from tests.houses import ask, consent, events, rows, unfolded

NEWS, SHOP = "anna+news@example.com", "Anna+Shop@example.com"
WITHOUT_TOKEN = [Channel.API, Channel.OPERATOR, Channel.INBOX]


def leave(here, address, channel=Channel.INBOX, **more):
    with here.store.begin() as tx:
        return withdraw(tx, address, receipt(channel, note="please stop"), **more)


def click(here, address, channel=Channel.ONE_CLICK, **more):
    with here.store.begin() as tx:
        digest = tx.digester.digest(address, 1)
        claim = UnsubscribeClaim(digest=digest, generation=1, topic=ALL_TOPICS, basis=LegalBasis.CONSENT)
        return unsubscribe(tx, claim, receipt(channel), **more)


def confirm(here, address, topic=1):
    with here.store.begin() as tx:
        event = receipt(Channel.PAGE).event(EventKind.CONSENT_GIVEN, topic, grade=Grade.A)
        append(tx, lock_address(tx, address), event, Evidence())


def let_go(here, event_id):
    with here.store.begin() as tx:
        return release(tx, event_id, receipt(Channel.OPERATOR), "forged")


def reasons(here, *addresses, topic="blog"):
    return [decision.reason for decision in ask(here, *addresses, topic=topic)]


def kinds(here, address):
    with here.store.begin() as tx:
        return [event.kind for event in read_events(tx, lock_address(tx, address).id)]


@pytest.mark.parametrize("channel", WITHOUT_TOKEN)
def test_who_writes_from_the_plain_address_leaves_with_every_tagged_form(installation, channel):
    consent(installation, ANNA, NEWS, SHOP, BO, "annabel@example.com", "anna+news@example.net")

    leave(installation, ANNA, channel)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.WITHDRAWN] * 3
    assert reasons(installation, BO, "annabel@example.com", "anna+news@example.net") == [Reason.CONSENT] * 3
    assert reasons(installation, NEWS, topic="orders") == [Reason.TRANSACTIONAL]
    assert unfolded(installation) == []


@pytest.mark.parametrize("channel", WITHOUT_TOKEN)
def test_who_subscribes_with_a_tag_afterwards_has_left_already(installation, channel):
    leave(installation, ANNA, channel)

    consent(installation, NEWS)

    assert reasons(installation, NEWS) == [Reason.WITHDRAWN]
    assert kinds(installation, NEWS) == [EventKind.WITHDRAWN, EventKind.CONSENT_GIVEN]
    assert unfolded(installation) == []


def test_who_writes_with_a_tag_means_that_form_alone(installation):
    consent(installation, ANNA, NEWS, SHOP)

    leave(installation, NEWS)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.CONSENT, Reason.WITHDRAWN, Reason.CONSENT]


@pytest.mark.parametrize("channel", [Channel.ONE_CLICK, Channel.PAGE, Channel.INBOX])
def test_a_link_is_of_one_address_alone(installation, channel):
    consent(installation, ANNA, NEWS)

    click(installation, ANNA, channel)
    consent(installation, SHOP)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.WITHDRAWN, Reason.CONSENT, Reason.CONSENT]


def test_a_link_that_is_only_quoted_is_too(installation):
    consent(installation, ANNA, NEWS)

    click(installation, ANNA, Channel.INBOX, quoted=True)
    consent(installation, SHOP)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.WITHDRAWN, Reason.CONSENT, Reason.CONSENT]


def test_an_opt_out_of_one_topic_is_of_that_topic_everywhere(installation):
    consent(installation, NEWS)
    consent(installation, NEWS, topic="alerts")

    leave(installation, ANNA, Channel.API, topic=1)
    consent(installation, SHOP)
    consent(installation, SHOP, topic="alerts")

    assert reasons(installation, NEWS, SHOP) == [Reason.WITHDRAWN] * 2
    assert reasons(installation, NEWS, SHOP, topic="alerts") == [Reason.CONSENT] * 2


def test_who_clicked_first_and_writes_then_reaches_further_by_writing(installation):
    consent(installation, ANNA, NEWS)
    clicked = click(installation, ANNA)

    written = leave(installation, ANNA)
    consent(installation, SHOP)

    assert not written.repeated, "it covers more than the link did"
    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.WITHDRAWN] * 3
    assert leave(installation, ANNA).repeated
    assert click(installation, ANNA) == replace(clicked, repeated=True)
    assert not leave(installation, NEWS, Channel.API).repeated
    assert leave(installation, NEWS, Channel.OPERATOR).repeated


def test_an_objection_reaches_as_far(installation):
    consent(installation, NEWS)

    with installation.store.begin() as tx:
        opt_out(tx, ANNA, EventKind.OBJECTED, receipt())
    consent(installation, SHOP)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.OBJECTED] * 3


def test_what_a_tagged_form_gets_names_its_origin_and_no_address(installation):
    consent(installation, NEWS)
    origin = leave(installation, ANNA)
    consent(installation, SHOP)

    for address in (NEWS, SHOP):
        with installation.store.read() as tx:
            event = read_event(tx, ask(installation, address)[0].event_id)
        assert (event.kind, event.topic, event.channel) == (EventKind.WITHDRAWN, ALL_TOPICS, Channel.INBOX)
        assert event.facts == {"identified": "sender", "of": str(origin.event_id)}
        assert event.source == "test"
    # What supports it is kept once, with the origin.
    assert rows(installation, "select count(*) from evidence where details like '%please stop%'") == [(1,)]


def test_what_is_inherited_is_received_when_it_is_recorded_and_not_before(installation):
    # A seal covers each day: an event of a day that is sealed would look forged.
    leave(installation, ANNA)
    later = receipt(minutes=60 * 24 * 30)

    with installation.store.begin() as tx:
        append(tx, lock_address(tx, NEWS), later.event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B), Evidence())

    history = next(told for told in events(installation).values() if len(told) == 2)
    assert [event.received_at for event in history] == [later.received_at] * 2
    assert history[0].occurred_at == receipt().received_at


def test_a_repeat_adds_nothing_anywhere(installation):
    consent(installation, NEWS)
    first = leave(installation, ANNA)
    before = rows(installation, "select count(*) from events")

    assert leave(installation, ANNA) == replace(first, repeated=True)

    assert rows(installation, "select count(*) from events") == before


def test_who_came_back_with_a_tag_and_writes_again_leaves_again(installation):
    consent(installation, NEWS)
    leave(installation, ANNA)
    confirm(installation, NEWS)
    assert reasons(installation, NEWS) == [Reason.CONSENT], "their own newer act at our own door"

    assert leave(installation, ANNA).repeated

    assert reasons(installation, NEWS) == [Reason.WITHDRAWN]


def test_a_mail_released_as_forged_is_released_for_every_tagged_form(installation):
    consent(installation, ANNA, NEWS)
    forged = leave(installation, ANNA)
    confirm(installation, NEWS)
    leave(installation, ANNA)  # no new event here, and a second one there
    consent(installation, SHOP)

    released = let_go(installation, forged.event_id)

    assert released.copies == 3
    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.CONSENT] * 3
    assert let_go(installation, forged.event_id) == replace(released, repeated=True, copies=0)
    assert unfolded(installation) == []
    consent(installation, "anna+late@example.com")
    assert reasons(installation, "anna+late@example.com") == [Reason.CONSENT], "what is released is not inherited"


def test_what_a_tagged_form_did_itself_outlives_the_release(installation):
    for first in (True, False):
        address = f"anna+{first}@example.com"
        consent(installation, address)
        if first:
            leave(installation, address)
    forged = leave(installation, ANNA)
    leave(installation, "anna+False@example.com")

    let_go(installation, forged.event_id)

    assert reasons(installation, "anna+True@example.com", "anna+False@example.com") == [Reason.WITHDRAWN] * 2


def test_a_real_opt_out_reaches_a_form_whose_own_was_forged(installation):
    consent(installation, NEWS)
    forged = leave(installation, NEWS)
    leave(installation, ANNA)

    let_go(installation, forged.event_id)

    assert reasons(installation, NEWS) == [Reason.WITHDRAWN]


def test_a_firmer_opt_out_outlives_the_release_of_a_mail_for_all_forms(installation):
    consent(installation, NEWS)
    forged = leave(installation, ANNA)
    leave(installation, ANNA, Channel.API)

    let_go(installation, forged.event_id)
    consent(installation, SHOP)

    assert reasons(installation, ANNA, NEWS, SHOP) == [Reason.WITHDRAWN] * 3


def test_what_was_told_by_a_sender_is_released_for_no_form(installation):
    leave(installation, ANNA, Channel.API)
    consent(installation, NEWS)

    copied = ask(installation, NEWS)[0].event_id

    with pytest.raises(Exception, match="Nobody may"):
        let_go(installation, copied)


def test_who_confirmed_that_topic_since_hands_nothing_down(installation):
    leave(installation, ANNA, topic=1)
    confirm(installation, ANNA)

    consent(installation, NEWS)

    assert reasons(installation, ANNA, NEWS) == [Reason.CONSENT] * 2


def test_all_forms_are_reached_however_many(installation):
    forms = [f"anna+{number}@example.com" for number in range(70)]
    consent(installation, *forms)

    leave(installation, ANNA)

    assert set(reasons(installation, *forms)) == {Reason.WITHDRAWN}


def test_forms_are_reached_at_every_point_of_a_rotation(house):
    forms = [f"anna+{number}@example.com" for number in range(12)]
    with house.opened() as here, house.opened() as other:
        consent(here, *forms)
        generation = begin_digest_rotation(here.store)

        early = leave(other, ANNA)
        consent(other, NEWS)
        with pytest.raises(KeyMissing):
            let_go(here, early.event_id)
        assert set(reasons(here, *forms, NEWS)) == {Reason.WITHDRAWN}
        list(move_recipients(here.store, generation))

        assert let_go(other, early.event_id).copies == 13
        assert set(reasons(other, *forms, NEWS)) == {Reason.CONSENT}
        leave(other, ANNA)
        assert set(reasons(here, *forms, NEWS)) == {Reason.WITHDRAWN}
        assert unfolded(here) == []


def test_an_opt_out_and_a_new_tagged_form_at_the_same_moment_never_miss_each_other(house):
    faults = []

    def at_once(here, works):
        gate = threading.Barrier(len(works), timeout=60)

        def run(work):
            gate.wait()
            for _ in range(20):
                try:
                    with here.store.begin() as tx:
                        work(tx)
                    return
                except StorageUnavailable:
                    continue  # two who met in reverse order: one is sent back, and comes again
            faults.append(work)

        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    given = receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B)
    with house.opened() as here:
        plain = [f"anna{number}@example.com" for number in range(15)]
        forms = [f"{address.partition('@')[0]}+{tag}@example.com" for address in plain for tag in "ab"]
        for place, address in enumerate(plain):
            if place % 3 == 0:
                consent(here, forms[2 * place])  # one form, and so the plain address's row, is known before
            first, second = forms[2 * place : 2 * place + 2]
            at_once(
                here,
                [
                    lambda tx, a=address: withdraw(tx, a, receipt(Channel.INBOX)),
                    lambda tx, a=first: append(tx, lock_address(tx, a), given, Evidence()),
                    lambda tx, a=second: append(tx, lock_address(tx, a), given, Evidence()),
                    lambda tx, a=address: withdraw(tx, a, receipt(Channel.API)),
                ],
            )

        assert faults == []
        assert set(reasons(here, *plain, *forms)) == {Reason.WITHDRAWN}
        assert unfolded(here) == []
