"""
The settings, from `MAILCONSENT_*` in the environment. Any of them may also be named `..._FILE`, and is then read from
that file, so that a secret need not stand in the environment. Wrong ones come back all at once, one line each, and echo
nothing that was set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mailconsent import imap_settings, oauth_settings
from mailconsent.errors import ConfigError
from mailconsent.headers import ROOM, has_room
from mailconsent.imap_settings import Inbox, Mark, read_inboxes, read_mark
from mailconsent.imap_url import is_loopback
from mailconsent.keyring import Keyring, KeySource, open_keyring
from mailconsent.oauth_grant import Grant
from mailconsent.policy import Policy, read_policy
from mailconsent.smtp_url import MailServer, parse_smtp_url

PREFIX = "MAILCONSENT_"
NAMES = (
    "DATABASE_URL",
    "POLICY",
    "BASE_URL",
    "DIGEST_KEYS",
    "SIGNING_KEYS",
    *imap_settings.NAMES,
    "IMAP_CYCLE",
    "IMAP_LEASE",
    "IMAP_TIMEOUT",
    "SMTP_URL",
    "SMTP_PASSWORD",
    "SMTP_SENDER",
    "MAILTO",
    "RETURN_PATH",
    "JOURNAL",
    "TRUSTED_AUTHSERV_IDS",
)
#: Files that change while we run: who needs them reads them, and reads them again.
READ_LATER = ("DIGEST_KEYS", "SIGNING_KEYS", "IMAP_OAUTH_REFRESH_TOKEN")
DATABASE_URL = "sqlite:///var/mailconsent.db"
DIGEST_KEYS_PATH = Path("var/digest.keys")
SIGNING_KEYS_PATH = Path("var/signing.keys")
_AUTHSERV_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
_SENDER = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]+")
_MAILTO = re.compile(r"[A-Za-z0-9._~-]{1,64}@[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator set. `docs/operations.md` explains each."""

    #: Often with a password, so it stays out of the `repr`.
    database_url: str = field(repr=False)
    policy_path: Path
    #: Where recipients reach us; no trailing slash.
    base_url: str
    #: Address for the mailto form of unsubscribing.
    mailto: str
    #: Address that bounces come back to, with a token behind its local part.
    return_path: str
    #: The mailboxes that the worker reads.
    inboxes: tuple[Inbox, ...]
    #: What is done in them to mail that had an effect; None for nothing.
    mark: Mark | None
    #: Seconds from one sweep of the inbox to the next, at the most.
    imap_cycle: float
    #: Seconds for which a worker holds a mailbox without renewing.
    imap_lease: float
    #: Seconds that the IMAP server may stay silent.
    imap_timeout: float
    #: Which takes our own mail; None where we write none.
    smtp: MailServer | None
    smtp_password: str = field(repr=False)
    #: The return path of our own mail. Empty, as it should be, where the server does not ask for one.
    smtp_sender: str
    digest_keys: KeySource
    signing_keys: KeySource
    #: The folder of the journal of opt-outs.
    journal: Path
    #: By what our own mail servers call themselves in Authentication-Results (RFC 8601 section 2.5).
    trusted_authserv_ids: frozenset[str]

    def keyring(self) -> Keyring:
        """The secret keys. Raises `ConfigError` if there are none yet, or they are not usable."""
        return open_keyring(self.digest_keys, self.signing_keys)

    def policy(self) -> Policy:
        """The published policy. Raises `ConfigError`."""
        return load_policy(self.policy_path)


def load_policy(path: Path) -> Policy:
    """The policy in a file. Raises `ConfigError` with one line per fault."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError("POLICY: the policy file cannot be read") from fault
    return read_policy(text)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises `ConfigError` with one line per fault."""
    faults = _unknown(environ)
    values = {name: value for name in NAMES if (value := _value(environ, name, faults))}
    inboxes = read_inboxes(values, _path(environ, "IMAP_OAUTH_REFRESH_TOKEN"), faults)
    settings = Settings(
        database_url=values.get("DATABASE_URL", DATABASE_URL),
        policy_path=Path(values.get("POLICY", "policy.toml")),
        base_url=_base_url(values.get("BASE_URL", "http://127.0.0.1:8080"), faults),
        mailto=_mailto(values.get("MAILTO", ""), faults),
        return_path=_return_path(values.get("RETURN_PATH", ""), faults),
        inboxes=inboxes,
        mark=read_mark(values, inboxes, faults),
        imap_cycle=_seconds("IMAP_CYCLE", values, 30, faults),
        imap_lease=_seconds("IMAP_LEASE", values, 90, faults),
        imap_timeout=_seconds("IMAP_TIMEOUT", values, 30, faults),
        smtp=_smtp(values.get("SMTP_URL"), faults),
        smtp_password=values.get("SMTP_PASSWORD", ""),
        smtp_sender=_sender(values.get("SMTP_SENDER", ""), faults),
        digest_keys=_keys("DIGEST_KEYS", environ, values, DIGEST_KEYS_PATH, faults),
        signing_keys=_keys("SIGNING_KEYS", environ, values, SIGNING_KEYS_PATH, faults),
        journal=Path(values["JOURNAL"]) if "JOURNAL" in values else _beside(values.get("DATABASE_URL", DATABASE_URL)),
        trusted_authserv_ids=_authserv_ids(values.get("TRUSTED_AUTHSERV_IDS", ""), faults),
    )
    if settings.smtp and settings.smtp.user and not settings.smtp_password:
        faults.append("SMTP_PASSWORD: missing, though SMTP_URL names a user")
    if faults:
        raise ConfigError(*faults)
    return settings


