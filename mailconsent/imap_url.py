"""Where a mailbox is: the setting IMAP_URL, taken apart."""

import contextlib
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from mailconsent.errors import ConfigError

_FAULT = "IMAP_URL: "


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAddress:
    """Where a mailbox is, and whose it is."""

    host: str
    port: int
    #: Often an address, so it stays out of the `repr`.
    user: str = field(repr=False)
    folder: str
    tls: bool

    @property
    def name(self) -> str:
        """What the cursor is stored under. Without the port: the mail is the same behind 143 and 993."""
        return f"{self.user}@{self.host}/{self.folder}"


def parse_imap_url(url: str) -> MailboxAddress:
    """
    Take apart `imaps://user%40firm@host:993/INBOX`. Port and folder may be left out.

    ConfigError, echoing nothing of the URL, when it is not of that form, holds a password, or would send one in clear
    text over a network: `imap://` goes to this very machine only.
    """
    try:
        parts = urlsplit(url)
        host, port, tls = parts.hostname or "", parts.port, parts.scheme == "imaps"
    except ValueError:
        raise ConfigError(f"{_FAULT}write it as imaps://user%40firm@host:993/INBOX") from None
    user, folder = unquote(parts.username or ""), unquote(parts.path).removeprefix("/") or "INBOX"
    if parts.scheme not in ("imaps", "imap"):
        raise ConfigError(f"{_FAULT}it must begin with imaps://")
    if parts.password is not None:
        raise ConfigError(f"{_FAULT}take the password out of it and put it into MAILCONSENT_IMAP_PASSWORD")
    if not host or not user:
        raise ConfigError(f"{_FAULT}name the user and the host, as in imaps://user%40firm@host/INBOX")
    if parts.query or parts.fragment:
        raise ConfigError(f"{_FAULT}write ? as %3F and # as %23 in the name of the folder")
    if any(letter < " " or letter == "\x7f" for letter in user + folder):
        # A line break would end the IMAP command that they stand in, and begin another.
        raise ConfigError(f"{_FAULT}user and folder must not hold control characters")
    if not tls and not is_loopback(host):
        raise ConfigError(f"{_FAULT}imap:// sends the password in clear, to this machine only: use imaps://")
    # INBOX is the one name that is the same in any case (RFC 9051 section 5.1), and must give the same cursor.
    folder = "INBOX" if folder.upper() == "INBOX" else folder
    return MailboxAddress(host=host, port=port or (993 if tls else 143), user=user, folder=folder, tls=tls)


def is_loopback(host: str) -> bool:
    """Whether this host is this very machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
