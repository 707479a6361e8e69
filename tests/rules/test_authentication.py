"""Who vouches for a mail's sender: `vectors/authentication.toml` says it of each field, and why."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.authentication import (
    MAX_FIELD,
    authenticated_domain,
    authenticated_sender,
    parse_results,
    read_authentication,
)
from mailconsent.message import InboundMessage

VECTORS = tomllib.loads(
    (Path(__file__).parent.parent / "vectors" / "authentication.toml").read_text("utf-8"),
)["vector"]


def received(fields, *writers):
    return InboundMessage(headers={"authentication-results": tuple(fields)}, from_addresses=writers)


def domain_of_writer(message, trusted):
    return authenticated_domain(authenticated_sender(message, read_authentication(message, trusted)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_domain_is_vouched_for_as_the_vectors_say(vector):
    for domain in vector.get("authentic", ()):
        assert domain_of_writer(received(vector["fields"], f"anna@{domain}"), set(vector["trusted"])), domain
    for domain in vector.get("foreign", ()):
        assert not domain_of_writer(received(vector["fields"], f"anna@{domain}"), set(vector["trusted"])), domain


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_what_is_recorded_is_as_the_vectors_say(vector):
    found = read_authentication(received(vector["fields"]), set(vector["trusted"]))

    assert (found.summary() if found else None) == vector.get("summary")


def test_a_customer_of_a_provider_does_not_speak_for_its_domain():
    fields = ["mx.shop.example; dmarc=pass header.from=gmail.com"]

    assert domain_of_writer(received(fields, "anna@gmail.com"), {"mx.shop.example"}) is None


def test_of_two_writers_nobody_is_authenticated():
    fields = ["mx.shop.example; dmarc=pass header.from=example.com"]

    assert domain_of_writer(received(fields, "anna@example.com", "bo@example.com"), {"mx.shop.example"}) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "value",
    ["(" * 8_000, '"' * 8_001, "a=" * 4_000, ";" * 8_000, "\\" * 8_000, "x; " + "dkim=pass " * 800, '"\\' * 4_000],
    ids=lambda value: value[:4],
)
def test_a_bomb_is_read(value):
    assert parse_results(value * 10)


@given(st.text(max_size=300), st.sampled_from(["mx.shop.example; ", "", "("]))
def test_it_never_raises(text, start):
    message = received([start + text], "anna@example.com")

    assert domain_of_writer(message, {"mx.shop.example", "microsoft"}) in (None, "example.com")


def test_only_so_many_fields_are_looked_at_and_so_many_results_of_a_method():
    strange, ours = "x; dkim=fail", "mx.example; " + "dkim=fail; " * 20 + "dkim=pass; spf=pass"

    def found(above):
        return read_authentication(
            InboundMessage(headers={"authentication-results": (strange,) * above + (ours,)}), {"mx.example"}
        )

    assert found(19).summary() == "dmarc=none dkim=fail spf=pass"
    assert found(20) is None


def test_half_of_a_domain_at_the_end_of_what_is_read_is_no_domain():
    end = "; dkim=pass header.d=example.com"
    fields = ["mx.shop.example; dkim=fail reason=".ljust(MAX_FIELD - len(end), "x") + end + ".evil.example"]

    assert domain_of_writer(received(fields, "anna@example.com"), {"mx.shop.example"}) is None
