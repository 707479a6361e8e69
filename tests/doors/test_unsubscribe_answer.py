"""What every answer carries, whatever it answers; and what the log never holds."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailconsent.keyring import Purpose
from tests.houses import build
from tests.served import FORM, Answer, Served, serving

ALWAYS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}
#: Method, path (`LINK` is a good one), what comes back.
CALLS = [
    ("GET", "LINK", 200),
    ("HEAD", "LINK", 200),
    ("POST", "LINK", 200),
    ("OPTIONS", "LINK", 200),
    ("PUT", "LINK", 405),
    ("DELETE", "LINK", 405),
    ("PATCH", "LINK", 405),
    ("PROPFIND", "LINK", 405),
    ("GET", "/u/broken", 404),
    ("POST", "/u/broken", 404),
    ("GET", "/u/", 404),
    ("GET", "/u", 404),
    ("GET", "//u/broken", 404),
    ("GET", "/", 404),
    ("GET", "/favicon.ico", 404),
    ("GET", "/robots.txt", 404),
    ("GET", "/static/style.css", 200),
    ("GET", "/static/", 404),
    ("GET", "/static/../__init__.py", 404),
    ("GET", "/static/%2e%2e/__init__.py", 404),
    ("GET", "/static/nothing.css", 404),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/v1/openapi.json", 200),
    ("GET", "/v1/nothing", 404),
    ("GET", "/v1/check", 405),
    ("POST", "/v1/check", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), CALLS)
def test_nothing_may_be_kept_framed_indexed_or_told_to_others(
    served: Served, method: str, path: str, status: int
) -> None:
    answer = served.ask(method, served.link() if path == "LINK" else path)

    assert answer.status == status
    assert_guarded(answer)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods_are_refused_and_write_nothing(served: Served, method: str) -> None:
    link, before = served.link(), served.events()

    answer = served.ask(method, link, b"List-Unsubscribe=One-Click")

    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "contact@example.com" in answer.text
    assert served.events() == before


def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing(served: Served) -> None:
    for page in (served.ask("GET", served.link()), served.post(served.link(), b"confirm=1"), served.ask("GET", "/u/x")):
        assert re.findall(r'(?:src|href|action)="(?!mailto:)([^"]*)"', page.text) == ["/static/style.css"]
        assert not re.search(r"<script|style=|<style| on\w+=", page.text)


@pytest.fixture
def little(tmp_path: Path) -> Iterator[Served]:
    with serving(build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")) as web:
        yield web


def test_the_log_holds_no_token_address_or_key(little: Served) -> None:
    address, key = "anna.andersen@example.com", little.api_key()
    link, bearer = little.link(address), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    token = link.removeprefix("/u/")
    for path in (link, link.upper().replace("/U/", "/u/"), link[:-1], f"{link}?a={address}", f"/static{link}", token):
        for method in ("GET", "POST", "PUT"):
            little.ask(method, f"/{path.lstrip('/')}", address.encode(), {"Content-Type": FORM, "Referer": link})
    for body in (f'{{"topic":"blog","addresses":["{address}"],"headers":true}}', f'{{"{address}"', f'["{address}"]'):
        little.ask("POST", "/v1/check", body.encode(), bearer)
        little.ask("POST", "/v1/consents", body.encode(), bearer)
    little.ask("POST", f"/v1/{address}?{token}", None, bearer)
    with little.here.store.begin() as tx:
        # The storage breaks, and what the driver says of it holds what was asked for.
        tx.connection.exec_driver_sql("alter table events rename to events_gone")
    assert little.post(link).status >= 500
    little.send(b"POST " + link.encode() + b" HTTP/9.9\r\nHost: a\r\n\r\n")
    # What the server itself refuses.
    little.send(b"POST " + link.encode() + b" HTTP/1.1\r\nContent-Length: x\r\nbad " + address.encode() + b"\r\n\r\n")
    keyring = little.here.store.keyring
    secrets = [key, key.split("_")[2], *(line for line in _key_lines(little)), *(k.hex() for k in _keys(keyring))]

    log = little.log()

    assert log.count('"event": "request"') > 20
    for secret in [address, "andersen", token, token.upper(), token[:20], *secrets]:
        assert secret.lower() not in log.lower()
    for line in log.splitlines():
        json.loads(line)


def _key_lines(web: Served) -> list[str]:
    return [
        line for name in ("digest.keys", "signing.keys") for line in (web.house.folder / name).read_text().splitlines()
    ]


def _keys(keyring: object) -> list[bytes]:
    return [key for purpose in Purpose for key in keyring.keys(purpose)]  # type: ignore[attr-defined]


def assert_guarded(answer: Answer) -> None:
    """No answer may leave us without these."""
    assert not 300 <= answer.status < 400
    assert "Set-Cookie" not in answer.headers
    assert "Location" not in answer.headers
    for name, value in ALWAYS.items():
        assert answer.headers.get_all(name) == [value]
    (policy,) = answer.headers.get_all("Content-Security-Policy") or []
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "Server" not in answer.headers
