"""
The settings of the contact inboxes, `MAILCONSENT_IMAP_*`: which mailboxes are read, how the worker logs in to them, and
what it does to mail that it handled.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mailconsent.errors import ConfigError
from mailconsent.imap_url import MailboxAddress, is_loopback, parse_imap_url
from mailconsent.oauth_grant import Grant, RefreshToken

_OAUTH = "IMAP_OAUTH_"
NAMES = (
    "IMAP_URL",
    "IMAP_PASSWORD",
    "IMAP_OAUTH_PROVIDER",
    "IMAP_OAUTH_TENANT",
    "IMAP_OAUTH_CLIENT_ID",
    "IMAP_OAUTH_CLIENT_SECRET",
    "IMAP_OAUTH_REFRESH_TOKEN",
    "IMAP_OAUTH_SCOPE",
    "IMAP_HANDLED_KEYWORD",
    "IMAP_HANDLED_FOLDER",
)
#: An atom (RFC 9051 section 9, flag-keyword), of the letters that all mail programs take.
_KEYWORD = re.compile(r"[A-Za-z0-9$_.-]{1,64}")

#: Where Google and Microsoft give tokens.
_GOOGLE = "https://oauth2.googleapis.com/token"
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
#: What a refresh token of Microsoft is asked for, and a client in its own name.
_OF_A_USER = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
_OF_THE_CLIENT = "https://outlook.office365.com/.default"
#: Names that stand for many tenants, in which a client of its own is nobody.
_NO_TENANTS = ("common", "organizations", "consumers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """A mailbox to be read, and how to log in."""

    address: MailboxAddress
    #: Empty where there is a `grant`.
    password: str = field(default="", repr=False)
    #: For access tokens (OAuth 2.0).
    grant: Grant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is done in the mailbox to mail that had an effect: one of the two."""

    keyword: str = ""
    folder: str = ""


def read_mark(values: Mapping[str, str], inboxes: Iterable[Inbox], faults: list[str]) -> Mark | None:
    """None: handled mail stays as it is. `values` are settings by name. Faults are added, a line each."""
    keyword, folder = values.get("IMAP_HANDLED_KEYWORD", ""), values.get("IMAP_HANDLED_FOLDER", "")
    folder = "INBOX" if folder.upper() == "INBOX" else folder
    if keyword and folder:
        faults.append("IMAP_HANDLED_FOLDER: set together with IMAP_HANDLED_KEYWORD: unset one of the two")
    if keyword and not _KEYWORD.fullmatch(keyword):
        faults.append("IMAP_HANDLED_KEYWORD: must be at most 64 of the letters A to Z, digits, and $ _ . -")
    if any(letter < " " or letter == "\x7f" for letter in folder):
        faults.append("IMAP_HANDLED_FOLDER: must not hold control characters")
    if folder and folder in {inbox.address.folder for inbox in inboxes}:
        faults.append("IMAP_HANDLED_FOLDER: must not be a folder of IMAP_URL, where it would be read once more")
    return Mark(keyword=keyword, folder=folder) if keyword or folder else None


def read_inboxes(values: Mapping[str, str], refresh_token_path: Path | None, faults: list[str]) -> tuple[Inbox, ...]:
    """
    The mailboxes in the order of IMAP_URL. `values` are settings by name; the refresh tokens stand there or in a file,
    which is read each time, since it changes. Faults are added, a line each.
    """
    urls = values.get("IMAP_URL", "").split()
    addresses = _addresses(urls, faults)
    oauth = [name for name in NAMES if name.startswith(_OAUTH) and values.get(name)]
    if refresh_token_path:
        oauth.append("IMAP_OAUTH_REFRESH_TOKEN")
    if oauth and values.get("IMAP_PASSWORD"):
        faults.append("IMAP_PASSWORD: a worker logs in with passwords or with OAuth tokens, so unset one of the two")
    elif oauth:
        grants = _grants(values, refresh_token_path, len(urls), faults)
        return tuple(Inbox(address=a, grant=g) for a, g in zip(addresses, grants, strict=False))
    elif urls:
        passwords = _one_each("IMAP_PASSWORD", values.get("IMAP_PASSWORD", ""), len(urls), faults)
        return tuple(Inbox(address=a, password=p) for a, p in zip(addresses, passwords, strict=False))
    return ()


