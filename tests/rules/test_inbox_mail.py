"""Mail as people write it, in the forms their programs give it: `vectors/inbox/<language>.toml` says why."""

import pytest

from mailconsent.classify import classify
from mailconsent.classify.phrase import phrases_of
from mailconsent.classify.unsubscribe.wording import load_wording
from mailconsent.message import parse_message
from mailconsent.model import Label
from tests.dressed import DRESSES
from tests.inbox_table import PAGE, identities, put, rules
from tests.said import FOLDER, SUBJECT, all_said, classified, no_token

LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.toml"))
#: Whether an absence notice was written by a person does not matter here: it asks for nothing.
NOTHING_ASKED = {Label.OTHER, Label.AUTO_REPLY}


def passes(found: Label, wanted: Label) -> bool:
    """Whether a label is as good as the wanted one."""
    return found in NOTHING_ASKED if wanted is Label.OTHER else found is wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_mail_is_what_the_vectors_say(language):
    wrong = [
        (said.why, said.text, found.label, found.reason)
        for said in all_said()
        if said.language == language and not passes((found := classified(said.subject, said.text)).label, said.label)
    ]

    assert wrong == []


@pytest.mark.parametrize(("place", "form"), list(enumerate(DRESSES)), ids=list(DRESSES))
def test_the_form_of_a_mail_changes_nothing(place, form):
    # Each form is worn by texts of every other kind; all texts in all forms take minutes.
    answers = [said for said in all_said() if said.subject == SUBJECT]
    wrong = [
        (said.language, said.text, found.label)
        for number, said in enumerate(answers)
        if (number + place) % (2 * len(DRESSES)) == 0
        and not passes(
            (found := classify(parse_message(DRESSES[form](said.text, said.language)), no_token)).label, said.label
        )
    ]

    assert wrong == []


def test_every_language_of_phrases_has_mail():
    assert set(LANGUAGES) == {language.name for language in load_wording().languages}


def test_no_phrase_hangs_on_a_word_that_is_dropped():
    for language in load_wording().languages:
        for phrases in (language.short_commands, language.commands, language.requests, language.together):
            for phrase in phrases_of(phrases):
                for choice in filter(None, phrase.choices):
                    assert not choice.words or choice.stems or not choice.words <= language.polite, phrase.text


@pytest.mark.parametrize("part", ["rules", "identity"])
def test_the_page_names_the_vectors_there_are(part):
    """`python -m tests.inbox_table --write` renews it."""
    page = PAGE.read_text("utf-8")

    assert put(page, part, {"rules": rules, "identity": identities}[part]()) == page
