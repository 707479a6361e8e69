"""The contact inbox, logged in to with access tokens: a real Dovecot that asks a real authorization server."""

import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mailconsent.errors import MailboxRefused
from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox import connect
from mailconsent.oauth import AccessTokens
from mailconsent.oauth_grant import Grant, RefreshToken
from tests.real.authorization import CLIENT, SECRET, Authorization
from tests.real.dovecot import Dovecot
from tests.real.inbox import mail, swept
from tests.real.relay import Relay


@pytest.fixture(scope="module")
def authorization_server() -> Iterator[Authorization]:
    server = Authorization()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def oauth_dovecot(authorization_server: Authorization) -> Iterator[Dovecot]:
    server = Dovecot(introspection_url=f"{authorization_server.url}/introspect")
    yield server
    server.stop()


@pytest.fixture
def user(oauth_dovecot: Dovecot) -> str:
    return oauth_dovecot.new_user()


@pytest.fixture
def authorization(authorization_server: Authorization, user: str) -> Authorization:
    authorization_server.user = user
    authorization_server.forms.clear()
    return authorization_server


@pytest.fixture
def grant(authorization: Authorization) -> Grant:
    return Grant(
        endpoint=authorization.token_endpoint,
        client_id=CLIENT,
        client_secret=SECRET,
        scope="",
        refresh_token=RefreshToken(text="refresh-1"),
    )


def inbox(user: str, port: int) -> MailboxAddress:
    return MailboxAddress(host="127.0.0.1", port=port, user=user, folder="INBOX", tls=False)


@pytest.mark.parametrize("masked", [b"", b"AUTH=OAUTHBEARER"], ids=["OAUTHBEARER", "XOAUTH2 where that is all"])
def test_a_mailbox_is_read_with_an_access_token(
    oauth_dovecot: Dovecot, authorization: Authorization, grant: Grant, user: str, masked: bytes
) -> None:
    oauth_dovecot.append(user, [mail(1)])
    relay = Relay(oauth_dovecot.port)
    relay.mask = masked
    try:
        with connect(inbox(user, relay.port), AccessTokens(grant)) as box:
            assert len(swept(box)) == 1
    finally:
        relay.stop()
    assert authorization.forms == [
        {"client_id": CLIENT, "client_secret": SECRET, "grant_type": "refresh_token", "refresh_token": "refresh-1"}
    ]


def test_a_client_may_ask_in_its_own_name(
    oauth_dovecot: Dovecot, authorization: Authorization, grant: Grant, user: str
) -> None:
    own = replace(grant, refresh_token=None, scope="https://outlook.office365.com/.default")

    connect(inbox(user, oauth_dovecot.port), AccessTokens(own)).close()

    (form,) = authorization.forms
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "https://outlook.office365.com/.default")


def test_an_access_token_is_used_again_while_it_lasts(
    oauth_dovecot: Dovecot, authorization: Authorization, grant: Grant, user: str
) -> None:
    tokens = AccessTokens(grant)

    for _ in range(2):
        connect(inbox(user, oauth_dovecot.port), tokens).close()

    assert len(authorization.forms) == 1


def test_one_that_was_withdrawn_before_its_time_is_replaced_at_once(
    oauth_dovecot: Dovecot, authorization: Authorization, grant: Grant, user: str
) -> None:
    tokens = AccessTokens(grant)
    connect(inbox(user, oauth_dovecot.port), tokens).close()
    authorization.withdraw_all()

    connect(inbox(user, oauth_dovecot.port), tokens).close()

    assert len(authorization.forms) == 2


@pytest.mark.parametrize("masked", [b"", b"AUTH=OAUTHBEARER"], ids=["OAUTHBEARER", "XOAUTH2"])
def test_a_user_whom_the_token_is_not_for_is_refused_and_nothing_is_told_of_either(
    oauth_dovecot: Dovecot, authorization: Authorization, grant: Grant, user: str, masked: bytes
) -> None:
    authorization.user = "somebody-else@example.com"
    relay = Relay(oauth_dovecot.port)
    relay.mask = masked
    try:
        with pytest.raises(MailboxRefused, match="refused the login") as caught:
            connect(inbox(user, relay.port), AccessTokens(grant))
    finally:
        relay.stop()
    shown = "".join(traceback.format_exception(caught.value))
    assert not [word for word in (user, *authorization.access_tokens) if word in shown]


def test_a_server_that_knows_passwords_alone_is_told_of(dovecot: Dovecot, user: str, grant: Grant) -> None:
    with pytest.raises(MailboxRefused, match="takes no OAuth tokens"):
        connect(inbox(user, dovecot.port), AccessTokens(grant))
