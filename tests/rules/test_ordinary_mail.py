"""Ordinary mail of all kinds, in which nobody asks to be unsubscribed: `vectors/ordinary/`."""

import re
import tomllib
from pathlib import Path

import pytest

from mailconsent.classify import classify
from mailconsent.classify.identity import settle_named
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import Label
from tests.said import no_token

FOLDER = Path(__file__).parents[1] / "vectors" / "ordinary"
FILES = sorted(path.stem for path in FOLDER.glob("*.toml"))
#: The fields that a mail opens with, if it has a subject of its own.
FIELDS = re.compile(r"(?:[A-Z][\w-]+: .*\n)*Subject: .*\n\n")
ANSWER = "Subject: Re: News of July\nIn-Reply-To: <1@shop.example>\n\n"
CHARSET = re.compile(r"charset=([\w-]+)")


def mail(text: str) -> InboundMessage:
    """The message that a vector stands for."""
    whole = text if FIELDS.match(text) else ANSWER + text
    fields = "To: info@shop.example\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n"
    if not re.search("^From: ", whole, re.MULTILINE):
        fields += "From: Anna <anna@example.com>\n"
    if "Content-Type: " not in whole:
        fields += "Content-Type: text/plain; charset=utf-8\n"
    named = CHARSET.search(fields + whole)
    return parse_message((fields + whole).encode(named[1] if named else "utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_whoever_asks_for_nothing_is_left_alone(file):
    wrong = [
        (label, why, language, text, found.label, found.reason)
        for label, reasons in tomllib.loads((FOLDER / f"{file}.toml").read_text("utf-8")).items()
        for why, languages in reasons.items()
        for language, texts in languages.items()
        for text in texts
        if (found := settle_named(classify(mail(text), no_token), None)).label is Label.UNSUBSCRIBE
        or (found.label is Label.UNSURE and label != "unsure")
    ]

    assert wrong == []


LIST = "Subject: News\nList-Id: <talk.example.org>\nList-Unsubscribe: <https://lists.example.org/leave>\n"


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ("List-Post: <mailto:talk@lists.example.org>\n", True),
        ("In-Reply-To: <1@shop.example>\n", True),
        ("", False),
    ],
    ids=["written to a list", "an answer", "a newsletter"],
)
def test_who_offers_to_unsubscribe_and_takes_no_posts_is_a_newsletter(fields, asks):
    text = f"{LIST}{fields}\nI don't read it any more. Please take me off your mailing list."
    raw = f"From: anna@example.com\nTo: info@shop.example\n{text}".encode()

    assert (classify(parse_message(raw), no_token).label is Label.UNSUBSCRIBE) is asks
