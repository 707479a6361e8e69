"""Erasure: what identifies a person goes, what protects them stays. On both databases."""

import threading
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailconsent.errors import Refused
from mailconsent.model import Channel, EventKind, Evidence, Grade, Reason
from mailconsent.rights import Answer, Right
from mailconsent.services import requests
from mailconsent.services.access import read_dossier
from mailconsent.services.erasure import erase
from mailconsent.services.holds import place_hold
from mailconsent.services.operators import release, suppress
from mailconsent.services.rebuild import rebuild_all
from mailconsent.services.recipients import unsubscribe
from mailconsent.services.rights import object_to_marketing, restrict
from mailconsent.services.sealing import seal_days
from mailconsent.store.holds import HoldReason
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, NOW, receipt
from tests.histories import history, notations
from tests.houses import PATIENCE, ask, consent, events, rows, token_for, unfolded
from tests.ledgers import DAY, after, verify
from tests.people import HOSTILE, SECRETS, UNCLEAR, deliver, everything, live_through

TOPICS = ("blog", "alerts", "industry", "orders")


def erased(here, address=ANNA, *, minutes=60, **more):
    with here.store.begin() as tx:
        return erase(tx, address, replace(receipt(minutes=minutes), evidence=Evidence()), **more)


def wholly(here, address=ANNA, **more):
    return erased(here, address, digest=True, told=True, **more)


def decisions(here, address=ANNA):
    return {topic: ask(here, address, topic=topic)[0] for topic in TOPICS}


def allowed(here, address=ANNA):
    return {topic for topic, decision in decisions(here, address).items() if decision.allowed}


@pytest.mark.parametrize("how", [erased, wholly], ids=["plain", "digest too"])
def test_after_an_erasure_no_table_holds_anything_that_identifies_the_person(installation, how):
    live_through(installation, ANNA)
    before = everything(installation)
    assert all(secret in before for secret in (ANNA, *SECRETS)), "or there would be nothing to find"

    how(installation)

    left = everything(installation)
    assert not [told for told in (ANNA, "anna", "Anna", HOSTILE[:12], *SECRETS) if told in left]


def test_what_belongs_to_others_stays(installation):
    live_through(installation, BO, uid=11)
    before = read(installation, BO)
    live_through(installation, ANNA)

    erased(installation)

    assert read(installation, BO) == before


def read(here, address):
    with here.store.read() as tx:
        return read_dossier(tx, here.rules.policy, address, now=NOW)


def test_the_receipt_says_what_went_and_what_stays_and_why_and_names_nobody(installation):
    live_through(installation, ANNA)

    receipt_given = erased(installation)

    assert (receipt_given.identity, receipt_given.evidence, receipt_given.messages) == (True, 5, 2)
    assert any("fingerprint" in kept.what and "21(3)" in kept.ground for kept in receipt_given.kept)
    assert ANNA not in repr((receipt_given, receipt_given.removed, receipt_given.kept))


def test_with_the_proof_of_a_consent_ends_the_consent(installation):
    consent(installation, ANNA)

    receipt_given = erased(installation)

    assert allowed(installation) == {"orders"}
    decision = decisions(installation)["blog"]
    assert (decision.reason, decision.event_id) == (Reason.OBJECTED, receipt_given.ended_by)


def test_an_erased_address_is_known_again_when_it_turns_up(installation):
    consent(installation, ANNA)
    erased(installation)

    consent(installation, ANNA)

    assert allowed(installation) == {"orders"}, "what others assert lifts no opt-out"
    assert len(events(installation)) == 1


def test_the_persons_own_confirmed_consent_counts_after_an_erasure(installation):
    consent(installation, ANNA)
    erased(installation)

    with installation.store.begin() as tx:
        event = receipt(minutes=90).event(EventKind.CONSENT_GIVEN, 1, grade=Grade.A)
        append(tx, lock_address(tx, ANNA), event, receipt().evidence)

    assert allowed(installation) == {"blog", "orders"}


