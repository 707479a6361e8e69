"""The pages in the reader's language: which one, whether it is whole, and what a further one needs."""

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from mailconsent.classify import classify
from mailconsent.message import parse_message
from mailconsent.model import Label
from mailconsent.policy import read_policy
from tests.houses import POLICY, build
from tests.served import Served, serving
from web.language import CATALOGUES, available

WEB = CATALOGUES.parent
ROOT = WEB.parent
TRANSLATED = sorted(path.name for path in CATALOGUES.iterdir())
PLACES = re.compile(r"%\(\w+\)s")

#: What a browser asks for, what it gets, and why.
ASKED = [
    ("en", "en", "asked for"),
    ("da", "da", "asked for"),
    ("de", "de", "asked for"),
    ("DE", "de", "letter case does not matter"),
    ("da-DK,da;q=0.9,en-US;q=0.8,en;q=0.7", "da", "as Chrome sends it"),
    ("de-AT,en;q=0.5", "de", "a country's German is German"),
    ("en-GB,de;q=0.9", "en", "the first choice, though only its language is there"),
    ("en;q=0.2,de;q=0.8", "de", "by weight, not by place"),
    ("fr-CH,fr;q=0.9,da;q=0.3", "da", "the first that is there"),
    ("de;q=0,da;q=0.1", "da", "zero means no"),
    ("fr", "en", "none that is there: the company's own"),
    ("*", "en", "any: the company's own"),
    ("", "en", "nothing asked for"),
    (None, "en", "no header"),
    (";;q=,,*-*;q=x, \xff", "en", "garbage"),
    ("de" * 3000, "en", "very long"),
    ("../../etc", "en", "no language"),
]


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def texts() -> set[str]:
    """Every text that the templates ask to have translated."""
    found = {
        message
        for _, _, message, _, _ in extract_from_dir(WEB / "templates", method_map=[("**.html", "jinja2")])
        if isinstance(message, str)
    }
    assert len(found) > 15
    return found


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    assert {message.id for message in catalogue(language) if message.id} == texts()
    for message in catalogue(language):
        assert message.string, message.id
        assert not message.fuzzy or not message.id
        assert PLACES.findall(str(message.id)) == PLACES.findall(str(message.string)) or not message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_the_readable_one(language: str) -> None:
    """When this fails, run `make translations`."""
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))

    assert (CATALOGUES / language / "LC_MESSAGES" / "messages.mo").read_bytes() == compiled.getvalue()


def test_every_word_of_a_template_can_be_translated() -> None:
    """What a reader sees stands in `trans` blocks, but for marks such as the dot of the title."""
    for template in (WEB / "templates").glob("*.html"):
        text = re.sub(r"{% trans.*?{% endtrans %}", "", template.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"[^\W\d_]", re.sub(r"<[^>]*>|{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)), template.name


@pytest.mark.parametrize(("asked", "given"), [(asked, given) for asked, given, _ in ASKED])
def test_the_reader_gets_the_language_they_ask_for(served: Served, asked: str | None, given: str) -> None:
    field = b"" if asked is None else b"Accept-Language: " + asked.encode("latin-1") + b"\r\n"
    for path in (served.link(), "/u/broken"):
        answer = served.send(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n")

        assert f'<html lang="{given}" dir="ltr">' in answer.text
        assert f">{_word(given)}<" in answer.text or path == "/u/broken"


def test_a_topic_is_named_in_the_readers_language(served: Served) -> None:
    link = served.link(topic="alerts")

    for language, name in (("en", "Product availability alerts"), ("da", "Besked om nye produkter")):
        for method, body in (("GET", None), ("POST", b"confirm=1")):
            assert name in served.ask(method, link, body, {"Accept-Language": language}).text


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
def test_the_word_that_we_tell_people_to_write_is_understood(served: Served, language: str) -> None:
    page = served.ask("GET", "/u/broken", headers={"Accept-Language": language}).text
    (word,) = re.findall(r'href="mailto:contact@example.com\?subject=([^"&]+)"', page)

    assert word == _word(language)
    assert word in re.sub(r"<[^>]*>", "", page)
    for mail in (f"Subject: {word}\n\n", f"Subject: \n\n{word}\n"):
        raw = f"From: anna@example.com\nTo: contact@example.com\n{mail}".encode()
        assert classify(parse_message(raw), _unused).label is Label.UNSUBSCRIBE


def _unused(_text: str) -> None:
    raise AssertionError("there is no token in this mail")


def _word(language: str) -> str:
    return "Unsubscribe" if language == "en" else str(catalogue(language).get("Unsubscribe").string)


def test_the_policy_names_every_topic_in_every_language() -> None:
    for topic in read_policy(POLICY.read_text("utf-8")).topics:
        assert set(topic.names) == set(available())


@pytest.fixture
def with_arabic(tmp_path: Path) -> Iterator[Served]:
    """A copy of `web/` to which somebody added a folder, and a company whose own language is Danish."""
    shutil.copytree(WEB, tmp_path / "code" / "web", ignore=shutil.ignore_patterns("__pycache__"))
    added = Catalog(locale="ar")
    added.add("Unsubscribe", "إلغاء الاشتراك")
    folder = tmp_path / "code" / "web" / "translations" / "ar" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, added)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.read_text("utf-8").replace('language = "en"', 'language = "da"'), "utf-8")
    # With the rest of the code as it stands here, wherever another copy of it may be installed.
    code = {"PYTHONPATH": f"{tmp_path / 'code'}:{ROOT}", "PYTHONSAFEPATH": "1"}
    environ = {"MAILCONSENT_POLICY": str(policy), **code}
    with serving(build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", environ)) as web:
        yield web


def test_a_further_language_is_a_further_folder_and_nothing_else(with_arabic: Served) -> None:
    page = with_arabic.ask("GET", with_arabic.link(), headers={"Accept-Language": "ar-EG"})

    assert '<html lang="ar" dir="rtl">' in page.text
    assert "<button>إلغاء الاشتراك</button>" in page.text
    # Who asks for a language that is not there gets the company's own.
    assert '<html lang="da" dir="ltr">' in with_arabic.ask("GET", "/u/x", headers={"Accept-Language": "fr"}).text
    assert '<html lang="en" dir="ltr">' in with_arabic.ask("GET", "/u/x", headers={"Accept-Language": "en"}).text