def _addresses(urls: list[str], faults: list[str]) -> list[MailboxAddress]:
    found: list[MailboxAddress] = []
    for number, url in enumerate(urls, 1):
        which = f"IMAP_URL: mailbox {number}: " if len(urls) > 1 else "IMAP_URL: "
        try:
            address = parse_imap_url(url)
        except ConfigError as fault:
            faults += [which + line.removeprefix("IMAP_URL: ") for line in fault.faults]
            continue
        if address.name in {other.name for other in found}:
            faults.append(f"{which}it is named twice")
        found.append(address)
    return found


def _one_each(name: str, text: str, count: int, faults: list[str]) -> list[str]:
    """One for all, or one a line. With one mailbox it is taken as it is."""
    lines = [line for line in text.splitlines() if line] if count > 1 else [text] if text else []
    if not lines:
        faults.append(f"{name}: missing, though IMAP_URL is set")
    elif len(lines) not in (1, count):
        faults.append(f"{name}: {len(lines)} lines for {count} mailboxes: give one for all, or a line for each")
    return lines * count if len(lines) == 1 else lines


def _grants(values: Mapping[str, str], path: Path | None, count: int, faults: list[str]) -> list[Grant]:
    provider = values.get("IMAP_OAUTH_PROVIDER", "")
    tokens = _refresh_tokens(values, path, count, faults)
    secret = values.get("IMAP_OAUTH_CLIENT_SECRET", "")
    if "IMAP_OAUTH_CLIENT_ID" not in values:
        faults.append("IMAP_OAUTH_CLIENT_ID: missing, though other IMAP_OAUTH_ settings are there")
    if None in tokens and provider == "google":
        # It would take a service account's signed assertion instead (docs/decisions/0027).
        faults.append("IMAP_OAUTH_REFRESH_TOKEN: missing; Google lets a client read mail by one alone")
    elif None in tokens and not secret:
        faults.append("IMAP_OAUTH_REFRESH_TOKEN: missing; without it there must be an IMAP_OAUTH_CLIENT_SECRET")
    endpoint = _endpoint(provider, values.get("IMAP_OAUTH_TENANT", ""), alone=None in tokens, faults=faults)
    default = "" if provider != "microsoft" else _OF_THE_CLIENT if None in tokens else _OF_A_USER
    return [
        Grant(
            endpoint=endpoint,
            client_id=values.get("IMAP_OAUTH_CLIENT_ID", ""),
            client_secret=secret,
            scope=values.get("IMAP_OAUTH_SCOPE", default),
            refresh_token=token,
        )
        for token in tokens
    ]


def _refresh_tokens(
    values: Mapping[str, str], path: Path | None, count: int, faults: list[str]
) -> list[RefreshToken | None]:
    text = values.get("IMAP_OAUTH_REFRESH_TOKEN", "")
    if not text:
        return [None] * count
    # As many as there are now: later ones take the place of these.
    lines = _one_each("IMAP_OAUTH_REFRESH_TOKEN", "\n".join(text.split()), count, faults)
    if not path:
        return [RefreshToken(text=line) for line in lines]
    alone = len(text.split()) == 1
    return [RefreshToken(path=path, line=0 if alone else number) for number in range(len(lines))]


def _endpoint(provider: str, tenant: str, *, alone: bool, faults: list[str]) -> str:
    if tenant and provider != "microsoft":
        faults.append("IMAP_OAUTH_TENANT: only the provider microsoft has tenants")
    if provider == "google":
        return _GOOGLE
    if provider == "microsoft":
        if alone and tenant in ("", *_NO_TENANTS):
            faults.append("IMAP_OAUTH_TENANT: missing; without a refresh token it must be the id or domain of yours")
        elif not set(tenant) <= _IN_A_TENANT:
            faults.append("IMAP_OAUTH_TENANT: must be the id of a tenant, or its domain")
        return _MICROSOFT.format(tenant=tenant or "organizations")
    try:
        parts = urlsplit(provider)
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        plain = provider.isascii() and provider.isprintable() and " " not in provider
        usable = bool(safe and plain and parts.hostname and parts.username is None and not parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        faults.append("IMAP_OAUTH_PROVIDER: must be google, microsoft, or the https:// URL of a token endpoint")
    return provider


_IN_A_TENANT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
