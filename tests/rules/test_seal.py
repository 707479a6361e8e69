"""Seals: what is signed, what follows from it, and how they are written down elsewhere."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.errors import Refused
from mailconsent.model import LegalBasis, UnsubscribeClaim
from mailconsent.seal import NO_SEAL, Seal, hash_of, is_signed, read_seal, sign, write_seal
from mailconsent.tokens import TokenSigner

KEYS = (b"k" * 32, b"l" * 32)
UNSIGNED = Seal(number=1, day=date(2026, 3, 1), count=3, root=b"r" * 32, previous=NO_SEAL, key=1)
SEAL = replace(UNSIGNED, signature=sign(UNSIGNED, KEYS))
CHANGES = {
    "number": 2,
    "day": date(2026, 3, 2),
    "count": 4,
    "root": b"s" * 32,
    "previous": b"p" * 32,
    "key": 2,
    "signature": "A" * 43,
}


def test_a_signed_seal_is_signed():
    assert is_signed(SEAL, KEYS)


@pytest.mark.parametrize("name", Seal.__dataclass_fields__)
def test_whatever_is_changed_in_a_seal_breaks_its_signature_and_its_hash(name):
    changed = replace(SEAL, **{name: CHANGES[name]})

    assert not is_signed(changed, KEYS)
    assert hash_of(changed) != hash_of(SEAL)


def test_a_seal_of_an_older_key_is_signed_for_good():
    newer = replace(UNSIGNED, key=2)

    assert is_signed(SEAL, (*KEYS, b"m" * 32))
    assert is_signed(replace(newer, signature=sign(newer, KEYS)), KEYS)
    assert sign(newer, KEYS) != SEAL.signature


@pytest.mark.parametrize("key", [-1, 0, 3])
def test_a_key_that_is_not_there_signed_nothing(key):
    assert not is_signed(replace(SEAL, key=key), KEYS)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "=", "A" * 1000])
def test_what_is_no_signature_at_all_signs_nothing(signature):
    assert not is_signed(replace(SEAL, signature=signature), KEYS)


def test_the_signature_of_a_token_is_none_of_a_seal():
    claim = UnsubscribeClaim(digest=b"d" * 16, generation=1, topic=1, basis=LegalBasis.CONSENT)

    assert not is_signed(replace(SEAL, signature=TokenSigner(KEYS).sign(claim)), KEYS)


def test_a_seal_is_written_in_one_way():
    """Exports are kept for years: what is written must be readable by later versions."""
    assert write_seal(replace(SEAL, signature="sig")) == (
        '{"count":3,"day":"2026-03-01","key":1,"number":1,'
        f'"previous":"{"00" * 32}","root":"{"72" * 32}","signature":"sig"}}'
    )


@given(
    st.builds(
        Seal,
        number=st.integers(),
        day=st.dates(),
        count=st.integers(),
        root=st.binary(),
        previous=st.binary(),
        key=st.integers(),
        signature=st.text(st.characters(codec="ascii")),
    )
)
def test_a_seal_reads_as_it_was_written(seal):
    line = write_seal(seal)

    assert read_seal(line) == seal
    assert "\n" not in line


WRITTEN = write_seal(SEAL)
BROKEN = {
    "empty": "",
    "no JSON": "anna@example.com",
    "no object": "[1]",
    "a text": '"seal"',
    "cut off": WRITTEN[:-9],
    "a field short": WRITTEN.replace('"key":1,', ""),
    "no number": WRITTEN.replace('"number":1', '"number":"1"'),
    "a broken number": WRITTEN.replace('"number":1', '"number":1.5'),
    "true": WRITTEN.replace('"number":1', '"number":true'),
    "no day": WRITTEN.replace("2026-03-01", "yesterday"),
    "no hex": WRITTEN.replace("72" * 32, "zz"),
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN.keys())
def test_a_line_that_is_no_seal_is_refused_and_not_repeated(line):
    with pytest.raises(Refused) as refusal:
        read_seal(line)

    assert str(refusal.value) == "not a seal"