def test_an_erasure_ends_marketing_to_the_tagged_forms_and_erases_nothing_of_them(installation):
    tagged = "anna+news@example.com"
    consent(installation, ANNA, tagged)

    erased(installation)

    assert allowed(installation, tagged) == {"orders"}
    assert read(installation, tagged).address == tagged


@pytest.mark.parametrize("digest", [False, True], ids=["plain", "digest too"])
def test_a_legal_hold_keeps_the_records_and_marketing_ends_all_the_same(installation, digest):
    live_through(installation, ANNA)
    with installation.store.begin() as tx:
        place_hold(
            tx,
            installation.rules.policy,
            address=ANNA,
            claim=None,
            reason=HoldReason.LEGAL_CLAIM,
            review_by=date(2026, 6, 1),
            now=NOW,
        )
    before = read(installation, ANNA)

    answer = erased(installation, digest=digest, told=True)

    after_it = read(installation, ANNA)
    assert (answer.held, answer.removed, answer.kept[0].ground) == (True, [], "GDPR Article 17(3)(e)")
    assert after_it.happenings[:-1] == before.happenings
    assert after_it.messages == before.messages
    assert decisions(installation)["blog"].event_id == answer.ended_by


def test_a_second_erasure_adds_no_event_and_removes_what_has_come_since(installation):
    consent(installation, ANNA)
    first = erased(installation)
    second = erased(installation)

    assert second.ended_by == first.ended_by
    assert (second.identity, second.evidence) == (False, 0)
    assert rows(installation, "select count(*) from erasures") == [(2,)]


def test_of_somebody_unknown_there_is_nothing_to_erase_and_nobody_is_made(installation):
    assert erased(installation, BO) is None
    assert rows(installation, "select count(*) from recipients") == [(0,)]


def test_a_request_to_stop_that_no_human_has_read_is_not_lost_with_its_mail(installation):
    deliver(installation, ANNA, UNCLEAR, uid=1)

    receipt_given = erased(installation)

    assert receipt_given.messages == 1
    assert decisions(installation)["blog"].reason is Reason.OBJECTED
    assert rows(installation, "select state from inbound_messages") == [("done",)]


def test_the_digest_goes_only_when_the_person_was_told_what_follows(installation):
    consent(installation, ANNA)

    with pytest.raises(Refused, match="Tell the person first"):
        erased(installation, digest=True)

    assert "blog" in allowed(installation), "a refused erasure changes nothing"


def test_without_the_digest_nothing_finds_the_person_again(installation):
    live_through(installation, ANNA)

    receipt_given = wholly(installation)

    assert receipt_given.events == 5
    assert read(installation, ANNA).is_empty
    for table in ("recipients", "events", "evidence", "questions", "standings", "sales", "sends"):
        assert rows(installation, f"select count(*) from {table}") == [(0,)]
    consent(installation, ANNA)
    assert "blog" in allowed(installation), "as the person was told"


def test_the_record_of_an_erasure_says_who_ran_it_and_when_and_of_whom_a_number_alone(installation):
    live_through(installation, ANNA)
    wholly(installation)

    [(_, _, _, source, evidence, messages, gone)] = rows(installation, "select * from erasures")

    assert (source, evidence, messages, gone) == ("test", 5, 2, 5)


@pytest.mark.parametrize("how", [erased, wholly], ids=["plain", "digest too"])
def test_the_ledger_verifies_and_the_standings_add_up_after_an_erasure(installation, how):
    live_through(installation, ANNA)
    consent(installation, BO)
    seal_days(installation.store, now=after(1))

    how(installation, minutes=2 * DAY)
    seal_days(installation.store, now=after(3))

    assert verify(installation.store).fault is None
    assert unfolded(installation) == []
    assert [mended for _, mended in rebuild_all(installation.store)][-1:] in ([0], [])
    assert "blog" in allowed(installation, BO)


