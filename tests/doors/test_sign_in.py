"""Signing in once to the provider of the inbox, for its refresh token."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mailconsent.errors import MailboxRefused, Refused
from mailconsent.oauth import AccessTokens
from mailconsent.oauth_grant import Grant, NotKept, RefreshToken, keep_token
from mailconsent.oauth_sign_in import SignIn
from mailconsent.settings import load_sign_in
from tests.commands import Command, Surroundings, without_settings
from tests.doors.serving import run_command
from tests.houses import until
from tests.real.authorization import CLIENT, SECRET, Authorization

PAGE = "https://login.example.com/authorize"


@pytest.fixture(scope="module")
def authorization() -> Iterator[Authorization]:
    server = Authorization()
    yield server
    server.stop()


@pytest.fixture
def grant(authorization: Authorization) -> Grant:
    authorization.generous = True
    endpoint = authorization.token_endpoint
    return Grant(endpoint=endpoint, client_id=CLIENT, client_secret=SECRET, scope="imap", refresh_token=None)


def environ(authorization: Authorization, **more: str) -> dict[str, str]:
    settings = {"PROVIDER": authorization.token_endpoint, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, **more}
    return {f"MAILCONSENT_IMAP_OAUTH_{name}": text for name, text in settings.items()}


def test_who_signs_in_gets_a_refresh_token_that_works(authorization: Authorization, grant: Grant) -> None:
    attempt = SignIn(grant, PAGE)

    token = attempt.refresh_token(f"  {authorization.sign_in(attempt.url)}\n")

    kept = Grant(
        endpoint=grant.endpoint,
        client_id=CLIENT,
        client_secret=SECRET,
        scope="",
        refresh_token=RefreshToken(text=token),
    )
    assert AccessTokens(kept).token() in authorization.access_tokens
    assert SECRET not in attempt.url


def test_an_address_of_another_attempt_is_refused(authorization: Authorization, grant: Grant) -> None:
    attempt, other = SignIn(grant, PAGE), SignIn(grant, PAGE)

    with pytest.raises(Refused, match="not the address"):
        attempt.refresh_token(authorization.sign_in(other.url))


@pytest.mark.parametrize(
    "ended_at", ["", "localhost", "http://[", "http://localhost/?code=1", "http://localhost/?state=\udcff"]
)
def test_what_is_no_such_address_is_refused(grant: Grant, ended_at: str) -> None:
    with pytest.raises(Refused, match="not the address"):
        SignIn(grant, PAGE).refresh_token(ended_at)


def test_who_does_not_agree_gets_none(grant: Grant) -> None:
    attempt = SignIn(grant, f"{PAGE}?tenant=1")
    (state,) = parse_qs(urlsplit(attempt.url).query)["state"]

    with pytest.raises(Refused, match="did not agree"):
        attempt.refresh_token(f"http://localhost/?error=access_denied&state={state}")


def test_a_code_is_good_once(authorization: Authorization, grant: Grant) -> None:
    attempt = SignIn(grant, PAGE)
    ended_at = authorization.sign_in(attempt.url)
    attempt.refresh_token(ended_at)

    with pytest.raises(MailboxRefused):
        attempt.refresh_token(ended_at)


def test_a_provider_that_gives_none_is_told_of(authorization: Authorization, grant: Grant) -> None:
    authorization.generous = False
    attempt = SignIn(grant, PAGE)

    with pytest.raises(Refused, match="gave no refresh token"):
        attempt.refresh_token(authorization.sign_in(attempt.url))


@pytest.mark.parametrize(
    ("provider", "page", "scope"),
    [
        ("google", "https://accounts.google.com/o/oauth2/v2/auth", "https://mail.google.com/"),
        (
            "microsoft",
            "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
            "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        ),
        ("https://login.example.com/token", "", ""),
    ],
)
def test_where_people_sign_in_and_for_what(tmp_path: Path, provider: str, page: str, scope: str) -> None:
    prefix = "MAILCONSENT_IMAP_OAUTH_"
    path = tmp_path / "not there yet"
    settings = {"PROVIDER": provider, "CLIENT_ID": "c", "REFRESH_TOKEN_FILE": str(path)}

    grant, known, file = load_sign_in({f"{prefix}{name}": text for name, text in settings.items()})

    assert (known, grant.scope, file) == (page, scope, path)


def test_a_token_takes_its_line_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "var" / "tokens"

    for line, token in ((0, "a"), (1, "b"), (0, "c")):
        keep_token(path, line, token)

    assert path.read_text() == "c\nb\n"
    assert path.stat().st_mode & 0o777 == 0o600
    for where, line in ((path / "below-a-file", 0), (path, 3)):  # of the fourth mailbox before that of the third
        with pytest.raises(NotKept):
            keep_token(where, line, "d")


@pytest.mark.parametrize("filed", [True, False], ids=["into the file of the setting", "to standard output"])
def test_the_command_asks_for_the_address_and_hands_over_the_token(
    tmp_path: Path, authorization: Authorization, grant: Grant, filed: bool
) -> None:
    given, out, err, kept = (tmp_path / name for name in ("given", "out", "err", "kept"))
    os.mkfifo(given)
    more = {"REFRESH_TOKEN_FILE": str(kept)} if filed else {}
    variables = {**without_settings(os.environ), **environ(authorization, **more)}
    terminal = os.open(given, os.O_RDWR)  # so that neither side waits for the other to open it

    command = Command(("sign-in", "--page", PAGE), Surroundings(environ=variables, given=given, out=out, err=err))
    os.write(terminal, browse(authorization, err))

    assert command.wait(30) == 0
    os.close(terminal)
    token, nothing = (kept.read_text(), out.read_text()) if filed else (out.read_text(), "")
    assert token.strip() in authorization.refresh_tokens
    assert nothing == ""
    assert token.strip() not in err.read_text()


def browse(authorization: Authorization, err: Path) -> bytes:
    """What the operator copies from the browser, once the command has said where to go."""
    until(lambda: err.exists() and "Its address" in err.read_text())
    (url,) = re.findall(r"^https://\S+$", err.read_text(), re.MULTILINE)
    return f"{authorization.sign_in(url)}\n".encode()


def test_the_command_says_what_it_lacks(tmp_path: Path, authorization: Authorization) -> None:
    done = run_command(environ(authorization), "sign-in", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--page" in done.stderr

    done = run_command({}, "sign-in", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "IMAP_OAUTH_PROVIDER" in done.stderr
