"""Leaf hashes and roots: known values, and the laws that tamper evidence rests on."""

import hashlib
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.merkle import HASH_SIZE, canonical, event_leaf, leaf_hash, root

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "merkle.toml").read_text("utf-8"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

hashes = st.binary(min_size=HASH_SIZE, max_size=HASH_SIZE)
sets = st.sets(hashes, max_size=40)
values = st.none() | st.integers() | st.text(st.characters(codec="utf-8")) | st.floats() | st.binary()
fields = st.dictionaries(st.text(st.characters(codec="utf-8")), values, max_size=6)


def total(leaves):
    return root(sorted(leaves))


def by_definition(leaves):
    """RFC 9162 section 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("case", VECTORS["roots"], ids=lambda case: case["why"])
def test_the_tree_is_the_one_of_the_standard(case):
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]

    assert root(leaves[: case["count"]]).hex() == case["root"]


@given(st.lists(hashes, max_size=70))
def test_a_root_is_what_the_definition_says(leaves):
    assert root(iter(leaves)) == by_definition(leaves)


@given(sets.flatmap(lambda leaves: st.permutations(sorted(leaves))))
def test_the_order_in_which_events_are_found_does_not_matter(leaves):
    assert total(leaves) == total(reversed(leaves)) == total(set(leaves))


@given(sets, hashes)
def test_an_added_leaf_changes_the_root(leaves, other):
    assert (total(leaves | {other}) == total(leaves)) == (other in leaves)


@given(sets.filter(bool), st.data())
def test_a_removed_leaf_changes_the_root(leaves, data):
    gone = data.draw(st.sampled_from(sorted(leaves)))

    assert total(leaves - {gone}) != total(leaves)


@given(sets.filter(bool), hashes, st.data())
def test_a_changed_leaf_changes_the_root(leaves, other, data):
    gone = data.draw(st.sampled_from(sorted(leaves)))

    changed = leaves - {gone} | {other}
    assert (total(changed) == total(leaves)) == (changed == leaves)


@given(hashes, hashes)
def test_a_node_cannot_pass_for_a_leaf(left, right):
    assert leaf_hash(left + right) != root([left, right])


def test_a_leaf_hash_never_changes_from_one_version_to_the_next():
    told = {"recipient_id": 255, "seq": 1, "kind": "withdrawn", "topic": 0, "received_at": NOON, "grade": None}
    written = (
        b'{"kind":"withdrawn","received_at":"2026-03-02T12:00:00.000000+00:00","recipient_id":255,"seq":1,"topic":0}'
    )

    assert canonical(told) == written
    assert event_leaf(b"0123456789abcdef", told) == hashlib.sha256(b"\x000123456789abcdef" + written).digest()


def test_one_moment_is_written_in_one_way():
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert canonical({"at": there}) == canonical({"at": NOON})


@given(fields, fields)
def test_other_fields_have_another_leaf_hash(one, other):
    def said(given):
        return {name: repr(value) for name, value in given.items() if value is not None}

    same = event_leaf(bytes(16), one) == event_leaf(bytes(16), other)
    assert same == (said(one) == said(other))


@given(fields)
def test_a_field_without_a_value_changes_nothing(given_fields):
    without = {name: value for name, value in given_fields.items() if value is not None}

    assert event_leaf(bytes(16), given_fields) == event_leaf(bytes(16), without)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), fields)
def test_whoever_guesses_the_fields_needs_the_nonce_too(nonce, other, given_fields):
    assert (event_leaf(nonce, given_fields) == event_leaf(other, given_fields)) == (nonce == other)
