"""
The settings of OAuth 2.0, `MAILCONSENT_IMAP_OAUTH_*`: the provider, the client that is registered there, and the
refresh tokens of who signed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mailconsent.imap_url import is_loopback
from mailconsent.oauth_grant import Grant, RefreshToken

NAMES = (
    "IMAP_OAUTH_PROVIDER",
    "IMAP_OAUTH_TENANT",
    "IMAP_OAUTH_CLIENT_ID",
    "IMAP_OAUTH_CLIENT_SECRET",
    "IMAP_OAUTH_REFRESH_TOKEN",
    "IMAP_OAUTH_SCOPE",
)
#: Names that stand for many tenants, in which a client of its own is nobody.
_NO_TENANTS = ("common", "organizations", "consumers")
_IN_A_TENANT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    endpoint: str
    #: Where people sign in; empty where we do not know.
    page: str = ""
    #: What a person is asked to agree to.
    agreed: str = ""
    #: What is asked for with a refresh token; empty for what was agreed to.
    with_token: str = ""
    #: What a client asks for in its own name.
    alone: str = ""


_LOGIN = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_OF_A_USER = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
_GOOGLE = _Provider(
    endpoint="https://oauth2.googleapis.com/token",
    page="https://accounts.google.com/o/oauth2/v2/auth",
    agreed="https://mail.google.com/",
)


def _microsoft(tenant: str) -> _Provider:
    login = _LOGIN.format(tenant=tenant)
    return _Provider(
        endpoint=f"{login}/token",
        page=f"{login}/authorize",
        agreed=_OF_A_USER,
        with_token=_OF_A_USER,
        alone="https://outlook.office365.com/.default",
    )


def read_grants(values: Mapping[str, str], path: Path | None, count: int, faults: list[str]) -> list[Grant]:
    """
    A grant for each of so many mailboxes. The refresh tokens are among the `values`, which are settings by name, or in
    the file at `path`, which is not read yet: nothing but the worker needs it. Faults are added, a line each.
    """
    tokens = _refresh_tokens(values, path, count, faults)
    alone = None in tokens
    provider = _provider(values, alone=alone, faults=faults)
    if alone and provider is _GOOGLE:
        # It would take a service account's signed assertion instead (docs/decisions/0027).
        faults.append("IMAP_OAUTH_REFRESH_TOKEN: missing; Google lets a client read mail by one alone")
    elif alone and "IMAP_OAUTH_CLIENT_SECRET" not in values:
        faults.append("IMAP_OAUTH_REFRESH_TOKEN: missing; without it there must be an IMAP_OAUTH_CLIENT_SECRET")
    scope = provider.alone if alone else provider.with_token
    if "IMAP_OAUTH_CLIENT_ID" not in values:
        faults.append(_NO_CLIENT)
    return [_grant(values, provider, scope, token) for token in tokens]


def read_sign_in(values: Mapping[str, str], faults: list[str]) -> tuple[Grant, str]:
    """What to sign in for, and where; the page is empty where we do not know it. Faults are added, a line each."""
    provider = _provider(values, alone=False, faults=faults)
    if "IMAP_OAUTH_CLIENT_ID" not in values:
        faults.append(_NO_CLIENT)
    return _grant(values, provider, provider.agreed, None), provider.page


_NO_CLIENT = "IMAP_OAUTH_CLIENT_ID: missing; register mailconsent with the provider, which then names it"


def _grant(values: Mapping[str, str], provider: _Provider, scope: str, token: RefreshToken | None) -> Grant:
    return Grant(
        endpoint=provider.endpoint,
        client_id=values.get("IMAP_OAUTH_CLIENT_ID", ""),
        client_secret=values.get("IMAP_OAUTH_CLIENT_SECRET", ""),
        scope=values.get("IMAP_OAUTH_SCOPE", scope),
        refresh_token=token,
    )


def _refresh_tokens(
    values: Mapping[str, str], path: Path | None, count: int, faults: list[str]
) -> list[RefreshToken | None]:
    if path:
        return [RefreshToken(path=path, line=number) for number in range(count)]
    words = values.get("IMAP_OAUTH_REFRESH_TOKEN", "").split()
    if not words:
        return [None] * count
    return [RefreshToken(text=word) for word in one_each("IMAP_OAUTH_REFRESH_TOKEN", "\n".join(words), count, faults)]


def one_each(name: str, text: str, count: int, faults: list[str]) -> list[str]:
    """One for all, or one a line. With one mailbox it is taken as it is."""
    lines = [line for line in text.splitlines() if line] if count > 1 else [text] if text else []
    if not lines:
        faults.append(f"{name}: missing, though IMAP_URL is set")
    elif len(lines) not in (1, count):
        faults.append(f"{name}: {len(lines)} lines for {count} mailboxes: give one for all, or a line for each")
    return lines * count if len(lines) == 1 else lines


def _provider(values: Mapping[str, str], *, alone: bool, faults: list[str]) -> _Provider:
    name, tenant = values.get("IMAP_OAUTH_PROVIDER", ""), values.get("IMAP_OAUTH_TENANT", "")
    if name == "microsoft":
        if alone and tenant in ("", *_NO_TENANTS):
            faults.append("IMAP_OAUTH_TENANT: missing; without a refresh token it must be the id or domain of yours")
        elif not set(tenant) <= _IN_A_TENANT:
            faults.append("IMAP_OAUTH_TENANT: must be the id of a tenant, or its domain")
        return _microsoft(tenant or "organizations")
    if tenant:
        faults.append("IMAP_OAUTH_TENANT: only the provider microsoft has tenants")
    if name != "google" and not _is_endpoint(name):
        faults.append("IMAP_OAUTH_PROVIDER: must be google, microsoft, or the https:// URL of a token endpoint")
    return _GOOGLE if name == "google" else _Provider(endpoint=name)


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    plain = url.isascii() and url.isprintable() and " " not in url
    return bool(safe and plain and host and parts.username is None and not parts.fragment)
