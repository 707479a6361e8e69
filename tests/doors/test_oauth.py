"""Access tokens and the refresh tokens behind them: what is asked of a token endpoint, and what of its answers."""

import asyncio
import errno
import os
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mailconsent import logs
from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.oauth import AccessTokens
from mailconsent.oauth_grant import Grant, RefreshToken
from tests.doors.scripted import ScriptedServer, answer, response
from tests.real.authorization import CLIENT, SECRET, Authorization
from tests.real.ports import free_port


@pytest.fixture(scope="module")
def server() -> Iterator[Authorization]:
    running = Authorization()
    yield running
    running.stop()


@pytest.fixture
def authorization(server: Authorization) -> Authorization:
    server.forms.clear()
    server.refresh_tokens = {"refresh-1"}
    server.lifetime, server.rotating = 3600, False
    return server


@pytest.fixture
def grant(authorization: Authorization) -> Grant:
    return grant_of(authorization.token_endpoint)


def grant_of(endpoint: str) -> Grant:
    token = RefreshToken(text="refresh-1")
    return Grant(endpoint=endpoint, client_id=CLIENT, client_secret=SECRET, scope="", refresh_token=token)


def in_file(path: Path, *lines: str) -> RefreshToken:
    path.write_text("".join(f"{line}\n" for line in lines))
    return RefreshToken(path=path, line=len(lines) - 1)


@pytest.mark.parametrize(
    ("lifetime", "asked", "why"),
    [
        (3600, 1, "it is good for an hour"),
        (30, 2, "it would end within the minute"),
        (None, 2, "nobody knows for how long it is good"),
    ],
)
def test_an_access_token_is_taken_anew_before_it_ends(
    authorization: Authorization, grant: Grant, lifetime: float | None, asked: int, why: str
) -> None:
    authorization.lifetime = lifetime
    tokens = AccessTokens(grant)

    for _ in range(2):
        assert tokens.token() in authorization.access_tokens

    assert len(authorization.forms) == asked, why


def test_readers_that_share_a_grant_ask_once(authorization: Authorization, grant: Grant) -> None:
    tokens = AccessTokens(grant)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(found), len(set(found)), len(authorization.forms)) == (8, 1, 1)


def test_a_refresh_token_that_changes_is_replaced_in_its_file(
    authorization: Authorization, grant: Grant, tmp_path: Path
) -> None:
    authorization.rotating = True
    path = tmp_path / "tokens"
    kept = in_file(path, "of-another-mailbox", "refresh-1")

    for _ in range(2):  # as after a restart
        AccessTokens(replace(grant, refresh_token=kept)).token()

    other, ours = path.read_text().splitlines()
    assert other == "of-another-mailbox"
    assert {ours} == authorization.refresh_tokens
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_with_one_file_do_not_use_a_refresh_token_twice(
    authorization: Authorization, grant: Grant, tmp_path: Path
) -> None:
    authorization.rotating = True
    kept = replace(grant, refresh_token=in_file(tmp_path / "tokens", "refresh-1"))
    faults: list[Exception] = []

    def take() -> None:
        try:
            AccessTokens(kept).token()
        except MailboxRefused as fault:
            faults.append(fault)

    # The lock is on a file description of its own each time, so that threads exclude each other as processes do.
    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert {(tmp_path / "tokens").read_text().strip()} == authorization.refresh_tokens