@pytest.mark.parametrize("how", [erased, wholly], ids=["plain", "digest too"])
def test_a_link_works_after_an_erasure_and_its_opt_out_counts(installation, how):
    consent(installation, ANNA)
    claim = installation.store.keyring.read_token(token_for(installation, ANNA))
    how(installation)

    with installation.store.begin() as tx:
        unsubscribe(tx, claim, receipt(minutes=90))
    consent(installation, ANNA)

    assert allowed(installation) == {"orders"}
    assert unfolded(installation) == []


@pytest.mark.parametrize("digest", [False, True], ids=["plain", "digest too"])
def test_an_erasure_that_is_broken_off_changed_nothing(installation, digest):
    live_through(installation, ANNA)
    before = everything(installation)

    class Killed(Exception):
        pass

    def killed_before_the_commit():
        with installation.store.begin() as tx:
            erase(tx, ANNA, receipt(minutes=60), digest=digest, told=True)
            raise Killed

    with pytest.raises(Killed):
        killed_before_the_commit()

    assert everything(installation) == before


def test_an_erasure_and_acts_at_the_same_moment_come_out_as_one_after_the_other(installation):
    consent(installation, ANNA)
    claim = installation.store.keyring.read_token(token_for(installation, ANNA))
    gate = threading.Barrier(2, timeout=PATIENCE)
    faults = []

    def repeat(act):
        try:
            for _ in range(10):
                gate.wait()
                act()
        except Exception as fault:  # noqa: BLE001 - told below
            faults.append(fault)
            gate.abort()

    def click():
        with installation.store.begin() as tx:
            unsubscribe(tx, claim, receipt(minutes=90))

    threads = [threading.Thread(target=repeat, args=(act,)) for act in (click, lambda: wholly(installation))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert unfolded(installation) == []
    assert allowed(installation) == {"orders"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(notation=notations(sales=True, max_size=8), number=st.integers(0, 2**40))
def test_after_an_erasure_nobody_is_more_mailable_than_before(installation, notation, number):
    address = f"person-{number}@example.com"
    with installation.store.begin() as tx:
        for event in history(notation):
            append(tx, lock_address(tx, address), event, receipt().evidence)
    before = allowed(installation, address)

    erased(installation, address)

    assert allowed(installation, address) <= before - {"blog", "alerts", "industry"}
    assert unfolded(installation) == []


def test_a_restriction_stops_marketing_deletes_nothing_and_stands_once(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        first, second = (restrict(tx, ANNA, receipt(minutes=minutes)) for minutes in (1, 2))

    assert (first.repeated, second.repeated, first.event_id) == (False, True, second.event_id)
    assert decisions(installation)["blog"].reason is Reason.SUPPRESSED
    assert read(installation, ANNA).address == ANNA
    assert read(installation, ANNA).happenings[0].evidence


def test_a_block_beside_a_restriction_stands_when_the_restriction_is_released(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        restricted = restrict(tx, ANNA, receipt())
        blocked = suppress(tx, ANNA, receipt(minutes=1))
        release(tx, restricted.event_id, receipt(Channel.OPERATOR, minutes=2), reason="told the person")

    assert not blocked.repeated
    assert decisions(installation)["blog"].event_id == blocked.event_id


def test_an_objection_ends_all_marketing_and_is_kept_of_somebody_unknown_too(installation):
    with installation.store.begin() as tx:
        object_to_marketing(tx, ANNA, receipt())
    consent(installation, ANNA)

    assert allowed(installation) == {"orders"}
    assert decisions(installation)["blog"].reason is Reason.OBJECTED


def test_a_request_that_was_linked_is_linked_to_nobody_when_the_digest_goes(installation):
    consent(installation, ANNA)
    day = date(2026, 3, 2)
    with installation.store.begin() as tx:
        request = requests.add(tx, Right.ERASURE, day, today=day, address=ANNA)

    wholly(installation)
    with installation.store.begin() as tx:
        done = requests.answer(tx, request.id, Answer.FULFILLED, today=day, kind=Right.ERASURE)

    assert done.recipient_id is None
