"""
The settings of the contact inboxes, `MAILCONSENT_IMAP_*`: which mailboxes are read, how the worker logs in to them, and
what it does to mail that it handled.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailconsent import oauth_settings
from mailconsent.errors import ConfigError
from mailconsent.imap_url import MailboxAddress, parse_imap_url
from mailconsent.oauth_grant import Grant
from mailconsent.oauth_settings import one_each

NAMES = ("IMAP_URL", "IMAP_PASSWORD", *oauth_settings.NAMES, "IMAP_HANDLED_KEYWORD", "IMAP_HANDLED_FOLDER")
#: An atom (RFC 9051 section 9, flag-keyword), of the letters that all mail programs take.
_KEYWORD = re.compile(r"[A-Za-z0-9$_.-]{1,64}")


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
    The mailboxes in the order of IMAP_URL. `values` are settings by name; the refresh tokens stand there or in a file.
    Faults are added, a line each.
    """
    urls = values.get("IMAP_URL", "").split()
    addresses = _addresses(urls, faults)
    oauth = refresh_token_path or any(values.get(name) for name in oauth_settings.NAMES)
    if oauth and values.get("IMAP_PASSWORD"):
        faults.append("IMAP_PASSWORD: a worker logs in with passwords or with OAuth tokens, so unset one of the two")
    elif oauth:
        grants = oauth_settings.read_grants(values, refresh_token_path, len(urls), faults)
        return tuple(Inbox(address=a, grant=g) for a, g in zip(addresses, grants, strict=False))
    elif urls:
        passwords = one_each("IMAP_PASSWORD", values.get("IMAP_PASSWORD", ""), len(urls), faults)
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
