"""What inbound messages are: `vectors/messages/expected.toml` says it of each, and why."""

import inspect
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.classify import classify, preload, token
from mailconsent.classify.phrase import Choice, Phrase, find_phrase, index, match_end
from mailconsent.classify.unsubscribe.spelling import misspell
from mailconsent.classify.unsubscribe.wording import load_wording
from mailconsent.classify.words import split_words
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import Classification, Label, LegalBasis, UnsubscribeClaim

MESSAGES = Path(__file__).parent.parent / "vectors" / "messages"
VECTORS = tomllib.loads((MESSAGES / "expected.toml").read_text("utf-8"))["message"]
RAW = {vector["file"]: (MESSAGES / vector["file"]).read_bytes() for vector in VECTORS}

TOKENS = {"anna": "a2" * 28, "bo": "b3" * 28}
CLAIMS = {
    name: UnsubscribeClaim(digest=name.encode().ljust(16), generation=1, topic=7, basis=LegalBasis.CONSENT)
    for name in TOKENS
}


def read_token(text: str) -> UnsubscribeClaim:
    for name, token_of in TOKENS.items():
        if text.lower() == token_of:
            return CLAIMS[name]
    raise InvalidToken


def classified(raw: bytes) -> Classification:
    return classify(parse_message(raw), read_token)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["file"].removesuffix(".eml"))
def test_each_message_is_what_the_vectors_say(vector):
    found = classified(RAW[vector["file"]])

    assert found.label == vector["label"], f"{vector['why']}; {found.detector}: {found.reason}"
    assert found.addresses == tuple(vector.get("addresses", ())), vector["why"]
    assert found.claims == tuple(CLAIMS[name] for name in vector.get("claims", ())), vector["why"]
    if "detector" in vector:
        assert found.detector == vector["detector"], vector["why"]


def test_all_words_can_be_loaded_before_the_first_message_comes():
    modules = [
        found
        for name, found in sys.modules.items()
        if name.startswith(("mailconsent.classify", "mailconsent.own_words"))
    ]
    loaders = {
        loader
        for module in modules
        for name, loader in vars(module).items()
        if name.startswith("load_") and hasattr(loader, "cache_clear") and not inspect.signature(loader).parameters
    }
    for loader in loaders:
        loader.cache_clear()

    preload()

    assert len(loaders) >= 4
    assert [loader.__name__ for loader in loaders if not loader.cache_info().currsize] == []


def test_every_message_file_has_its_vector():
    assert {path.name for path in MESSAGES.glob("*.eml")} == set(RAW)


def test_every_label_has_vectors():
    assert {vector["label"] for vector in VECTORS} == set(Label)


@pytest.mark.parametrize("file", sorted(RAW))
def test_line_ends_do_not_matter(file):
    lf = RAW[file].replace(b"\r\n", b"\n")

    assert classified(lf.replace(b"\n", b"\r\n")) == classified(lf)


@pytest.mark.parametrize("file", sorted(RAW))
def test_a_reason_never_holds_an_address_or_a_word_of_the_writer(file):
    """The reason goes to logs and metrics; it comes from our own lists."""
    found = classified(RAW[file])
    ours = {phrase.text for part in phrase_lists() for phrases in part.values() for phrase in phrases}

    assert "@" not in found.reason
    assert found.detector != "unsubscribe" or found.reason in ours | {"button of Apple Mail", "not one From address"}


def phrase_lists():
    wording = load_wording()
    asks = [part for one in wording.languages for part in (one.short_commands, one.commands, one.requests)]
    return (*asks, wording.not_requests, wording.doubts)


@pytest.mark.parametrize("file", sorted(RAW))
def test_our_token_in_the_local_part_wins_over_everything(file):
    raw = b"Delivered-To: u+%s@shop.example\n" % TOKENS["bo"].encode() + RAW[file]
    found = classified(raw)

    assert (found.label, found.detector) == (Label.UNSUBSCRIBE, "token")
    assert CLAIMS["bo"] in found.claims


@pytest.mark.parametrize("file", sorted(file for file, raw in RAW.items() if b"From:" in raw and b"u+" not in raw))
def test_automatic_mail_is_never_a_request(file):
    """Whatever it says: with RFC 3834's header and no token where it counts, nobody is unsubscribed by words."""
    raw = b"Auto-Submitted: auto-replied\n" + RAW[file]
    found = classified(raw)

    by_token = found.detector == "token"
    by_button = found.reason == "button of Apple Mail"
    assert found.label not in (Label.UNSUBSCRIBE, Label.UNSURE) or by_token or by_button


