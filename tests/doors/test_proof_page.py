"""The page that proves what is recorded about a person: whole, in the reader's language, and safe to open."""

import re

import pytest
from flask_babel import force_locale

from mailconsent.errors import Refused
from mailconsent.model import Channel, EventKind, Reason
from mailconsent.policy.retention import Beginning, Records
from mailconsent.services.access import read_dossier
from tests.cast import ANNA, NOW
from tests.houses import build
from tests.people import HOSTILE, live_through
from web import create_app, proof


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proof")
    with build(folder, f"sqlite:///{folder}/mailconsent.db").opened() as opened:
        live_through(opened, ANNA)
        yield opened


def page_of(here, language=None):
    with here.store.read() as tx:
        dossier = read_dossier(tx, here.rules.policy, ANNA, now=NOW)
    return proof.page(create_app(here), dossier, language)


def test_the_page_shows_events_evidence_wording_sends_and_mail(here):
    page = page_of(here)

    for shown in ("Consent given", "Blog newsletter", "10.20.30.40", "Yes, send me the blog.", "spring", "2026-03-02"):
        assert shown in page
    assert "Please stop, says Anna" in page
    assert "Datatilsynet" in page


def test_hostile_evidence_stays_text(here):
    page = page_of(here)

    assert HOSTILE not in page
    assert "&lt;/dd&gt;&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    assert "\x1b" not in page


def test_the_page_asks_for_nothing_from_elsewhere(here):
    assert not re.findall(r"""<(?:script|link|img|iframe|object)\b|\bsrc=|url\(|@import""", page_of(here))


@pytest.mark.parametrize(
    ("language", "title", "topic"),
    [
        (None, "What we have recorded about", "Blog newsletter"),
        ("da", "Hvad vi har registreret om", "Blog-nyhedsbrev"),
        ("de", "gespeichert haben", "Blog-Newsletter"),
    ],
)
def test_the_page_is_in_the_companys_language_or_in_the_one_asked_for(here, language, title, topic):
    page = page_of(here, language)

    assert f'<html lang="{language or "en"}"' in page
    assert title in page
    assert topic in page


def test_a_language_that_is_not_there_is_refused(here):
    with pytest.raises(Refused, match="da, de, en"):
        page_of(here, "fr")


def test_the_page_has_a_word_for_every_code(here):
    app = create_app(here)
    with app.app_context(), force_locale("en"):
        words = app.jinja_env.get_template("words.html").module
        unsaid = [
            code
            for say, codes in (
                (words.kind, EventKind),
                (words.channel, Channel),
                (words.reason, Reason),
                (words.records, Records),
                (words.beginning, Beginning),
            )
            for code in codes
            if str(say(code)) == code.value and code not in (Reason.CONSENT,)
        ]
    assert unsaid == []
