"""
What access tokens are given for (OAuth 2.0, RFC 6749), and where the refresh token (section 1.5) is kept.

A server may give a new one with each access token, and end the old one (section 6). One that stands in a file is then
replaced in that file; one that was given in the environment cannot be.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mailconsent.errors import MailboxRefused
from mailconsent.secret_file import write_secrets


class NotKept(Exception):
    """A refresh token cannot be written to where it belongs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token is in `text`, or alone on a line of the file at `path`, which is read each time it is needed."""

    text: str = field(default="", repr=False)
    path: Path | None = None
    #: From 0, of the lines that are not empty. If there is only one, it is for all.
    line: int = 0

    @contextlib.contextmanager
    def held(self) -> Iterator["Held"]:
        """
        The token as it stands now, while no other process uses or replaces one in that folder.

        Raises MailboxRefused where there is none.
        """
        if not self.path:
            yield Held(self.text, None)
            return
        with _locked(self.path.parent):
            try:
                lines = _lines(self.path)
                text = lines[self.line if len(lines) > 1 else 0]
            except (OSError, UnicodeDecodeError, IndexError):
                raise MailboxRefused(_NO_TOKEN) from None
            yield Held(text, self.path)


_NO_TOKEN = "IMAP_OAUTH_REFRESH_TOKEN_FILE: it holds no token for this mailbox; `mailconsent sign-in` gets one."  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an access token is given for. `docs/operations.md` tells how an operator comes by it."""

    #: The URL of the token endpoint.
    endpoint: str
    client_id: str
    #: Empty for a public client.
    client_secret: str = field(repr=False)
    #: Empty for what was granted with the refresh token.
    scope: str
    #: None: the client asks in its own name.
    refresh_token: RefreshToken | None


class Held:
    """A refresh token, while it is ours alone."""

    def __init__(self, text: str, path: Path | None) -> None:
        self.text = text
        self._path = path

    def replace(self, newer: str) -> None:
        """Put another in its place. Raises NotKept."""
        try:
            if self._path:
                lines = [newer if line == self.text else line for line in _lines(self._path)]
                return write_secrets(self._path, lines)
        except (OSError, UnicodeDecodeError):
            pass
        raise NotKept


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("ascii").splitlines() if line.strip()]


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder is locked, since the file itself is replaced by another."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # there is none, or it is of a kind that knows no locks
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def keep_token(path: Path, line: int, token: str) -> None:
    """Put a token into a line of a file, from 0, or behind the last. Raises NotKept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            lines = _lines(path) if path.exists() else []
            if line > len(lines):
                raise NotKept
            write_secrets(path, [*lines[:line], token, *lines[line + 1 :]])
    except (OSError, UnicodeDecodeError):
        raise NotKept from None
