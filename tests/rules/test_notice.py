"""Notices: what they are known by, and what is none."""

import hashlib
from dataclasses import replace

import pytest

from mailconsent.errors import Refused
from mailconsent.notice import MAX_TEXT, Notice

NOTICE = Notice(key="blog", version="3", language="da", text="Ja tak, på mail.")


def test_the_hash_is_the_one_that_is_documented():
    written = '["blog","3","da","Ja tak, p\\u00e5 mail."]'

    assert NOTICE.sha256 == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize("part", ["key", "version", "language", "text"])
def test_another_part_is_another_notice(part):
    assert replace(NOTICE, **{part: "en"}).sha256 != NOTICE.sha256


@pytest.mark.parametrize(
    ("change", "match", "why"),
    [
        ({"text": ""}, "text", "nothing"),
        ({"text": " \n"}, "text", "blanks"),
        ({"text": "a\x00b"}, "text", "what PostgreSQL does not store"),
        ({"text": "a\ud800"}, "text", "half a character"),
        ({"text": "a" * (MAX_TEXT + 1)}, "text", "a book"),
        ({"version": ""}, "version", "no version"),
        ({"version": "of May"}, "version", "prose"),
        ({"version": "anna@example.com"}, "version", "an address"),
        ({"language": "Danish"}, "language", "a name of a language"),
        ({"language": "DA"}, "language", "in capitals"),
    ],
)
def test_what_is_no_notice_is_refused_and_not_repeated(change, match, why):
    with pytest.raises(Refused, match=match) as refusal:
        replace(NOTICE, **change)

    assert "anna" not in str(refusal.value), why


@pytest.mark.parametrize("text", ["a", "a\tb\r\nc", "Já 🙂", "a" * MAX_TEXT])
def test_what_people_are_shown_is_a_notice(text):
    assert replace(NOTICE, text=text).text == text
