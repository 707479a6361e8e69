"""An SMTP server (RFC 5321) on a real socket: it keeps what it is handed, and misbehaves on demand."""

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

PASSWORD = "secret"


class Letter(NamedTuple):
    """What was handed in."""

    sender: str
    recipient: str
    raw: bytes
    #: The user who logged in, and whether the way was encrypted.
    user: str
    encrypted: bool
    #: What stood behind the return path, such as SMTPUTF8.
    options: str


class SmtpServer:
    """
    Takes mail on `port`; every letter goes into `letters`, and then to `deliver`.

    `certificate` and `key` are PEM files: with them it offers STARTTLS, or speaks TLS from the beginning (`implicit`).
    `answers` is what it says instead of yes: a verb, or `greeting` or `letter`, and a line of reply; an empty line
    hangs up, `...` says nothing at all, and `250-...` goes on for seconds. Each may be changed at any time.
    """

    def __init__(
        self,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        implicit: bool = False,
        logins: str = "",
        utf8: bool = False,
        answers: Mapping[str, str] = {},
        deliver: Callable[[Letter], None] = lambda letter: None,
    ) -> None:
        self.letters: list[Letter] = []
        #: Every command, by its first word.
        self.verbs: list[str] = []
        self.answers = dict(answers)
        self.deliver = deliver
        self.logins, self.utf8, self.implicit = logins, utf8, implicit
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(certificate, key)
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sessions: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything. No thread and no socket is left."""
        self.stopping.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the thread from waiting for the next connection
        self._thread.join()
        self._listener.close()
        for session in self._sessions:
            session.join()

    def _accept(self) -> None:
        while True:
            link, _ = self._listener.accept()
            if self.stopping.is_set():
                link.close()
                return
            self._sessions.append(threading.Thread(target=_Session(self, link).run, daemon=True))
            self._sessions[-1].start()


class _HungUp(Exception):
    """The conversation is over."""


class _Session:
    """One connection."""

    def __init__(self, server: SmtpServer, link: socket.socket) -> None:
        self._server, self._link = server, link
        self._encrypted, self._user = False, ""
        self._sender, self._recipient, self._options = "", "", ""
        self._file: BinaryIO | None = None

    def run(self) -> None:
        try:
            with contextlib.suppress(OSError, _HungUp):
                self._link.settimeout(0.2)
                if self._server.implicit:
                    self._encrypt()
                self._say("greeting", "220 sink.example.com ESMTP")
                while True:
                    self._obey(self._read_line())
        finally:
            self._link.close()

    def _encrypt(self) -> None:
        assert self._server.context
        self._link.settimeout(5)
        self._link = self._server.context.wrap_socket(self._link, server_side=True)
        self._link.settimeout(0.2)
        self._encrypted = True

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            try:
                letter = self._link.recv(1)
            except TimeoutError:
                if self._server.stopping.is_set():
                    raise _HungUp from None
                continue
            if not letter:
                raise _HungUp
            line += letter
        return line

    def _say(self, what: str, usual: str) -> bool:
        """Whether it was said as usual."""
        reply = self._server.answers.get(what, usual)
        if not reply:
            raise _HungUp
        if reply == "...":
            while not self._server.stopping.is_set():
                time.sleep(0.02)
            raise _HungUp
        if reply == "250-...":
            self._ramble()
            reply = "250 ok"
        self._link.sendall(reply.encode() + b"\r\n")
        return reply == usual

    def _ramble(self) -> None:
        for _ in range(200):
            if self._server.stopping.is_set():
                raise _HungUp
            self._link.sendall(b"250-wait\r\n")
            time.sleep(0.02)

    def _obey(self, line: bytes) -> None:
        text = line.decode("utf-8").strip()
        verb = text.split(" ")[0].upper()
        self._server.verbs.append(verb)
        if verb in ("EHLO", "HELO"):
            self._say(verb, self._greeting())
        elif verb == "STARTTLS" and self._server.context:
            if self._say(verb, "220 go ahead"):
                self._encrypt()
        elif verb == "AUTH":
            self._log_in(text)
        elif verb == "MAIL":
            self._take_sender(text)
        elif verb == "RCPT":
            if self._say(verb, "250 2.1.5 ok"):
                self._recipient = text.partition("<")[2].rpartition(">")[0]
        elif verb == "DATA":
            self._take_letter()
        elif verb == "QUIT":
            self._say(verb, "221 2.0.0 bye")
            raise _HungUp
        else:
            self._say(verb, "250 2.0.0 ok" if verb in ("RSET", "NOOP") else "502 5.5.2 what?")

    def _greeting(self) -> str:
        offers = ["ENHANCEDSTATUSCODES"]
        offers += ["STARTTLS"] if self._server.context and not self._encrypted else []
        offers += [f"AUTH {self._server.logins}"] if self._server.logins else []
        offers += ["SMTPUTF8", "8BITMIME"] if self._server.utf8 else []
        return "\r\n".join([*(f"250-{offer}" for offer in ["sink.example.com", *offers]), "250 SIZE 1000000"])

    def _log_in(self, text: str) -> None:
        _, way, *rest = text.split(" ")
        if way == "PLAIN":
            _, user, password = base64.b64decode(rest[0]).decode().split("\0")
        else:
            asked = [rest[0]] if rest else [self._ask("334 VXNlcm5hbWU6")]
            user, password = (base64.b64decode(part).decode() for part in (*asked, self._ask("334 UGFzc3dvcmQ6")))
        ok = password == PASSWORD
        self._user = user if ok else ""
        self._say("AUTH", "235 2.7.0 welcome" if ok else f"535 5.7.8 no, {user}")

    def _ask(self, question: str) -> str:
        self._say("question", question)
        return self._read_line().decode().strip()

    def _take_sender(self, text: str) -> None:
        if self._server.logins and not self._user:
            self._say("MAIL", "530 5.7.0 who are you?")
        elif self._say("MAIL", "250 2.1.0 ok"):
            path, _, self._options = text.partition("<")[2].rpartition(">")
            self._sender = path

    def _take_letter(self) -> None:
        if not self._say("DATA", "354 go on"):
            return
        lines = []
        while (line := self._read_line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        letter = Letter(
            self._sender, self._recipient, b"".join(lines), self._user, self._encrypted, self._options.strip()
        )
        # A server answers for a letter only when it has it; what goes wrong after that is its own affair.
        self._server.letters.append(letter)
        self._server.deliver(letter)
        self._say("letter", "250 2.0.0 taken")
