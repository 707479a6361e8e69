"""Whole mails in which people ask to be unsubscribed, as their programs send them: `vectors/posted/`."""

import tomllib

import pytest

from mailconsent.classify import classify
from mailconsent.message import parse_message
from mailconsent.model import Label
from tests.posted import FOLDER, PROGRAMS, WRITER, posted
from tests.programs import FORMS, sent
from tests.said import classified, no_token

FILES = sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != PROGRAMS)
#: What writes in place of the person, who is covered beside it.
FORM_ADDRESS = {"web_form": {"website@shop.example"}}


@pytest.mark.parametrize("file", FILES)
def test_a_person_who_asks_is_understood_whatever_program_they_write_with(file):
    found = [(said, classify(parse_message(sent(said)), no_token)) for said in posted(file)]
    wrong = [
        (said.why, said.form, said.subject, said.text, answer.label)
        for said, answer in found
        if answer.label is not Label.UNSUBSCRIBE
    ]

    assert wrong == []


@pytest.mark.parametrize("file", FILES)
def test_it_is_about_the_writer_and_whom_they_name(file):
    wrong = [
        (said.text, answer.addresses, answer.named)
        for said in posted(file)
        if (answer := classify(parse_message(sent(said)), no_token))
        and {*answer.addresses, *answer.named} != {WRITER, *said.about, *FORM_ADDRESS.get(said.form, ())}
    ]

    assert wrong == []


def test_each_form_is_worn_by_some_mail():
    assert {said.form for file in FILES for said in posted(file)} == FORMS.keys()


def test_newsletters_that_are_quoted_ask_for_nothing():
    asked = [
        (said.language, said.form)
        for file in FILES
        for said in posted(file)
        if classify(parse_message(sent(said._replace(subject="Re: News", text="Thanks, Anna"))), no_token).label
        is Label.UNSUBSCRIBE
    ]

    assert asked == []


def test_what_only_has_the_words_of_requests_stops_nothing():
    texts = tomllib.loads((FOLDER.parent / "no_requests.toml").read_text("utf-8"))["texts"]

    assert [text for text in texts if classified("Hello", text).label is Label.UNSUBSCRIBE] == []
