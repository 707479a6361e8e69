"""The canonical form of addresses and their digests (design 5.1)."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailconsent.address import DIGEST_SIZE, Digester, domain_of, match_key, tagless_key, validated
from mailconsent.errors import InvalidAddress

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "addresses.toml").read_text("utf-8"))
KEYS = (b"1" * 32, b"2" * 32, b"3" * 64)
#: Text with an @ and what is near it more often than chance would have it; lone surrogates too, since mail has them.
TEXT = st.text(st.one_of(st.sampled_from("@@@..。． +aAİßΣ\u0308ü"), st.characters(exclude_categories=())), max_size=30)
ASCII = st.text(st.characters(codec="ascii"), max_size=30)
LOCAL = st.text(st.sampled_from("abcXYZ019.+-_"), min_size=1, max_size=12)
DOMAIN = st.text(st.sampled_from("abcXYZ019-"), min_size=1, max_size=12).map(lambda label: f"{label}.example")
DIGESTS = st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE)


def key_or_none(text):
    try:
        return match_key(text)
    except InvalidAddress:
        return None


@pytest.mark.parametrize("pair", VECTORS["same"]["pairs"], ids=lambda pair: ascii(pair["other"]))
def test_two_spellings_of_one_address_have_one_key(pair):
    assert match_key(pair["one"]) == match_key(pair["other"]), pair["why"]


@pytest.mark.parametrize("pair", VECTORS["different"]["pairs"], ids=lambda pair: ascii(pair["other"]))
def test_two_addresses_have_two_keys(pair):
    assert match_key(pair["one"]) != match_key(pair["other"]), pair["why"]


@pytest.mark.parametrize("entry", VECTORS["no_key"]["texts"], ids=lambda entry: ascii(entry["text"]))
def test_what_has_nothing_on_both_sides_of_an_at_has_no_key(entry):
    assert key_or_none(entry["text"]) is None, entry["why"]
    assert Digester(KEYS).digests([entry["text"]], 2) == [None], entry["why"]


@given(TEXT)
@example("a@İ\u0323.example")
@example("a@\u1e9b\u0323")
def test_the_key_of_a_key_is_itself(text):
    key = key_or_none(text)

    if key is not None:
        assert match_key(key) == key


@given(LOCAL, DOMAIN)
def test_letter_case_and_blanks_around_do_not_matter(local, domain):
    key = match_key(f"{local}@{domain}")

    assert key == match_key(f"{local.upper()}@{domain.upper()}") == match_key(f"\t{local.lower()}@{domain.lower()}. ")


@given(ASCII)
def test_letter_case_does_not_matter_in_any_ascii_text(text):
    assert key_or_none(text.upper()) == key_or_none(text.lower())


@given(st.lists(st.one_of(TEXT, ASCII), max_size=5), st.integers(1, 3))
def test_digests_in_bulk_are_the_digests_of_each(texts, generation):
    digester = Digester(KEYS)
    keys = [key_or_none(text) for text in texts]

    bulk = digester.digests(texts, generation)

    assert bulk == [None if key is None else digester.digest(key, generation) for key in keys]


@given(TEXT, st.tuples(*[st.integers(0, 3)] * 3).map(sorted))
def test_a_digest_can_be_lifted_in_any_number_of_steps(text, generations):
    first, middle, last = generations
    digester = Digester(KEYS)
    digest = digester.nest(text.encode("utf-8", "surrogatepass"), 0, first)

    assert digester.nest(digest, first, last) == digester.nest(digester.nest(digest, first, middle), middle, last)


@given(DIGESTS, st.integers(0, 3))
def test_lifting_to_the_same_generation_changes_nothing(digest, generation):
    assert Digester(KEYS).nest(digest, generation, generation) == digest


@given(DOMAIN)
def test_a_digest_of_one_generation_is_told_by_no_other(domain):
    key = match_key(f"anna@{domain}")
    made = [Digester(KEYS).digest(key, generation) for generation in (1, 2, 3)]

    assert len(set(made)) == 3
    assert {len(digest) for digest in made} == {DIGEST_SIZE}
    assert all(Digester(KEYS).nest(one, place, place + 1) == two for place, (one, two) in enumerate(pairwise(made), 1))


def test_a_longer_chain_of_keys_makes_the_same_older_generations():
    old, new = Digester(KEYS[:2]), Digester(KEYS)

    assert (old.generations, new.generations) == (2, 3)
    assert [old.digest("anna@example.com", n) for n in (1, 2)] == [new.digest("anna@example.com", n) for n in (1, 2)]


def test_digests_are_keyed():
    assert Digester(KEYS[:1]).digest("anna@example.com", 1) != Digester(KEYS[1:]).digest("anna@example.com", 1)


def test_the_digest_of_an_address_never_changes():
    # Stored digests outlive every release: this one must come out for ever.
    assert Digester(KEYS).digest("anna@example.com", 1).hex() == "cba7e0a643ada4118fc35e4db1ce61f5"
    assert Digester(KEYS).digest("anna@example.com", 3).hex() == "2710a23a45c7af1193e062040597a3e2"


@pytest.mark.parametrize(
    ("key", "tagless", "why"),
    [
        ("anna+news@example.com", "anna@example.com", "the tag goes"),
        ("anna@example.com", "anna@example.com", "no tag"),
        ("anna+a+b@example.com", "anna@example.com", "the first plus begins it"),
        ("anna+@example.com", "anna@example.com", "an empty tag"),
        ("+anna@example.com", "+anna@example.com", "without its name there would be nobody"),
        ("a@b+c@example.com", "a@b@example.com", "the last @ parts name and domain"),
    ],
)
def test_the_tag_begins_at_the_first_plus(key, tagless, why):
    assert tagless_key(key) == tagless, why


@pytest.mark.parametrize(
    ("key", "domain"), [("anna@example.com", "example.com"), ("a@b@example.net", "example.net")], ids=["one", "two"]
)
def test_the_domain_is_what_follows_the_last_at(key, domain):
    assert domain_of(key) == domain


@given(TEXT)
def test_a_tagless_key_is_a_key(text):
    key = key_or_none(text)

    if key is not None:
        assert tagless_key(tagless_key(key)) == tagless_key(key)
        assert domain_of(tagless_key(key)) == domain_of(key)


@pytest.mark.parametrize(
    "text",
    ["anna@example.com", "Anna.Smith+news@Example.com", "sørensen@example.com", "bo@bücher.de", "o'brien@example.org"],
)
def test_mail_goes_to_the_address_as_given(text):
    assert validated(f" {text} ") == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("anna", "no domain"),
        ("anna@example", "no such domain can be reached from outside"),
        ("anna smith@example.com", "a blank"),
        ("anna@exa mple.com", "a blank"),
        ("anna@example.com\nbcc: bo@example.com", "a header of one's own"),
        ("anna@example.com\x00", "a NUL, which PostgreSQL does not store"),
        ("Anna <anna@example.com>", "a name beside it"),
        ("anna@[127.0.0.1]", "an address literal"),
        ("anna..b@example.com", "two dots"),
        (".anna@example.com", "a dot first"),
        ("a" * 65 + "@example.com", "RFC 5321 section 4.5.3.1.1: 64 octets"),
        ("anna@localhost", "nobody's mail goes there"),
        ("anna@example.com, bo@example.com", "two people"),
    ],
)
def test_a_new_consent_needs_a_valid_address(text, why):
    with pytest.raises(InvalidAddress) as refusal:
        validated(text)

    assert str(refusal.value) == "This is not an e-mail address.", why


def test_a_refusal_never_repeats_the_address():
    with pytest.raises(InvalidAddress) as refusal:
        match_key("anna.smith.example.com")

    assert "anna" not in str(refusal.value)
