"""Standings in bulk: what a check of a million addresses reads, on both databases."""

import hashlib

import pytest

from mailconsent.model import ALL_TOPICS, Standing
from mailconsent.store.standings import CHUNK, read_all, read_standings, replace_all, save

DENIED = Standing(recipient_id=1, failure=None, denial="withdrawn", denial_event=1, consent=None, grade=None)
GRANTED = Standing(recipient_id=2, failure=None, denial=None, denial_event=None, consent=2, grade="A")
FULL = Standing(
    recipient_id=2**63 - 1, failure=2**31 - 1, denial="permanent_failure", denial_event=3, consent=4, grade="B"
)


def digest(number):
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def keep(store, rows):
    with store.begin() as tx:
        for key, standings in rows.items():
            save(tx, key, standings)


def read(store, digests, topic):
    with store.read() as tx:
        return read_standings(tx, digests, topic)


def test_nothing_asked_nothing_found(store):
    assert read(store, [], 1) == {}


def test_who_is_unknown_has_no_standing(store):
    keep(store, {digest(1): {1: DENIED}})

    assert read(store, [digest(2)], 1) == {}


def test_every_field_comes_back(store):
    keep(store, {digest(1): {1: FULL, 2: DENIED, ALL_TOPICS: GRANTED}})

    assert read(store, [digest(1)], 1) == {digest(1): FULL}


def test_a_topics_own_row_wins_over_the_row_of_all(store):
    # In either order of writing, and for both orders in which a database may hand out the rows.
    keep(store, {digest(1): {ALL_TOPICS: DENIED, 1: GRANTED}, digest(2): {1: GRANTED, ALL_TOPICS: DENIED}})
    both = [digest(1), digest(2)]

    assert read(store, both, 1) == dict.fromkeys(both, GRANTED)
    assert read(store, both, 2) == dict.fromkeys(both, DENIED)
    assert read(store, both, ALL_TOPICS) == dict.fromkeys(both, DENIED)


def test_another_topics_row_answers_nothing(store):
    keep(store, {digest(1): {2: DENIED}})

    assert read(store, [digest(1)], 1) == {}


def test_who_is_asked_for_twice_is_found_once(store):
    keep(store, {digest(1): {1: DENIED}})

    assert read(store, [digest(1), digest(2), digest(1)], 1) == {digest(1): DENIED}


@pytest.mark.parametrize("count", [10_000, CHUNK + 1])
def test_many_are_found_at_once_each_with_their_own(store, count):
    with store.begin() as tx:
        for number in range(0, 3000, 3):
            save(tx, digest(number), {1: DENIED._replace(recipient_id=number)})
        for number in range(1, 3000, 3):
            save(tx, digest(number), {ALL_TOPICS: GRANTED._replace(recipient_id=number)})
        for number in range(2, 3000, 3):
            save(tx, digest(number), {2: DENIED})

    found = read(store, [digest(number) for number in range(count)], 1)

    assert {key: standing.recipient_id for key, standing in found.items()} == {
        digest(number): number for number in range(3000) if number % 3 != 2
    }


def test_bytes_that_mean_something_elsewhere_are_only_bytes(store):
    odd = [bytes(16), b"\xff" * 16, b"'" * 16, b"\\x" * 8, b"{},{},\x00\x00{},{},\x00\x00", b"%b" * 8, b"\r\n" * 8]
    keep(store, {key: {1: DENIED} for key in odd})

    assert read(store, odd, 1) == dict.fromkeys(odd, DENIED)


def test_saving_again_replaces_the_rows_given_and_no_others(store):
    keep(store, {digest(1): {1: DENIED, 2: DENIED}, digest(2): {1: DENIED}})

    keep(store, {digest(1): {1: GRANTED, 3: FULL}})

    with store.read() as tx:
        assert read_all(tx, digest(1)) == {1: GRANTED, 2: DENIED, 3: FULL}
        assert read_all(tx, digest(2)) == {1: DENIED}


def test_saving_nothing_changes_nothing(store):
    keep(store, {digest(1): {1: DENIED}})

    keep(store, {digest(1): {}})

    assert read(store, [digest(1)], 1) == {digest(1): DENIED}


def test_replacing_all_leaves_only_what_is_given(store):
    keep(store, {digest(1): {1: DENIED, 2: DENIED}, digest(2): {1: DENIED}})

    with store.begin() as tx:
        replace_all(tx, digest(1), {3: GRANTED})

    with store.read() as tx:
        assert (read_all(tx, digest(1)), read_all(tx, digest(2))) == ({3: GRANTED}, {1: DENIED})


def test_a_reader_sees_one_moment(store):
    keep(store, {digest(1): {1: DENIED}})

    with store.read() as tx:
        before = read_standings(tx, [digest(1)], 1)
        keep(store, {digest(1): {1: GRANTED}})
        after = read_standings(tx, [digest(1)], 1)

    assert before == after == {digest(1): DENIED}
    assert read(store, [digest(1)], 1) == {digest(1): GRANTED}
