"""The keys of domains, and which domains an address is under (design 5.1)."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.address import Digester, domain_key, domain_of, domains_over, match_key
from mailconsent.errors import InvalidAddress, InvalidDomain
from mailconsent.shared_domains import SHARED_DOMAINS

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "domains.toml").read_text("utf-8"))
TEXT = st.text(st.one_of(st.sampled_from("@..。． +aAİßü*"), st.characters(exclude_categories=())), max_size=30)
ADDRESS = TEXT.map(lambda text: f"anna@{text}.example.com")


def key_or_none(text):
    try:
        return domain_key(text)
    except InvalidDomain:
        return None


@pytest.mark.parametrize("pair", VECTORS["same"]["pairs"], ids=lambda pair: ascii(pair["other"]))
def test_two_spellings_of_one_domain_have_one_key(pair):
    assert domain_key(pair["one"]) == domain_key(pair["other"]), pair["why"]


@pytest.mark.parametrize("entry", VECTORS["none"]["texts"], ids=lambda entry: ascii(entry["text"]))
def test_what_is_no_domain_has_no_key(entry):
    assert key_or_none(entry["text"]) is None, entry["why"]


@pytest.mark.parametrize("case", VECTORS["covered"]["cases"], ids=lambda case: ascii(case["address"]))
def test_an_address_is_under_its_domain_and_those_above_it(case):
    over = domains_over(case["address"].rpartition("@")[2])

    if not case["address"].startswith("@"):
        assert (domain_key(case["domain"]) in over) is case["covered"], case["why"]


@pytest.mark.parametrize("entry", VECTORS["shared"]["domains"], ids=lambda entry: entry["domain"])
def test_domains_of_everybody_are_known(entry):
    assert domain_key(entry["domain"]) in SHARED_DOMAINS, entry["why"]


def test_the_list_of_them_holds_keys_each_once():
    assert all(domain_key(domain) == domain for domain in SHARED_DOMAINS)


@given(TEXT)
def test_the_key_of_a_key_is_itself(text):
    key = key_or_none(text)

    if key is not None:
        assert domain_key(key) == key == domain_key(f"@{key}")


@given(ADDRESS)
def test_every_address_is_under_its_own_domain_first_and_under_no_top_level_one(address):
    over = domains_over(address.rpartition("@")[2])

    assert over[0] == domain_of(match_key(address))
    assert over[-1] == "example.com"


@given(TEXT, TEXT)
def test_a_domain_and_an_address_never_have_one_digest(address, domain):
    digester = Digester((b"1" * 32,))
    try:
        of_address = digester.digest(match_key(address), 1)
    except InvalidAddress:
        return
    key = key_or_none(domain)

    assert key is None or digester.digest(key, 1) != of_address


@pytest.mark.parametrize("text", ["@example.com", "@", "example.com"])
def test_a_domain_is_never_taken_for_an_address(text):
    with pytest.raises(InvalidAddress):
        match_key(text)
