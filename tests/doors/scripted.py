"""A server that says, byte for byte, what it was told to: an outage, a broken proxy, a liar."""

import contextlib
import json
import socket
import threading
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self

JSON = "application/json"


def response(status: int, body: bytes, content_type: str = JSON, **headers: str) -> bytes:
    """A well-formed answer; `content_length="..."` in place of the true one makes it a broken one."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-").title(): text for name, text in headers.items()}
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join([*head, "", ""]).encode() + body


def answer(value: object) -> bytes:
    """A well-formed answer of 200."""
    return response(200, json.dumps(value).encode())


class ScriptedServer:
    """
    Answers one request after another from its script, each on a connection of its own; the last answer for ever.

    An answer is a list of pieces with `pause` seconds before each; an empty list hangs up.
    """

    def __init__(self, *script: Sequence[bytes], pause: float = 0.0) -> None:
        self.requests: list[bytes] = []
        self._script = list(script)
        self._pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, *script: Sequence[bytes]) -> None:
        """Go on with another script."""
        self._script = list(script)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        # Wakes the thread from waiting for the next connection.
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname()):
            pass
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            line, _ = self._listener.accept()
            with line:
                if self._stopping.is_set():
                    return
                with contextlib.suppress(OSError):
                    self._converse(line)

    def _converse(self, line: socket.socket) -> None:
        line.settimeout(10)
        self.requests.append(_read_request(line))
        for piece in self._script.pop(0) if len(self._script) > 1 else self._script[0]:
            if self._stopping.wait(self._pause):
                return
            line.sendall(piece)


def _read_request(line: socket.socket) -> bytes:
    head, _, body = _until(line, b"", b"\r\n\r\n").partition(b"\r\n\r\n")
    length = next(int(field.split(b":")[1]) for field in head.lower().split(b"\r\n") if b"content-length:" in field)
    while len(body) < length:
        body += line.recv(65536)
    return head + b"\r\n\r\n" + body


def _until(line: socket.socket, data: bytes, mark: bytes) -> bytes:
    while mark not in data:
        more = line.recv(65536)
        if not more:
            raise OSError("hung up")
        data += more
    return data
