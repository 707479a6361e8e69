"""The pages as people meet them, in Chromium: with and without script, on a phone, by keyboard, in the dark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.houses import POLICY, ask, build
from tests.served import Served, serving

# What the database is makes no difference to what a browser sees.
pytestmark = pytest.mark.parametrize("served", ["sqlite"], indirect=True)

PHONE = {"width": 320, "height": 640}
LANGUAGES = {"en": "You are unsubscribed", "da": "Du er afmeldt", "de": "Sie sind abgemeldet"}

UNDONE = {
    "en": "Your unsubscription is undone",
    "da": "Din afmelding er fortrudt",
    "de": "Ihre Abmeldung ist rückgängig gemacht",
}


@contextmanager
def reading(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page that must load without a complaint of the browser and without a stranger's help."""
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    strangers: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: strangers.append(request.url))
    try:
        yield page
        # That a page is an error page is no fault of the page.
        assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
        assert [url for url in strangers if not url.startswith("http://127.0.0.1:")] == []
    finally:
        context.close()


def show_ask(page: Page, web: Served) -> None:
    page.goto(web.origin + web.link())


def show_ask_all(page: Page, web: Served) -> None:
    page.goto(web.origin + web.link_of_nobody())


def show_ask_retired(page: Page, web: Served) -> None:
    page.goto(web.origin + web.link_of_nobody(topic=999))


def show_done(page: Page, web: Served) -> None:
    show_ask(page, web)
    press(page)


def show_done_all(page: Page, web: Served) -> None:
    show_ask_all(page, web)
    press(page)


def show_undo(page: Page, web: Served) -> None:
    page.goto(web.origin + web.undo_link())


def show_undone(page: Page, web: Served) -> None:
    show_undo(page, web)
    press(page)


def show_undo_too_late(page: Page, web: Served) -> None:
    page.goto(web.origin + web.late_undo_link())


def show_not_found(page: Page, web: Served) -> None:
    page.goto(f"{web.origin}/u/broken")


def show_error(page: Page, web: Served) -> None:
    page.route("**/healthz", lambda route: route.continue_(method="PUT"))
    page.goto(f"{web.origin}/healthz")


PAGES: dict[str, Callable[[Page, Served], None]] = {
    name.removeprefix("show_"): show for name, show in globals().copy().items() if name.startswith("show_")
}


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_click_is_enough(served: Served, browser: Browser, script: bool, language: str) -> None:
    address = f"bo-{language}-{script}@example.net"
    link, before = served.link(address), served.events()
    with reading(browser, java_script_enabled=script, locale=language, viewport=PHONE) as page:
        page.goto(served.origin + link)
        assert page.locator("html").get_attribute("lang") == language
        assert served.events() == before
        assert ask(served.here, address)[0].allowed

        press(page)

        expect(page.get_by_role("heading", level=1)).to_have_text(LANGUAGES[language])
        assert page.url == served.origin + link
        assert page.context.cookies() == []
        assert not ask(served.here, address)[0].allowed
        assert served.events() == before + 1
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(LANGUAGES[language])
        assert served.events() == before + 1


@pytest.mark.parametrize("language", UNDONE)
def test_a_withdrawal_is_undone_by_one_press(served: Served, browser: Browser, language: str) -> None:
    address = f"undoing-{language}@example.net"
    link, before = served.undo_link(address), served.events()
    with reading(browser, java_script_enabled=False, locale=language, viewport=PHONE) as page:
        page.goto(served.origin + link)
        assert page.locator("html").get_attribute("lang") == language
        assert served.events() == before

        press(page)

        expect(page.get_by_role("heading", level=1)).to_have_text(UNDONE[language])
        assert ask(served.here, address)[0].allowed
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(UNDONE[language])
        assert served.events() == before + 1


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_is_enough_and_the_focus_is_seen(served: Served, browser: Browser, key: str) -> None:
    with reading(browser) as page:
        show_ask(page, served)
        page.keyboard.press("Tab")
        button = page.get_by_role("button")
        expect(button).to_be_focused()
        style = "e => { const s = getComputedStyle(e); return [s.outlineStyle, parseFloat(s.outlineWidth)] }"
        line, width = button.evaluate(style)
        assert line == "solid"
        assert width >= 2

        page.keyboard.press(key)

        expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
        # The next stop is the other way to reach us.
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="contact@example.com")).to_be_focused()


