"""Whom a mail is about: `vectors/identity.toml` says it of each, and why."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.classify import classify
from mailconsent.classify.identity import named_addresses, settle_named, writers
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import Label, LegalBasis, UnsubscribeClaim

VECTORS = tomllib.loads(
    (Path(__file__).parent.parent / "vectors" / "identity.toml").read_text("utf-8"),
)["vector"]
REQUESTS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "named_requests.toml").read_text("utf-8"))
TOKENS = {"anna": "a2" * 28, "bo": "b3" * 28}
CLAIMS = {
    name: UnsubscribeClaim(digest=name.encode().ljust(16), generation=1, topic=7, basis=LegalBasis.CONSENT)
    for name in TOKENS
}


def read_token(text):
    for name, token in TOKENS.items():
        if text.lower() == token:
            return CLAIMS[name]
    raise InvalidToken


def classified(vector):
    mail = vector["mail"]
    for name, token in TOKENS.items():
        mail = mail.replace(f"{{{name}}}", token)
    return classify(parse_message(mail.encode()), read_token)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_mail_is_about_whom_the_vectors_say(vector):
    found = classified(vector)

    assert found.label == vector.get("label", "unsubscribe"), f"{found.detector}: {found.reason}"
    assert found.addresses == tuple(vector.get("addresses", ()))
    assert found.claims == tuple(CLAIMS[name] for name in vector.get("claims", ()))
    assert found.named == tuple(vector.get("named", ()))


@pytest.mark.parametrize("vector", [v for v in VECTORS if "settled" in v], ids=lambda vector: vector["why"])
def test_others_are_acted_for_only_by_an_authenticated_sender_of_their_domain(vector):
    found = classified(vector)
    settled = settle_named(found, vector.get("authentic"))

    assert settled.label == vector["settled"]
    if settled.label is Label.UNSUBSCRIBE:
        assert settled.addresses == (*found.addresses, *found.named)
        assert not settled.named


@given(st.text(max_size=300), st.text(max_size=100), st.text(max_size=100))
def test_naming_never_raises(own, subject, value):
    message = InboundMessage(headers={"from": (value,), "sender": (value,)})

    assert isinstance(named_addresses(message, subject, own), tuple)
    assert isinstance(writers(message), tuple)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "own",
    ["a@" * 10_000, "a" * 20_000, "a.b-" * 5_000 + "@", "x@y.z " * 3_000, "http://" * 3_000, "'*(" * 9_000 + "x@y.z"],
)
def test_a_bomb_of_addresses_is_read(own):
    assert isinstance(named_addresses(InboundMessage(), own, own), tuple)


def texts(label):
    return [pytest.param(text, id=f"{language}: {text}") for language, some in REQUESTS[label].items() for text in some]


def written(text):
    head = "From: bo@example.com\nTo: contact@shop.example\nSubject: address\nContent-Type: text/plain; charset=utf-8"
    return classify(parse_message(f"{head}\n\n{text}\n".encode()), read_token)


@pytest.mark.parametrize("text", texts("unsubscribe"))
def test_an_address_may_stand_where_others_write_me(text):
    found = written(text)

    assert found.label == Label.UNSUBSCRIBE, found.reason
    assert found.named == ("info@example.net",)
    assert settle_named(found, None).label == Label.UNSURE


@pytest.mark.parametrize("text", texts("other"))
def test_an_address_in_other_words_asks_for_nothing(text):
    assert written(text).label == Label.OTHER


def test_one_s_own_address_may_stand_where_others_write_me():
    found = written("Please take bo@example.com off your list.")

    assert (found.label, found.addresses, found.named) == (Label.UNSUBSCRIBE, ("bo@example.com",), ())