def load_judging(environ: Mapping[str, str]) -> tuple[Keyring | None, frozenset[str]]:
    """
    What mail is judged by, whatever is wrong with other settings: our keys, None where none are set and none were made,
    and the servers we trust. Raises `ConfigError`. A name that is no setting may have been meant for one of these.
    """
    faults = _unknown(environ)
    names = ("DIGEST_KEYS", "SIGNING_KEYS", "TRUSTED_AUTHSERV_IDS")
    values = {name: value for name in names if (value := _value(environ, name, faults))}
    keys = (
        _keys("DIGEST_KEYS", environ, values, DIGEST_KEYS_PATH, faults),
        _keys("SIGNING_KEYS", environ, values, SIGNING_KEYS_PATH, faults),
    )
    trusted = _authserv_ids(values.get("TRUSTED_AUTHSERV_IDS", ""), faults)
    if faults:
        raise ConfigError(*faults)
    unmade = all(each.path in (DIGEST_KEYS_PATH, SIGNING_KEYS_PATH) and each.is_missing() for each in keys)
    return None if unmade else open_keyring(*keys), trusted


def load_sign_in(environ: Mapping[str, str]) -> tuple[Grant, str, Path | None]:
    """What to sign in for, where, and the file that the refresh token goes into. Raises `ConfigError`."""
    faults: list[str] = []
    values = {name: value for name in oauth_settings.NAMES if (value := _value(environ, name, faults))}
    grant, page = oauth_settings.read_sign_in(values, faults)
    if faults:
        raise ConfigError(*faults)
    return grant, page, _path(environ, "IMAP_OAUTH_REFRESH_TOKEN")


def _unknown(environ: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: no such setting; docs/operations.md lists them"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).removesuffix("_FILE") not in NAMES
    ]


def _value(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    plain, path = environ.get(PREFIX + name), environ.get(f"{PREFIX}{name}_FILE")
    if plain and path:
        faults.append(f"{name}: set twice, plainly and as a file")
    if not path or name in READ_LATER:
        return plain
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        faults.append(f"{name}_FILE: the file cannot be read")
        return None


def _base_url(text: str, faults: list[str]) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    # It goes into header fields as it is; `urlsplit` drops a line break without a word.
    plain = text.isascii() and text.isprintable() and not set(text) & set(' <>"')
    if not plain or parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        faults.append("BASE_URL: must be like https://mail.example.com")
    elif parts.scheme == "http" and not is_loopback(host):
        # RFC 8058 section 3.1: the URI must be HTTPS.
        faults.append("BASE_URL: must begin with https://, or mail clients will not offer to unsubscribe")
    return text.rstrip("/")


def _mailto(text: str, faults: list[str]) -> str:
    if text and not _MAILTO.fullmatch(text):
        faults.append("MAILTO: must be a plain e-mail address")
    return text


def _return_path(text: str, faults: list[str]) -> str:
    if text and not _MAILTO.fullmatch(text):
        faults.append("RETURN_PATH: must be a plain e-mail address")
    elif not has_room(text):
        faults.append(f"RETURN_PATH: at most {ROOM} letters may stand before the @: a token is put behind them")
    return text


def _authserv_ids(text: str, faults: list[str]) -> frozenset[str]:
    ids = text.replace(",", " ").split()
    if not all(map(_AUTHSERV_ID.fullmatch, ids)):
        faults.append("TRUSTED_AUTHSERV_IDS: must be names of mail servers, with blanks between")
    return frozenset(ids)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    """Of a setting that changes in its file while we run."""
    path = environ.get(f"{PREFIX}{name}_FILE")
    return Path(path) if path else None


def _smtp(text: str | None, faults: list[str]) -> MailServer | None:
    try:
        return parse_smtp_url(text) if text else None
    except ConfigError as fault:
        faults.extend(fault.faults)
        return None


def _sender(text: str, faults: list[str]) -> str:
    if text and not _SENDER.fullmatch(text):
        faults.append("SMTP_SENDER: must be a plain e-mail address")
    return text


def _seconds(name: str, values: Mapping[str, str], default: float, faults: list[str]) -> float:
    try:
        seconds = float(values.get(name, default))
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        faults.append(f"{name}: must be a number of seconds, at most 3600")
    return seconds


def _beside(database_url: str) -> Path:
    """The folder for what belongs beside the database: where a SQLite file is, or in `var`."""
    scheme, _, path = database_url.partition(":///")
    folder = Path(path.partition("?")[0]).parent if scheme.startswith("sqlite") and path else Path("var")
    return folder / "journal"


def _keys(
    name: str, environ: Mapping[str, str], values: Mapping[str, str], default: Path, faults: list[str]
) -> KeySource:
    if path := environ.get(f"{PREFIX}{name}_FILE"):
        return KeySource(name, path=Path(path))
    if name not in values:
        return KeySource(name, path=default)
    try:
        return KeySource(name, text=values[name])
    except ConfigError as fault:
        faults.extend(fault.faults)
        return KeySource(name, path=default)