@pytest.mark.parametrize(("scheme", "language"), [("light", "da"), ("dark", "de")])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(served: Served, browser: Browser, name: str, scheme: Any, language: str) -> None:
    # axe is a script, and the policy of our pages lets none run.
    with reading(browser, locale=language, color_scheme=scheme, viewport=PHONE, bypass_csp=True) as page:
        PAGES[name](page, served)
        assert_accessible(page)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_and_the_button_is_large(
    served: Served, browser: Browser, name: str, language: str
) -> None:
    with reading(browser, locale=language, viewport=PHONE) as page:
        PAGES[name](page, served)
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 640})
            assert_fits(page)
            for button in page.get_by_role("button").all():
                box = button.bounding_box()
                assert box
                assert box["height"] >= 44  # WCAG 2.5.5


def test_long_words_and_large_letters_fit_a_phone(
    served: Served, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("long")
    word = "Donaudampfschifffahrtsgesellschaftskapitänsmützen" * 3
    policy = POLICY.read_text("utf-8").replace("Blog newsletter", word).replace("Example Imaging ApS", word)
    (folder / "policy.toml").write_text(policy.replace("contact@example.com", f"{'c' * 64}@{'d' * 60}.example.com"))
    house = build(folder, f"sqlite:///{folder}/m.db", {"MAILCONSENT_POLICY": str(folder / "policy.toml")})
    with serving(house) as web, reading(browser, viewport=PHONE) as page:
        for show in PAGES.values():
            show(page, web)
            assert_fits(page)
            page.evaluate("document.documentElement.style.fontSize = '200%'")  # WCAG 1.4.4
            assert_fits(page)


def test_a_page_that_comes_while_the_storage_is_down_is_a_good_page_too(
    served: Served, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    with serving(build(folder, f"sqlite:///{folder}/m.db")) as web:
        with web.here.store.begin() as tx:
            tx.connection.exec_driver_sql("alter table events rename to events_away")
        for scheme in ("light", "dark"):
            with reading(browser, viewport=PHONE, bypass_csp=True, color_scheme=scheme) as page:
                show_done_all(page, web)
                expect(page.get_by_role("heading", level=1)).to_have_text("Please try again in a minute")
                assert_fits(page)
                assert_accessible(page)
        with web.here.store.begin() as tx:
            tx.connection.exec_driver_sql("alter table events_away rename to events")
        with reading(browser, viewport=PHONE) as page:
            show_done_all(page, web)
            expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")


def test_no_foreign_script_or_style_would_run(served: Served, browser: Browser) -> None:
    add = "([tag, text]) => { const e = document.createElement(tag); e.textContent = text; document.head.append(e) }"
    context = browser.new_context()
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    show_ask(page, served)

    page.evaluate(add, ["script", "window.ran = true"])
    page.evaluate(add, ["style", "h1 { color: rgb(1, 2, 3) }"])

    assert page.evaluate("window.ran") is None
    assert page.locator("h1").evaluate("e => getComputedStyle(e).color") != "rgb(1, 2, 3)"
    assert len([text for text in refused if "Content Security Policy" in text]) == 2
    context.close()


def test_the_link_is_told_to_nobody(served: Served, browser: Browser) -> None:
    told: list[str | None] = []
    with reading(browser) as page:
        page.on("request", lambda request: told.append(request.headers.get("referer")))
        show_done(page, served)
    assert told
    assert not any(told)


def test_another_page_cannot_frame_ours(served: Served, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    frame = f'<iframe src="{served.link()}"></iframe>'
    page.route("**/framing", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(f"{served.origin}/framing", wait_until="load")

    assert [each.locator("button").count() for each in page.frames] == [0, 0]
    assert any("frame-ancestors" in text for text in refused)
    context.close()


def press(page: Page) -> None:
    """Press the button and wait for the whole answer: without its style sheet every page is too wide."""
    with page.expect_navigation():
        page.get_by_role("button").click()


def assert_accessible(page: Page) -> None:
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def assert_fits(page: Page) -> None:
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room
