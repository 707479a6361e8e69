"""Logging in to an IMAP server: with a password, or with an access token (OAuth 2.0 over SASL, RFC 7628)."""

import contextlib
from collections.abc import Iterator

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.mailbox.plain_words import plain_words
from mailconsent.oauth import AccessTokens


def log_in(client: IMAPClient, user: str, secret: str | AccessTokens) -> None:
    """MailboxRefused when the server does not let this user in, or cannot be logged in to in this way."""
    if isinstance(secret, AccessTokens):
        _with_token(client, user, secret)
    else:
        _with_password(client, user, secret)


def _with_password(client: IMAPClient, user: str, password: str) -> None:
    # LOGIN of imaplib neither quotes the user nor knows letters beyond ASCII.
    command = client.plain_login if client.has_capability("AUTH=PLAIN") else client.login
    with _login_faults("refused the login: check user and password"):
        command(user, password)


def _with_token(client: IMAPClient, user: str, tokens: AccessTokens) -> None:
    with plain_words():
        mechanism = next((name for name in _MECHANISMS if client.has_capability(f"AUTH={name}")), None)
    if not mechanism:
        raise MailboxRefused("The IMAP server takes no OAuth tokens (AUTH=OAUTHBEARER, AUTH=XOAUTH2).")
    token = tokens.token()
    try:
        _present(client, mechanism, user, token)
    except MailboxRefused:
        # Withdrawn before its time, or the two clocks differ. A new one tells whether that was all.
        _present(client, mechanism, user, tokens.token(instead_of=token))


def _present(client: IMAPClient, mechanism: str, user: str, token: str) -> None:
    first, last = _MECHANISMS[mechanism]
    # A second challenge tells, in JSON, why not, and wants an answer before the refusal comes. The methods of
    # imapclient answer it with the token once more.
    answers = iter((first(user, token), last))
    with _login_faults("refused the login: check the user, and whether this client may read the mailbox by IMAP"):
        client.sasl_login(mechanism, lambda _challenge: next(answers, ""))


def _oauthbearer(user: str, token: str) -> str:
    """RFC 7628 section 3.1; the user is written as in RFC 5801 section 4."""
    name = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\x01auth=Bearer {token}\x01\x01"


def _xoauth2(user: str, token: str) -> str:
    """What Google and Microsoft document, from before there was the RFC."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


#: The answers to the first challenge, and to the one that comes before a refusal. The first mechanism that the server
#: knows is taken; Microsoft's knows the second alone.
_MECHANISMS = {"OAUTHBEARER": (_oauthbearer, "\x01"), "XOAUTH2": (_xoauth2, "")}


@contextlib.contextmanager
def _login_faults(refused: str) -> Iterator[None]:
    with plain_words(refused=refused):
        try:
            yield
        except IMAPClientError as error:
            # imapclient reports a link that breaks at this moment as a failed login; and RFC 5530 knows a "not now".
            if isinstance(error.__context__, IMAPClientAbortError) or "[UNAVAILABLE]" in str(error):
                raise MailboxUnavailable("The IMAP server could not check the login just now.") from None
            raise