class TestTokens:
    def test_look_alikes_are_verified_up_to_a_limit(self):
        asked = []

        def count(text):
            asked.append(text)
            raise InvalidToken

        letters = "abcdefghijklmnopqrstuvwxyz234567"
        text = " ".join((a + b) * 28 for a in letters for b in letters)
        token.quoted_claims(InboundMessage(text=text), count)

        assert len(asked) == token.MAX_CANDIDATES

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (f"<https://shop.example/u/{TOKENS['anna']}>", 1),
            (f"https://shop.example/u/{TOKENS['anna']}.", 1),
            (f"{TOKENS['anna']}=", 1),
            (f"{TOKENS['anna']} {TOKENS['anna'].upper()}", 1),  # one claim, however written
            (TOKENS["anna"] + "a", 0),  # part of a longer word
            (TOKENS["anna"][:-1], 0),
        ],
    )
    def test_a_token_is_56_letters_by_themselves(self, text, found):
        assert len(token.quoted_claims(InboundMessage(text=text), read_token)) == found

    def test_attached_headers_and_reports_are_searched(self):
        original = InboundMessage(original_headers={"list-unsubscribe": (f"<https://x/u/{TOKENS['anna']}>",)})
        report = InboundMessage(reports=(("message/feedback-report", {"reported-uri": (TOKENS["bo"],)}),))

        assert token.quoted_claims(original, read_token) == (CLAIMS["anna"],)
        assert token.quoted_claims(report, read_token) == (CLAIMS["bo"],)


class TestWording:
    @pytest.mark.parametrize(
        ("phrase", "text", "stands"),
        [
            ("remove me", "please remove me", True),
            ("remove me|us", "Remove US!", True),
            ("remove * list", "remove me from your list", True),
            ("remove * list", "remove a b c d list", True),
            ("remove * list", "remove a b c d e list", False),
            ("melden * ab .", "melden Sie mich ab", True),
            ("melden * ab .", "melden Sie mich ab Montag an", False),
            ("opt-out", "OPT-OUT", True),
            ("dont", "don’t", True),
            ("list", "listing", False),
            ("list*", "listing", True),
            ("désinscri*", "DESINSCRIPTION", True),
            ("löschen", "loeschen", True),
            ("çık", "ÇIK", True),
            ("abonelikten", "ABONELİKTEN", True),
            ("retirez moi", "retirez-moi", True),
            ("liste", "l’infolettre, la liste", True),
            ("unsubscribe", "un\u00adsub\u200bscribe", True),
            ("διαγραφή", "ΔΙΑΓΡΑΦΗ", True),
        ],
    )
    def test_a_phrase_is_words_choices_gaps_and_an_end(self, phrase, text, stands):
        assert (find_phrase(split_words(text), index([phrase])) is not None) is stands

    @given(text=st.text(st.sampled_from("aZ9_ '`-.,\n\t@ßİ’"), max_size=30))
    def test_words_of_ascii_are_split_as_all_words_are(self, text):
        # A letter beyond ASCII takes the other way through.
        assert split_words(text) == split_words(f"{text} ж")[:-1]

    def test_a_gap_takes_as_few_words_as_will_do(self):
        choices = Phrase("", (Choice(frozenset({"a"})), None, Choice(frozenset({"b"})))).choices

        assert match_end(["a", "b", "b"], 0, choices) == 2

    def test_no_misspelling_is_a_word_of_its_own(self):
        """ "unsubscribed" tells of the past, "subscribe" is the contrary: neither may turn into a request."""
        assert not {"unsubscribe", "unsubscribed", "unsubscribes", "subscribe", "resubscribe"} & misspell("unsubscribe")

    def test_every_language_is_loaded_at_once(self):
        assert {"unsubscribe", "abmelden", "frameld"} <= load_wording().cues.phrases.keys()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@example.com\n\n" + b"unsubscribe " * 80_000,
        b"From: a@example.com\n\n" + b"remove a b c " * 80,
        b"From: a@example.com\n\n" + b"a@" * 500_000,
        b"From: a@example.com\n\n" + b"! " * 500_000,
        b"From: a@example.com\nSubject: " + b"re:" * 100_000,
        b"From: a@example.com\nSubject: " + b"x is " * 50_000,
        b"From: a@example.com\n\n" + (b"a2" * 28 + b"\n") * 15_000,
        b"From: mailer-daemon@example.com\n\n" + b"550 5.1.1 " * 100_000,
        b"From: a@example.com\nContent-Type: text/html\n\n" + b"<div>" * 200_000,
    ],
    ids=lambda raw: repr(raw[-40:]),
)
def test_a_bomb_is_classified(raw):
    """No tight limit: something quadratic would take minutes."""
    assert isinstance(classified(raw), Classification)


@given(st.binary(max_size=5_000))
def test_classify_never_raises_on_any_bytes(raw):
    assert isinstance(classified(raw), Classification)


@settings(max_examples=300)
@given(st.sampled_from(sorted(RAW)), st.data())
def test_classify_never_raises_on_mutated_messages(file, data):
    raw = bytearray(RAW[file])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))

    assert isinstance(classified(bytes(raw)), Classification)
