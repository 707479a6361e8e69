"""
The secret keys: where they are kept, and how a running process gets to know new ones.

Digest keys turn addresses into digests; without them the suppression list is lost. Signing keys sign links. Both are
lists, oldest first, and no key is ever dropped: an old link must verify for as long as the mail it stands in is kept.
"""

import base64
import contextlib
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from mailconsent.address import Digester
from mailconsent.errors import ConfigError, InvalidToken
from mailconsent.model import ConfirmClaim, MailedClaim, UndoClaim, UnsubscribeClaim
from mailconsent.secret_file import write_secrets
from mailconsent.tokens import TokenSigner

_Claim = TypeVar("_Claim", UnsubscribeClaim, ConfirmClaim, UndoClaim, MailedClaim)

MIN_BYTES = 32
#: BLAKE2b takes no longer key.
MAX_BYTES = 64


class Purpose(StrEnum):
    """What a key is for."""

    DIGEST = "digest"
    SIGNING = "signing"


def read_keys(text: str, name: str) -> tuple[bytes, ...]:
    """Base64 keys, one a line or parted by blanks or commas, oldest first. Raises `ConfigError`, echoing no key."""
    keys: list[bytes] = []
    faults: list[str] = []
    for number, word in enumerate(text.replace(",", " ").split(), 1):
        try:
            key = base64.b64decode(word, validate=True)
        except ValueError:  # `binascii.Error` is one, and so is what it says of letters beyond ASCII
            faults.append(f"{name}: key {number} is not base64")
            continue
        if not MIN_BYTES <= len(key) <= MAX_BYTES:
            faults.append(f"{name}: key {number} has {len(key)} bytes, and must have {MIN_BYTES} to {MAX_BYTES}")
        elif key in keys:
            faults.append(f"{name}: key {number} stands there twice")
        keys.append(key)
    if not keys and not faults:
        faults.append(f"{name}: no key: run `mailconsent init`, or set it")
    if faults:
        raise ConfigError(*faults)
    return tuple(keys)


def new_key() -> str:
    """A fresh key, as it stands in a key file."""
    return base64.b64encode(secrets.token_bytes(MIN_BYTES)).decode("ascii")


def append_key(path: Path) -> None:
    """
    Add a fresh key to a key file, mode 0600, all or nothing: a reader sees the old file or the new one.

    The key is on disk before this returns, since rows written under a key that a power cut then takes are lost.
    Raises `ConfigError` where the file cannot be written.
    """
    try:
        lines = path.read_text("ascii").splitlines() if path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        write_secrets(path, [*lines, new_key()])
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: the key file cannot be written") from fault


class KeySource:
    """One list of keys: from a file that may grow while we run (`path`), or fixed while we run (`text`)."""

    def __init__(self, name: str, *, text: str | None = None, path: Path | None = None) -> None:
        self.name = name
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        #: Oldest first. Those of a file are there after the first `refresh`.
        self.keys: tuple[bytes, ...] = read_keys(text, name) if text is not None else ()

    def is_missing(self) -> bool:
        """Whether they should stand in a file, and there is none."""
        if not self.path:
            return False
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # there may be one: `refresh` says what is wrong
            return False
        return False

    def refresh(self) -> bool:
        """
        Read the file again if it changed; whether there are more keys now. Raises `ConfigError` if it is not usable, or
        lacks a key that was there before: a process that changed over to other keys would write to other recipients.
        """
        if not self.path:
            return False
        mark, keys = self._read(self.path)
        changed, self.keys, self._seen = keys != self.keys, keys, mark
        return changed

    def check(self) -> None:
        """Raises `ConfigError` unless the file still holds the keys that we have."""
        if self.path:
            self._seen = None
            self._read(self.path)

    def _read(self, path: Path) -> tuple[tuple[int, int, int], tuple[bytes, ...]]:
        try:
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_ino, status.st_size)
            if mark == self._seen:
                return mark, self.keys
            keys = read_keys(path.read_text("ascii"), self.name)
        except (OSError, UnicodeDecodeError) as fault:
            raise ConfigError(f"{self.name}: the key file cannot be read: run `mailconsent init`") from fault
        if keys[: len(self.keys)] != self.keys:
            raise ConfigError(f"{self.name}: a key in use is gone from the file, or has moved: bring it back")
        return mark, keys


def open_keyring(digest: KeySource, signing: KeySource) -> "Keyring":
    """The keys, read. Raises `ConfigError` with one line per fault if there are none yet, or they are not usable."""
    faults: list[str] = []
    for source in (digest, signing):
        try:
            source.refresh()
        except ConfigError as fault:
            faults += fault.faults
    if faults:
        raise ConfigError(*faults)
    return Keyring(digest, signing)


class Keyring:
    """Both lists of keys, and what is made of them."""

    def __init__(self, digest: KeySource, signing: KeySource) -> None:
        self._sources = {Purpose.DIGEST: digest, Purpose.SIGNING: signing}
        self._lock = threading.Lock()
        self._build()

    def source(self, purpose: Purpose) -> KeySource:
        """Where the keys of this purpose come from."""
        return self._sources[purpose]

    def keys(self, purpose: Purpose) -> Sequence[bytes]:
        """The keys of this purpose, oldest first."""
        return self._sources[purpose].keys

    def signer(self, active: int) -> TokenSigner:
        """Signs under key number `active`, which the database names, so that all processes change over together."""
        signing = self.keys(Purpose.SIGNING)
        if active not in self._signers:
            self._signers[active] = TokenSigner(signing, active)
        return self._signers[active]

    def read_token(self, text: str) -> UnsubscribeClaim:
        """The claim in a token; `InvalidToken`. A key that another process has just begun to sign with counts."""
        return self._read(lambda reader: reader.read(text))

    def read_mailed(self, text: str) -> MailedClaim:
        """The claim in a token that a mail carries, of a link or of a return path; `InvalidToken`."""
        return self._read(lambda reader: reader.read_mailed(text))

    def read_confirm(self, text: str, *, now: datetime) -> ConfirmClaim:
        """The claim in a link that confirms; `InvalidToken`, `TokenExpired`."""
        return self._read(lambda reader: reader.read_confirm(text, now=now))

    def read_undo(self, text: str, *, now: datetime) -> UndoClaim:
        """The claim in a link that undoes; `InvalidToken`, `TokenExpired`."""
        return self._read(lambda reader: reader.read_undo(text, now=now))

    def refresh(self) -> bool:
        """Take in keys added to the files since; whether there were any. A file broken meanwhile adds none."""
        with self._lock:
            changed = False
            for source in self._sources.values():
                with contextlib.suppress(ConfigError):
                    changed |= source.refresh()
            if changed:
                self._build()
            return changed

    def _read(self, read: Callable[[TokenSigner], _Claim]) -> _Claim:
        reader = self._reader
        try:
            return read(reader)
        except InvalidToken:
            self.refresh()
            if self._reader is reader:
                raise
            # Renewed, if not by us then by another thread meanwhile.
            return read(self._reader)

    def _build(self) -> None:
        self.digester = Digester(self.keys(Purpose.DIGEST))
        self._signers: dict[int, TokenSigner] = {}
        self._reader = TokenSigner(self.keys(Purpose.SIGNING))
