"""The page that undoes a withdrawal (design 5.3): a GET asks, our own button undoes, and nothing else does."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from mailconsent.model import UndoClaim
from tests.houses import ask, rows
from tests.served import FORM, ONE_CLICK, Served

CONFIRMED = b"confirm=1"
_NUMBERS = count(1)


def unsubscribed(web: Served) -> tuple[str, str]:
    """Somebody who withdrew a moment ago, and the path of the link that they were answered with."""
    address = f"undo-{next(_NUMBERS)}@example.com"
    return address, web.undo_link(address)


def allowed(web: Served, address: str) -> bool:
    return ask(web.here, address)[0].allowed


def undo(web: Served, link: str):
    return web.post(link, CONFIRMED, content_type=FORM)


def test_the_button_undoes_and_a_repeat_says_the_same(served: Served) -> None:
    address, link = unsubscribed(served)
    before = served.events()

    first, again = undo(served, link), undo(served, link)

    assert (first.status, first.mimetype) == (again.status, again.mimetype) == (200, "text/html")
    assert "Your unsubscription is undone" in first.text
    assert first.text == again.text
    assert allowed(served, address)
    assert served.events() == before + 1
    newest = "select channel, details from events e join evidence using (recipient_id, seq) where kind = 'restored'"
    assert ("page", '{"confirm_method": "POST"}') in rows(served.here, newest)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(web: Served, method: str) -> None:
    address, link = unsubscribed(web)
    before = web.events()

    answer = web.ask(method, link)

    assert (answer.status, answer.mimetype) == (200, "text/html")
    assert ("<button>" in answer.text) is (method == "GET")
    assert web.events() == before
    assert not allowed(web, address)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ONE_CLICK, FORM),
        (b"", FORM),
        (b"", None),
        (b"x=1", FORM),
        (ONE_CLICK + b"&confirm=1", FORM),
        (b"{}", "application/json"),
    ],
)
def test_what_our_button_did_not_send_undoes_nothing(web: Served, body: bytes, content_type: str | None) -> None:
    address, link = unsubscribed(web)

    answer = web.ask("POST", link, body, {"Content-Type": content_type} if content_type else {})

    assert answer.status == 200
    assert "<button>" in answer.text
    assert not allowed(web, address)


def test_a_link_that_is_too_old_is_gone_and_says_what_to_do(web: Served) -> None:
    link = web.late_undo_link()

    for answer in (web.ask("GET", link), undo(web, link)):
        assert (answer.status, answer.mimetype) == (410, "text/html")
        assert "sign up once more" in answer.text


def test_a_link_of_nobody_undoes_nothing(web: Served) -> None:
    with web.here.store.read() as tx:
        until = datetime.now(UTC) + timedelta(hours=1)
        claim = UndoClaim(digest=b"nobody" + bytes(10), generation=1, topic=0, withdrawal=1, expires_at=until)
        link, before = f"/r/{tx.signer.sign_undo(claim)}", rows(web.here, "select count(*) from recipients")

    assert undo(web, link).status == 410
    assert rows(web.here, "select count(*) from recipients") == before


def test_a_broken_link_and_one_of_another_kind_are_no_links(web: Served) -> None:
    _, link = unsubscribed(web)

    for path in (f"{link[:-1]}", f"/r/{'a' * 72}", "/r/x", web.link().replace("/u/", "/r/")):
        for answer in (web.ask("GET", path), undo(web, path)):
            assert answer.status == 404
            assert "This link does not work" in answer.text
    assert web.post(link.replace("/r/", "/u/")).status == 404


@pytest.mark.parametrize("tail", [".", ">", "=", "/"])
def test_what_a_mail_program_adds_to_the_link_does_no_harm(web: Served, tail: str) -> None:
    address, link = unsubscribed(web)

    assert undo(web, link + tail).status == 200
    assert allowed(web, address)


@pytest.mark.parametrize(
    ("language", "asked", "done", "gone"),
    [
        (
            "da",
            "Vil du fortryde din afmelding fra alle vores reklamemails?",
            "Din afmelding er fortrudt",
            "kan ikke længere",
        ),
        ("de", "Ihre Abmeldung von allen unseren Werbemails", "Ihre Abmeldung ist rückgängig gemacht", "nicht mehr"),
    ],
)
def test_the_pages_speak_the_language_of_the_reader(
    web: Served, language: str, asked: str, done: str, gone: str
) -> None:
    _, link = unsubscribed(web)
    reader = {"Accept-Language": language}

    assert asked in web.ask("GET", link, headers=reader).text
    assert done in web.ask("POST", link, CONFIRMED, {**reader, "Content-Type": FORM}).text
    assert gone in web.ask("GET", web.late_undo_link(), headers=reader).text


def test_nothing_is_told_of_the_link_to_others(web: Served) -> None:
    _, link = unsubscribed(web)
    answer = undo(web, link)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert not answer.headers.get_all("Set-Cookie")
    assert link.removeprefix("/r/") not in web.log()
    assert '"/r/<path:token>"' in web.log()


def test_while_the_storage_is_down_the_withdrawal_stands_and_the_button_can_be_pressed_again(web: Served) -> None:
    address, link = unsubscribed(web)
    with web.here.store.begin() as tx:
        tx.connection.exec_driver_sql("alter table events rename to events_away")
    try:
        answer = undo(web, link)
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert "your unsubscription still stands" in answer.text
    finally:
        with web.here.store.begin() as tx:
            tx.connection.exec_driver_sql("alter table events_away rename to events")

    assert undo(web, link).status == 200
    assert allowed(web, address)
