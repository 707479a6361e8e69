"""Requests of people about their data: taken down, identified, put off once, answered. On both databases."""

from datetime import date

import pytest
from sqlalchemy import text

from mailconsent.errors import Refused
from mailconsent.rights import Answer, Delay, Right
from mailconsent.services import requests
from tests.cast import ANNA, BO
from tests.houses import consent

RECEIVED, TODAY = date(2026, 3, 2), date(2026, 3, 10)


def added(store, kind=Right.ACCESS, received=RECEIVED, **more):
    with store.begin() as tx:
        return requests.add(tx, kind, received, today=TODAY, **more)


def do(store, act, *arguments, today=TODAY, **more):
    with store.begin() as tx:
        return act(tx, *arguments, today=today, **more)


def waiting(store):
    with store.read() as tx:
        return requests.waiting(tx)


def test_what_waits_is_listed_with_the_oldest_first(store):
    late = added(store, received=date(2026, 3, 9))
    early = added(store, Right.ERASURE, received=date(2026, 3, 1))

    assert list(waiting(store)) == [early, late]


def test_a_request_names_the_person_by_number_only_and_makes_nobody(installation):
    consent(installation, ANNA)

    known = added(installation.store, address=ANNA.upper())
    unknown = added(installation.store, address=BO)

    assert known.recipient_id is not None
    assert (unknown.recipient_id, unknown.identified_on) == (None, TODAY)
    with installation.store.read() as tx:
        assert tx.connection.execute(text("select count(*) from recipients")).scalar_one() == 1
        rows = tx.connection.execute(text("select * from rights_requests")).all()
    assert "example" not in repr(rows)


def test_a_request_that_came_before_its_person_was_known_can_be_linked_later(installation):
    consent(installation, ANNA)
    request = added(installation.store)

    linked = do(installation.store, requests.identify, request.id, address=ANNA)

    assert (linked.identified_on, linked.received_on, linked.due_on) == (TODAY, RECEIVED, request.due_on)
    assert linked.recipient_id is not None


def test_an_answer_may_be_put_off_once_and_only_within_the_first_month(store):
    request, other = added(store), added(store)

    put_off = do(store, requests.extend, request.id, Delay.COMPLEXITY, today=date(2026, 4, 2))

    assert put_off.due_on == date(2026, 6, 2)
    with pytest.raises(Refused, match="only once"):
        do(store, requests.extend, request.id, Delay.NUMBER)
    with pytest.raises(Refused, match="within the first month"):
        do(store, requests.extend, other.id, Delay.NUMBER, today=date(2026, 4, 3))


def test_an_answered_request_waits_no_longer_and_is_not_answered_twice(store):
    request = added(store)

    do(store, requests.answer, request.id, Answer.NOTHING_HELD)

    assert not waiting(store)
    with pytest.raises(Refused, match="answered already"):
        do(store, requests.answer, request.id, Answer.FULFILLED)


def test_to_answer_another_right_than_was_asked_for_is_refused(store):
    request = added(store, Right.ERASURE)

    with pytest.raises(Refused, match="for erasure, not for access"):
        do(store, requests.answer, request.id, Answer.FULFILLED, kind=Right.ACCESS)


def test_what_is_not_there_and_what_has_not_come_is_refused(store):
    with pytest.raises(Refused, match="no request of this id"):
        do(store, requests.answer, "no such", Answer.FULFILLED)
    with pytest.raises(Refused, match="future"):
        added(store, received=date(2026, 3, 11))
