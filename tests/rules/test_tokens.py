"""Signed claims in links (design 5.2). They never expire, so what is signed today must verify for ever."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.address import DIGEST_SIZE
from mailconsent.errors import InvalidToken, TokenExpired
from mailconsent.model import ALL_TOPICS, ConfirmClaim, LegalBasis, ReturnClaim, UndoClaim, UnsubscribeClaim
from mailconsent.tokens import CONFIRM_LIFE, LENGTH, MAX_GENERATION, MAX_TOPIC, TokenSigner

KEYS = (b"1" * 32, b"2" * 32, b"3" * 64)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
CLAIM = UnsubscribeClaim(digest=bytes(range(16)), generation=1, topic=1, basis=LegalBasis.CONSENT)
CLAIMS = st.builds(
    UnsubscribeClaim,
    digest=st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE),
    generation=st.integers(1, MAX_GENERATION),
    topic=st.integers(0, MAX_TOPIC),
    basis=st.sampled_from((LegalBasis.CONSENT, LegalBasis.SOFT_OPT_IN)),
)
signer = TokenSigner(KEYS)


def signed(payload, key=KEYS[-1], salt=b"mailconsent.unsubscribe"):
    """A token made without the code under test: HMAC-SHA-256 under a key derived from the salt, cut to 16 bytes."""
    derived = hmac.digest(key, salt, "sha256")
    return base64.b32encode(payload + hmac.digest(derived, payload, "sha256")[:16]).decode().lower()


def payload_of(token):
    return base64.b32decode(token.upper())[:19]


@given(CLAIMS)
def test_what_was_signed_is_read_back(claim):
    assert signer.read(signer.sign(claim)) == claim


@given(CLAIMS)
def test_a_token_is_56_letters_that_fit_any_mail_system(claim):
    token = signer.sign(claim)

    assert len(token) == LENGTH == 56
    assert re.fullmatch(r"[a-z2-7]{56}", token)


@given(CLAIMS)
def test_the_format_is_the_one_of_the_design(claim):
    soft = 0x8000 if claim.basis is LegalBasis.SOFT_OPT_IN else 0
    payload = bytes([1 << 5 | claim.generation]) + claim.digest + (claim.topic | soft).to_bytes(2, "big")

    assert signer.sign(claim) == signed(payload)


def test_a_link_that_is_out_in_the_world_still_works():
    # Signed by hand under the first key: no later release may refuse it.
    token = "eeaacaqdaqcqmbyibefawdanbyhqaalolw5hjpbrxebqw2muy3jnzj5f"

    assert TokenSigner(KEYS[:1]).sign(CLAIM) == token
    assert signer.read(token) == CLAIM


@pytest.mark.parametrize("place", range(56))
def test_any_single_changed_letter_is_refused(place):
    token = signer.sign(CLAIM)

    for letter in ALPHABET.replace(token[place], ""):
        with pytest.raises(InvalidToken):
            signer.read(token[:place] + letter + token[place + 1 :])


@given(CLAIMS, st.integers(0, 55), st.sampled_from(ALPHABET))
def test_a_changed_letter_is_refused_in_any_token(claim, place, letter):
    token = signer.sign(claim)
    changed = token[:place] + letter + token[place + 1 :]

    if changed != token:
        with pytest.raises(InvalidToken):
            signer.read(changed)


@given(CLAIMS, st.data())
def test_letter_case_does_not_matter(claim, data):
    token = signer.sign(claim)
    capitals = data.draw(st.lists(st.booleans(), min_size=56, max_size=56))
    mixed = "".join(letter.upper() if up else letter for letter, up in zip(token, capitals, strict=True))

    assert signer.read(mixed) == claim


@pytest.mark.parametrize("tail", [".", "=", ">", ">.", "=.>", "...", " ", "\r\n", ". "])
def test_what_a_mail_client_took_for_a_part_of_the_link_is_dropped(tail):
    assert signer.read(signer.sign(CLAIM) + tail) == CLAIM


def test_blanks_before_a_token_are_dropped():
    assert signer.read("  " + signer.sign(CLAIM)) == CLAIM


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_keys_of_all_generations_verify(generation):
    token = TokenSigner(KEYS[:generation]).sign(CLAIM)

    assert signer.read(token) == CLAIM
    assert TokenSigner(KEYS, generation).sign(CLAIM) == token


def test_a_key_that_is_not_active_yet_verifies_but_does_not_sign():
    waiting = TokenSigner(KEYS, 2)

    assert waiting.sign(CLAIM) == TokenSigner(KEYS[:2]).sign(CLAIM)
    assert waiting.read(signer.sign(CLAIM)) == CLAIM


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (TokenSigner([b"4" * 32]).sign(CLAIM), "signed under a key of somebody else's"),
        (signed(payload_of(signer.sign(CLAIM)), salt=b"mailconsent.confirm"), "a claim of another kind, by its salt"),
        (signed(payload_of(signer.sign(CLAIM)), salt=b""), "no salt"),
        (signed(bytes([2 << 5 | 1]) + bytes(18)), "a format of the future"),
        (signed(bytes([0 << 5 | 1]) + bytes(18)), "a format that never was"),
        (signer.sign(CLAIM)[:-1], "a letter is missing"),
        (signer.sign(CLAIM)[1:], "the first one"),
        (signer.sign(CLAIM) + "a", "a letter too many"),
        (signer.sign(CLAIM) * 2, "twice"),
        ("." + signer.sign(CLAIM), "a dot before"),
        (signer.sign(CLAIM)[:28] + "=\r\n" + signer.sign(CLAIM)[28:], "broken by quoted-printable"),
        (signer.sign(CLAIM)[:28] + " " + signer.sign(CLAIM)[28:], "broken by a blank"),
        ("", "nothing"),
        ("...", "nothing but what is dropped"),
        ("a" * 56, "the right shape alone"),
        ("1" * 56, "digits that base32 does not have"),
        ("é" * 56, "letters that base32 does not have"),
        ("\x00" * 56, "bytes that are no letters"),
        ("a" * 1_000_000, "a great many letters"),
    ],
    ids=lambda value: value if len(value) < 56 else "token",
)
def test_what_we_did_not_sign_is_refused(token, why):
    with pytest.raises(InvalidToken):
        signer.read(token)


@given(st.text(max_size=80))
def test_no_text_does_worse_than_to_be_refused(text):
    with pytest.raises(InvalidToken):
        signer.read(text)


def test_the_refusal_does_not_repeat_the_token():
    token = TokenSigner([b"4" * 32]).sign(CLAIM)

    with pytest.raises(InvalidToken) as refusal:
        signer.read(token)

    assert token not in str(refusal.value)


def test_all_marketing_and_the_last_topic_fit():
    for topic in (ALL_TOPICS, MAX_TOPIC):
        claim = UnsubscribeClaim(digest=CLAIM.digest, generation=31, topic=topic, basis=LegalBasis.SOFT_OPT_IN)
        assert signer.read(signer.sign(claim)) == claim


def test_a_token_holds_no_address():
    digest = hashlib.blake2b(b"anna@example.com", digest_size=16).digest()
    claim = UnsubscribeClaim(digest=digest, generation=1, topic=1, basis=LegalBasis.CONSENT)

    assert b"anna" not in base64.b32decode(signer.sign(claim).upper())


ASKED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CONFIRM = ConfirmClaim(digest=bytes(range(16)), generation=1, topic=1, request=3, expires_at=ASKED + CONFIRM_LIFE)
CONFIRMS = st.builds(
    ConfirmClaim,
    digest=st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE),
    generation=st.integers(1, MAX_GENERATION),
    topic=st.integers(1, MAX_TOPIC),
    request=st.integers(1, 2**31 - 1),
    expires_at=st.integers(0, 2**33).map(lambda seconds: ASKED + timedelta(seconds=seconds + 1)),
)


@given(CONFIRMS)
def test_a_link_that_confirms_is_read_back_until_it_expires(claim):
    token = signer.sign_confirm(claim)

    assert re.fullmatch(r"[a-z2-7]{72}", token)
    assert signer.read_confirm(f"{token.upper()}.", now=claim.expires_at - timedelta(seconds=1)) == claim
    for late in (timedelta(0), timedelta(days=400)):
        with pytest.raises(TokenExpired):
            signer.read_confirm(token, now=claim.expires_at + late)


def test_a_link_that_confirms_lives_72_hours():
    assert timedelta(hours=72) == CONFIRM_LIFE


def test_the_format_of_a_link_that_confirms_is_the_one_of_the_design():
    tail = (1).to_bytes(2, "big") + (3).to_bytes(4, "big") + int(CONFIRM.expires_at.timestamp()).to_bytes(6, "big")
    payload = bytes([1 << 5 | 1]) + bytes(range(16)) + tail

    assert signer.sign_confirm(CONFIRM) == signed(payload, salt=b"mailconsent.confirm")


@pytest.mark.parametrize("place", range(72))
def test_any_single_changed_letter_of_a_link_that_confirms_is_refused(place):
    token = signer.sign_confirm(CONFIRM)

    for letter in ALPHABET.replace(token[place], ""):
        with pytest.raises(InvalidToken):
            signer.read_confirm(token[:place] + letter + token[place + 1 :], now=ASKED)


def test_no_link_is_taken_for_another():
    token = signer.sign_confirm(CONFIRM)
    payload = base64.b32decode(token.upper())[:29]

    with pytest.raises(InvalidToken):
        signer.read(token)
    with pytest.raises(InvalidToken):
        signer.read_confirm(signer.sign(CLAIM), now=ASKED)
    with pytest.raises(InvalidToken):
        signer.read_confirm(signed(payload), now=ASKED)  # the right shape, under the salt of the other link


def test_a_link_that_confirms_outlives_a_new_signing_key_and_no_strange_one():
    token = TokenSigner(KEYS[:1]).sign_confirm(CONFIRM)

    assert signer.read_confirm(token, now=ASKED) == CONFIRM
    with pytest.raises(InvalidToken):
        TokenSigner(KEYS[1:]).read_confirm(token, now=ASKED)


UNDO = UndoClaim(digest=bytes(range(16)), generation=1, topic=0, withdrawal=3, expires_at=ASKED + timedelta(hours=24))


@given(CONFIRMS)
def test_a_link_that_undoes_is_read_back_until_it_expires(other):
    claim = UndoClaim(
        digest=other.digest,
        generation=other.generation,
        topic=other.topic,
        withdrawal=other.request,
        expires_at=other.expires_at,
    )
    token = signer.sign_undo(claim)

    assert re.fullmatch(r"[a-z2-7]{72}", token)
    assert signer.read_undo(f"{token.upper()}.", now=claim.expires_at - timedelta(seconds=1)) == claim
    with pytest.raises(TokenExpired):
        signer.read_undo(token, now=claim.expires_at)
    # Of the same numbers, and no confirmation of anything.
    with pytest.raises(InvalidToken):
        signer.read_confirm(token, now=ASKED)
    with pytest.raises(InvalidToken):
        signer.read_undo(signer.sign_confirm(other), now=ASKED)


def test_the_format_of_a_link_that_undoes_is_that_of_one_that_confirms_under_a_salt_of_its_own():
    tail = (0).to_bytes(2, "big") + (3).to_bytes(4, "big") + int(UNDO.expires_at.timestamp()).to_bytes(6, "big")
    payload = bytes([1 << 5 | 1]) + bytes(range(16)) + tail

    assert signer.sign_undo(UNDO) == signed(payload, salt=b"mailconsent.undo")


@pytest.mark.parametrize("place", range(72))
def test_any_single_changed_letter_of_a_link_that_undoes_is_refused(place):
    token = signer.sign_undo(UNDO)

    for letter in ALPHABET.replace(token[place], ""):
        with pytest.raises(InvalidToken):
            signer.read_undo(token[:place] + letter + token[place + 1 :], now=ASKED)


RETURNS = st.builds(
    ReturnClaim,
    digest=st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE),
    generation=st.integers(1, MAX_GENERATION),
    sent_on=st.dates(date(1970, 1, 1), date(2149, 6, 6)),
)


@given(RETURNS)
def test_a_return_path_is_read_back_and_as_long_as_a_link(claim):
    token = signer.sign_return(claim)

    assert re.fullmatch(r"[a-z2-7]{56}", token)
    assert signer.read_return(token) == signer.read_mailed(token.upper()) == claim


@given(RETURNS)
def test_a_return_path_is_signed_under_a_salt_of_its_own(claim):
    days = (claim.sent_on - date(1970, 1, 1)).days
    payload = bytes([1 << 5 | claim.generation]) + claim.digest + days.to_bytes(2, "big")

    assert signer.sign_return(claim) == signed(payload, salt=b"mailconsent.return")


@given(RETURNS, CLAIMS)
def test_no_link_passes_for_a_return_path_and_no_return_path_for_a_link(returned, link):
    with pytest.raises(InvalidToken):
        signer.read(signer.sign_return(returned))
    with pytest.raises(InvalidToken):
        signer.read_return(signer.sign(link))
    assert signer.read_mailed(signer.sign(link)) == link


def test_a_return_path_of_an_older_key_is_still_known():
    claim = ReturnClaim(digest=bytes(16), generation=1, sent_on=date(2026, 3, 2))

    assert signer.read_return(TokenSigner(KEYS[:1]).sign_return(claim)) == claim
    with pytest.raises(InvalidToken):
        TokenSigner(KEYS[:1]).read_return(signer.sign_return(claim))
