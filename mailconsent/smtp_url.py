"""Where our own mail leaves: the setting SMTP_URL, taken apart."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from mailconsent.errors import ConfigError
from mailconsent.imap_url import is_loopback

_FAULT = "SMTP_URL: "


class Encryption(StrEnum):
    """How the way to a mail server is kept from others."""

    TLS = "tls"  #: from the first byte on (RFC 8314 section 3.3)
    STARTTLS = "starttls"  #: before anything is said, or not at all (RFC 3207)
    NONE = "none"  #: it does not leave this machine


_PORTS = {Encryption.TLS: 465, Encryption.STARTTLS: 587, Encryption.NONE: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A server that takes our mail, and as whom we come."""

    host: str
    port: int
    #: Often an address, so it stays out of the `repr`. Empty where the server asks for no login.
    user: str = field(repr=False, default="")
    encryption: Encryption


def parse_smtp_url(url: str) -> MailServer:
    """
    Take apart `smtps://user%40firm@host:465`. User and port may be left out.

    `smtps://` is TLS from the beginning, `smtp://` is STARTTLS; to this very machine `smtp://` is in clear text.
    ConfigError, echoing nothing of the URL, when it is not of that form or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{_FAULT}write it as smtps://user%40firm@host:465") from None
    if parts.scheme not in ("smtps", "smtp"):
        raise ConfigError(f"{_FAULT}it must begin with smtps:// or smtp://")
    if parts.password is not None:
        raise ConfigError(f"{_FAULT}take the password out of it and put it into MAILCONSENT_SMTP_PASSWORD")
    if not host:
        raise ConfigError(f"{_FAULT}name the host, as in smtps://user%40firm@host")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{_FAULT}nothing may stand behind the host and its port")
    user = unquote(parts.username or "")
    if any(letter < " " or letter == "\x7f" for letter in user):
        # A line break would end the SMTP command that it stands in, and begin another.
        raise ConfigError(f"{_FAULT}the user must not hold control characters")
    encryption = _encryption(parts.scheme, host)
    return MailServer(host=host, port=port or _PORTS[encryption], user=user, encryption=encryption)


def _encryption(scheme: str, host: str) -> Encryption:
    if scheme == "smtps":
        return Encryption.TLS
    # A mail server of this machine often has a certificate that nobody can check.
    return Encryption.NONE if is_loopback(host) else Encryption.STARTTLS