@pytest.mark.parametrize("where", ["environment", "file that cannot be written"])
def test_one_that_cannot_be_replaced_is_remembered_while_we_run_and_the_operator_is_warned(
    authorization: Authorization,
    grant: Grant,
    tmp_path: Path,
    where: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()  # to where standard error leads now
    authorization.rotating, authorization.lifetime = True, 0
    if where != "environment":
        grant = replace(grant, refresh_token=in_file(tmp_path / "tokens", "refresh-1"))
        (tmp_path / f".tokens.{os.getpid()}").mkdir()  # where the draft would be
    tokens = AccessTokens(grant)

    for _ in range(3):
        tokens.token()

    assert len(authorization.forms) == 3
    assert capsys.readouterr().err.count("refresh token not kept") == 1


def test_one_that_cannot_take_its_place_is_not_left_beside_it(
    authorization: Authorization, grant: Grant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a container has the file alone, and not its folder."""

    def busy(_draft: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, "Device or resource busy")

    authorization.rotating = True
    kept = replace(grant, refresh_token=in_file(tmp_path / "tokens", "refresh-1"))
    monkeypatch.setattr(Path, "replace", busy)

    assert AccessTokens(kept).token()

    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]


def test_a_file_that_the_operator_changed_counts_at_once(
    authorization: Authorization, grant: Grant, tmp_path: Path
) -> None:
    authorization.lifetime = 0
    path = tmp_path / "tokens"
    tokens = AccessTokens(replace(grant, refresh_token=in_file(path, "ran-out")))
    with pytest.raises(MailboxRefused, match="mailconsent sign-in"):
        tokens.token()

    path.write_text("refresh-1\n")

    assert tokens.token()


@pytest.mark.parametrize(
    ("content", "line", "good"),
    [
        ("refresh-1\n", 0, True),
        ("\nrefresh-1\n\n", 1, True),  # the only one is for all
        ("other\n\nrefresh-1\n", 1, True),
        ("refresh-1\nother\n", 1, False),
        ("refresh-1\nother\n", 2, False),
    ],
)
def test_each_mailbox_has_its_line_of_the_file(
    authorization: Authorization, grant: Grant, tmp_path: Path, content: str, line: int, good: bool
) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    tokens = AccessTokens(replace(grant, refresh_token=RefreshToken(path=path, line=line)))

    if good:
        assert tokens.token()
    else:
        with pytest.raises(MailboxRefused, match="mailconsent sign-in"):
            tokens.token()


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\xff\xfe"], ids=["none", "empty", "blank", "no text"])
def test_a_file_without_a_token_is_told_of(grant: Grant, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(MailboxRefused, match="IMAP_OAUTH_REFRESH_TOKEN_FILE"):
        AccessTokens(replace(grant, refresh_token=RefreshToken(path=path))).token()


HIDDEN = ', "error_description": "AADSTS50034: hidden@example.com"}'
GOOD = {"access_token": "a-token", "token_type": "bearer", "expires_in": "3599"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, '{"error": "invalid_grant"' + HIDDEN, MailboxRefused, "mailconsent sign-in"),
        (400, '{"error": "interaction_required"' + HIDDEN, MailboxRefused, "mailconsent sign-in"),
        (401, '{"error": "invalid_client"' + HIDDEN, MailboxRefused, "IMAP_OAUTH_CLIENT_SECRET"),
        (400, '{"error": "invalid_scope"}', MailboxRefused, "IMAP_OAUTH_SCOPE"),
        (400, '{"error": "hidden"}', MailboxRefused, "status 400"),
        (400, '{"error": ["hidden"]}', MailboxRefused, "status 400"),
        (404, "<html>hidden</html>", MailboxRefused, "IMAP_OAUTH_PROVIDER"),
        (302, "", MailboxRefused, "status 302"),
        (400, '{"error": "temporarily_unavailable"}', MailboxUnavailable, "just now"),
        (429, '{"error": "invalid_grant"}', MailboxUnavailable, "just now"),
        (503, "hidden", MailboxUnavailable, "just now"),
        (200, "hidden", MailboxUnavailable, "not to be understood"),
        (200, "[" * 20_000, MailboxUnavailable, "not to be understood"),
        (200, '{"access_token": "hidden"}', MailboxUnavailable, "not to be understood"),
        (200, '{"access_token": "hid\\u0001den", "token_type": "Bearer"}', MailboxUnavailable, "not to be understood"),
        (200, '{"access_token": 7, "token_type": "Bearer"}', MailboxUnavailable, "not to be understood"),
        (200, '{"access_token": "hidden", "token_type": "mac"}', MailboxUnavailable, "not to be understood"),
        (200, "x" * 100_000, MailboxUnavailable, "too large"),
    ],
)
def test_an_answer_that_is_no_token_is_told_of_without_repeating_it(
    status: int, body: str, kind: type[Exception], said: str
) -> None:
    said_no = [response(status, body.encode(), location="http://hidden.example.com/")]
    with ScriptedServer(said_no) as server, pytest.raises(MailboxUnavailable, match=said) as caught:
        AccessTokens(grant_of(server.url)).token()

    assert type(caught.value) is kind
    shown = "".join(traceback.format_exception(caught.value))
    assert not [word for word in ("hidden", SECRET, "refresh-1") if word in shown]
    assert len(server.requests) == 1, "the secrets go nowhere else"


@pytest.mark.parametrize("lifetime", [10**400, float("nan"), -1, "soon", [1]], ids=lambda value: str(value)[:9])
def test_a_lifetime_that_is_none_ends_at_once(lifetime: object) -> None:
    told = answer({**GOOD, "expires_in": lifetime})
    with ScriptedServer([told]) as server:
        tokens = AccessTokens(grant_of(server.url))

        assert [tokens.token(), tokens.token()] == ["a-token", "a-token"]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_FILE", os.devnull),
        ("HTTPS_PROXY", "socks5://hidden@127.0.0.1:1"),
        ("HTTPS_PROXY", "gopher://hidden@127.0.0.1:1"),
        ("HTTPS_PROXY", "http://["),
    ],
)
def test_surroundings_that_cannot_be_used_hold_up_this_mailbox_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for other in ("SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)

    with pytest.raises(MailboxUnavailable, match="could not be asked") as caught:
        AccessTokens(grant_of(f"https://127.0.0.1:{free_port()}/token"), timeout=1).token()

    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_whoever_asks_may_have_a_loop_of_events_on_their_thread() -> None:
    async def asking(endpoint: str) -> str:
        return AccessTokens(grant_of(endpoint)).token()

    with ScriptedServer([answer(GOOD)], [b""]) as server, ThreadPoolExecutor(1) as thread:
        assert thread.submit(lambda: asyncio.run(asking(server.url))).result() == "a-token"


def test_the_lifetime_may_be_text() -> None:
    with ScriptedServer([answer(GOOD)], [b""]) as server:
        tokens = AccessTokens(grant_of(server.url))

        assert [tokens.token(), tokens.token()] == ["a-token", "a-token"]


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "dripping",
    [[HEAD + b"Content-Length: 99\r\n\r\n", *[b" "] * 99], [HEAD, *[b"X: y\r\n"] * 99]],
    ids=["its body", "its header"],
)
def test_an_answer_that_drips_ends_with_the_time_that_there_is(dripping: list[bytes]) -> None:
    with ScriptedServer(dripping, pause=0.1) as server, pytest.raises(MailboxUnavailable, match="too long"):
        AccessTokens(grant_of(server.url), timeout=0.5).token()


def test_a_server_that_is_not_there_is_told_of() -> None:
    with pytest.raises(MailboxUnavailable, match="could not be asked") as caught:
        AccessTokens(grant_of(f"http://127.0.0.1:{free_port()}/token")).token()

    assert caught.value.__context__ is None, "the library's text may quote a secret"


def test_a_grant_in_a_log_shows_no_secret(grant: Grant) -> None:
    assert not [secret for secret in (SECRET, "refresh-1") if secret in repr(grant)]
