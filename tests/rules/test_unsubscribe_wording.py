"""How people of each language ask, and what only sounds like it: `vectors/unsubscribe/<language>.toml` says why."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.classify import classify
from mailconsent.classify.phrase import index, read_choice
from mailconsent.classify.subject import split_prefixes
from mailconsent.classify.unsubscribe.spelling import misspell
from mailconsent.classify.unsubscribe.wording import load_wording, make_wording
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, UnsubscribeClaim

FOLDER = Path(__file__).parent.parent / "vectors" / "unsubscribe"
TABLES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
SAID = [
    (language, kind, why, text)
    for language, table in TABLES.items()
    for kind in ("requests", "others")
    for why, texts in table[kind].items()
    for text in texts
]
REQUESTS = [text for _, kind, _, text in SAID if kind == "requests"]
PHRASES = Path(__file__).parents[2] / "mailconsent" / "classify" / "unsubscribe" / "phrases"
PREFIXES = """
    Re: RE: re: Re[2]: RE : Re^3: AW: Antw: SV: Sv: VS: Vs: Odp: Odg: Vá: Ynt: Fwd: Fw: WG: VB: TR: RV: ENC: Rif: I:
    ΑΠ: Απ: ΣΧΕΤ: Отв: На: Відп: 回复： 答复: 返信: 답장: رد: השב: Bls: Atb: RES: RÉP: Réf :
"""


def no_token(_text: str) -> UnsubscribeClaim:
    raise InvalidToken


def classified(text: str, subject: str = "Re: News of July") -> Classification:
    message = InboundMessage(subject=subject, text=text, from_addresses=("anna@example.com",))
    return classify(message, no_token)


@pytest.mark.parametrize(("language", "kind", "why", "text"), SAID, ids=lambda value: value[:30])
def test_each_text_is_what_the_vectors_say(language, kind, why, text):
    found = classified(text)

    # Whether an absence notice was written by a person does not matter here: it asks for nothing.
    labels = {Label.UNSUBSCRIBE} if kind == "requests" else {Label.OTHER, Label.AUTO_REPLY}
    assert found.label in labels, f"{language}: {why}; {found.reason}"


@pytest.mark.parametrize("language", TABLES)
def test_every_language_has_enough_vectors(language):
    counts = {kind: sum(map(len, TABLES[language][kind].values())) for kind in ("requests", "others")}

    assert counts["requests"] >= 12
    assert counts["others"] >= 8


def test_every_language_of_phrases_has_vectors():
    assert {path.stem for path in PHRASES.glob("*.toml")} == set(TABLES)


def test_the_languages_of_the_union_and_its_neighbours_are_all_there():
    assert len(TABLES) >= 30
    assert set(TABLES) >= {"bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr"}
    assert set(TABLES) >= {"hu", "it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv"}
    assert set(TABLES) >= {"nb", "is", "tr", "uk", "ru", "ar"}


@given(
    st.sampled_from(REQUESTS), st.sampled_from(["{}", "{} 🙏", "{}!!!", "\n\n{}\n", "{}\n\n-- \nAnna", "«{}»", "*{}*"])
)
def test_quoting_marks_and_a_quote_below_change_nothing(text, form):
    below = (
        "\n\nOn Monday 3 May 2027 at 10:12, Shop wrote:\n> News of the day\n> If you want, click here to unsubscribe"
    )

    assert classified(form.format(text) + below).label == Label.UNSUBSCRIBE


@given(st.sampled_from(REQUESTS), st.sampled_from([str.upper, str.lower, str.capitalize]))
def test_case_changes_nothing(text, change):
    assert classified(change(text)).label == Label.UNSUBSCRIBE


@given(
    st.sampled_from([text for _, kind, _, text in SAID if kind == "others"]), st.sampled_from([str.upper, str.lower])
)
def test_case_makes_no_request(text, change):
    assert classified(change(text)).label != Label.UNSUBSCRIBE


@pytest.mark.parametrize("prefix", PREFIXES.replace(" :", "_:").split())
def test_the_prefixes_of_all_mail_programs_are_no_words(prefix):
    prefix = prefix.replace("_", " ")

    assert split_prefixes(f"{prefix} {prefix} Stop") == (True, "Stop")
    assert classified("", f"{prefix} unsubscribe").label == Label.UNSUBSCRIBE


@pytest.mark.parametrize("word", ["unsubcribe", "unsuscribe", "unsubsribe", "unsubscibe", "unsubsrive", "Unsubscrieb"])
def test_a_slip_of_the_finger_is_forgiven(word):
    assert classified(word).label == Label.UNSUBSCRIBE


@pytest.mark.parametrize("text", ["Je suis désinscrite", "I am unsubscribed", "He unsubscribes", "Subscribe me please"])
def test_what_looks_like_a_slip_may_be_a_word(text):
    assert classified(text).label == Label.OTHER


def test_no_slip_is_a_word_of_any_phrase():
    wording = load_wording()
    choices = [choice for some in wording.cues.phrases.values() for rare, _ in some for choice in rare]

    assert choices
    assert not frozenset().union(*(choice.words for choice in choices)) & wording.spellings.keys()
    assert "unsubscribed" not in misspell("unsubscribe")


def test_a_language_may_be_written_in_another_alphabet():
    wording = make_wording({"sr": {"cyrillic": True, "commands": ["odjavljujem"]}})

    assert {"odjavljujem", "одјављујем"} <= wording.cues.phrases.keys()


@pytest.mark.parametrize("item", ["ab*", "", "a.b", "l'avis"])
def test_a_phrase_with_no_word_or_too_short_a_stem_is_refused(item):
    with pytest.raises(ValueError, match="not one word"):
        read_choice(item)


def test_sets_stand_for_their_words():
    wording = make_wording({"en": {"commands": ["leave {list}"], "sets": {"list": "list|lists"}}})

    assert wording.languages[0].commands == index(["leave list|lists"])
