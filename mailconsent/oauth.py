"""
Access tokens for a mailbox (OAuth 2.0, RFC 6749), taken with a refresh token that somebody got who signed in once
(section 6), or with the client's own credentials (section 4.4). The only code that talks to a token endpoint.

An access token opens a mailbox for about an hour. It is kept in memory alone, and taken anew a minute before its end.
"""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from mailconsent import logs
from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.oauth_grant import Grant, Held, NotKept

#: Bytes of the longest answer that is read. Access tokens of Microsoft have about three thousand.
MAX_ANSWER = 64 * 1024
#: Seconds before its end from which an access token is not used any more.
MARGIN = 60.0


class AccessTokens:
    """The access tokens of one grant. May be shared by the readers of several mailboxes."""

    def __init__(self, grant: Grant, *, timeout: float = 30.0) -> None:
        self._grant = grant
        self._timeout = timeout
        self._token = ""
        self._ends = 0.0
        #: What came instead of a refresh token that cannot be replaced where it stands.
        self._newer: dict[str, str] = {}
        self._lock = threading.Lock()

    def token(self, *, instead_of: str = "") -> str:
        """
        One that can be used now, and is not the one that a server did not take (`instead_of`).

        Raises MailboxRefused where a human must do something, MailboxUnavailable where time may.
        """
        # One thread asks: a server that changes refresh tokens takes each of them once.
        with self._lock:
            if self._token in ("", instead_of) or not time.monotonic() < self._ends - MARGIN:
                self._token = ""
                began = time.monotonic()
                answer = self._ask()
                self._token, self._ends = _access_token(answer), began + _lifetime(answer)
            return self._token

    def _ask(self) -> dict[str, Any]:
        grant = self._grant
        # In the body: Google and Microsoft document it so, and RFC 6749 section 2.3.1 lets servers take both.
        form = {"client_id": grant.client_id, "client_secret": grant.client_secret, "scope": grant.scope}
        if not grant.refresh_token:
            return ask(grant.endpoint, {**form, "grant_type": "client_credentials"}, timeout=self._timeout)
        with grant.refresh_token.held() as held:
            latest = self._newer.get(held.text, held.text)
            form |= {"grant_type": "refresh_token", "refresh_token": latest}
            answer = ask(grant.endpoint, form, timeout=self._timeout)
            newer = answer.get("refresh_token", latest)
            if newer != latest and is_token(newer):
                self._keep(held, newer)
        return answer

    def _keep(self, held: Held, newer: str) -> None:
        """Before anything else, since the old one may be worth nothing now."""
        try:
            held.replace(newer)
        except NotKept:
            if not self._newer:
                logs.warning("refresh token not kept", advice="give it in a file that the worker may write")
            self._newer = {held.text: newer}


def ask(endpoint: str, form: Mapping[str, str], *, timeout: float = 30.0) -> dict[str, Any]:
    """
    What a token endpoint answers to a form, without its empty fields.

    `timeout` is seconds for all of it but the look-up of the endpoint's name, which ends by the resolver's own.
    Raises MailboxRefused where a human must do something, MailboxUnavailable where time may.
    """
    try:
        given = {name: text for name, text in form.items() if text}
        with ThreadPoolExecutor(1) as own:  # whoever asks may have a loop of events on their own thread
            status, body = own.submit(lambda: asyncio.run(_post(endpoint, given, timeout))).result()
    except MailboxUnavailable:
        raise
    except Exception as fault:  # noqa: BLE001 - a proxy or SSL_CERT_FILE that it cannot use is any kind of error
        failure = "it took too long" if isinstance(fault, TimeoutError) else type(fault).__name__
        # Raised out here, so as not to hold on to the library's exception: its text may quote a secret.
    else:
        return _accepted(status, _read(body))
    raise MailboxUnavailable(f"The OAuth server could not be asked for a token ({failure}).")


async def _post(endpoint: str, form: dict[str, str], timeout: float) -> tuple[int, bytes]:
    body = bytearray()
    # A proxy of the environment is used. A redirect is not followed: it would take the secrets along.
    async with (
        # The library's own timeout would be for each read; a dripping answer would never end.
        asyncio.timeout(timeout),
        httpx2.AsyncClient(timeout=None, follow_redirects=False) as http,
        http.stream("POST", endpoint, data=form, headers={"Accept": "application/json"}) as response,
    ):
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER:
                raise MailboxUnavailable("The OAuth server's answer is too large.")
        return response.status_code, bytes(body)


def _read(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


#: The errors of RFC 6749 section 5.2, and two that Microsoft and OpenID Connect add, and what the operator can do.
_ADVICE = {
    "invalid_grant": "does not take the refresh token (any more): run `mailconsent sign-in`",
    "interaction_required": "wants somebody to sign in anew: run `mailconsent sign-in`",
    "invalid_client": "does not know this client: check IMAP_OAUTH_CLIENT_ID and IMAP_OAUTH_CLIENT_SECRET",
    "unauthorized_client": "does not let this client have a token in this way: check how it is registered",
    "unsupported_grant_type": "gives no tokens in this way: check IMAP_OAUTH_REFRESH_TOKEN",
    "invalid_scope": "does not give this scope: check IMAP_OAUTH_SCOPE",
    "invalid_request": "did not understand the request: check all IMAP_OAUTH_ settings",
    "invalid_resource": "does not give this scope: check IMAP_OAUTH_SCOPE",
}


def _accepted(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, if it is a yes. Nothing of another is repeated: descriptions quote addresses and clients."""
    if status == 200:
        return answer
    error = answer.get("error")
    if status == 429 or status >= 500 or error == "temporarily_unavailable":
        raise MailboxUnavailable(f"The OAuth server cannot give a token just now (status {status}).")
    known = _ADVICE.get(error) if isinstance(error, str) else None
    raise MailboxRefused(f"The OAuth server {known or f'gave no token (status {status}): check IMAP_OAUTH_PROVIDER'}.")


def _access_token(answer: dict[str, Any]) -> str:
    kind, token = answer.get("token_type"), answer.get("access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer" or not is_token(token):
        raise MailboxUnavailable("The OAuth server's answer was not to be understood: it holds no bearer token.")
    return str(token)


def is_token(value: object) -> bool:
    """Whether this can be one: printable letters of ASCII."""
    # A control character would end the field of the SASL answer that the token stands in, and begin another.
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable() and " " not in value


def _lifetime(answer: dict[str, Any]) -> float:
    """Seconds. RFC 6749 section 5.1 recommends to tell, and where that is not told the token is used once."""
    try:
        return float(answer.get("expires_in", 0))
    except (TypeError, ValueError, OverflowError):  # an integer may be too large
        return 0.0
