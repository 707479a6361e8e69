"""The page that proves what is recorded about a person, in a browser and on paper."""

import re

import pytest

from mailconsent.services.access import read_dossier
from tests.cast import ANNA, NOW
from tests.houses import build
from tests.people import HOSTILE, live_through
from web import create_app, proof


@pytest.fixture
def file(tmp_path):
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db").opened() as here:
        live_through(here, ANNA)
        with here.store.read() as tx:
            dossier = read_dossier(tx, here.rules.policy, ANNA, now=NOW)
        path = tmp_path / "proof.html"
        path.write_text(proof.page(create_app(here), dossier), "utf-8")
    return path


def test_the_page_stands_alone_runs_nothing_and_prints_on_a4(browser, file):
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda line: said.append(line.text))
        page.goto(file.as_uri())

        assert asked == [file.as_uri()]
        assert said == []
        assert HOSTILE.partition("\x1b")[0] in page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off on a telephone"
        printed = page.pdf(prefer_css_page_size=True)
        widths = {round(float(width)) for width in re.findall(rb"/MediaBox ?\[0 0 (\d+\.?\d*)", printed)}
        assert widths == {595} or widths == {596}, "210 mm"
