"""
A link to a mail server, every answer of which has an end.

`smtplib` waits anew for each piece of an answer, and keeps as many lines as come. A server that is broken, or is none,
could so take all our memory, or hold a letter until another worker takes it, too.
"""

import io
import smtplib
import socket
import time
from typing import Any

#: Bytes of one answer, all its lines together. The longest there are, those to EHLO, have two thousand.
LONGEST_ANSWER = 64 * 1024


class Link(smtplib.SMTP):
    """As of `smtplib`; the timeout of its socket is that of a whole answer."""

    def getreply(self) -> tuple[int, bytes]:
        """
        The next answer: its code and its text.

        SMTPServerDisconnected when it is not there in time, ValueError when it is too long; the link is closed then.
        """
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        if self.file is None:  # as on every new socket, also after STARTTLS: nothing is kept that came in clear text
            self.file = io.BufferedReader(_Incoming(self.sock))
        self.file.raw.begin()
        try:
            return super().getreply()
        except ValueError:
            self.close()
            raise


class SecureLink(Link, smtplib.SMTP_SSL):
    """The same, with TLS from the beginning."""


class _Incoming(io.RawIOBase):
    """What comes from a server, within the bounds of one answer from each `begin` on."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._patience = self._end = 0.0
        self._room = 0

    def begin(self) -> None:
        self._patience = self._sock.gettimeout() or 0.0
        self._end = time.monotonic() + self._patience
        self._room = LONGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = memoryview(buffer)[: self._room]
        if not piece:
            raise ValueError("an answer that is too long")
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        try:
            count = self._sock.recv_into(piece)
        finally:
            self._sock.settimeout(self._patience)
        self._room -= count
        return count
