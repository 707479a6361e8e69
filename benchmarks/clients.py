"""
Sixteen mail clients that post to links, each on a connection that stays open: a process of its own.

`python -m benchmarks.clients PORT` reads paths from standard input, one a line, posts to each once, and writes the
seconds that each answer took, as JSON. Bare sockets, so that the clients take as little of the machine as can be.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median, quantiles
from typing import NamedTuple

CLIENTS = 16
_BODY = b"List-Unsubscribe=One-Click"


class Burst(NamedTuple):
    """What a number of posts came to."""

    rate: float
    median: float
    p99: float


def post(port: int, paths: Sequence[str]) -> Burst:
    """Post once to each path, sixteen at a time. RuntimeError if any answer was not 200."""
    command = [sys.executable, "-m", "benchmarks.clients", str(port)]
    done = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    seconds, taken = json.loads(done.stdout)
    return Burst(len(taken) / seconds, median(taken), quantiles(taken, n=100)[98])


class _Client:
    """One connection; at most one request is under way on it."""

    def __init__(self, port: int) -> None:
        self.link = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._began = 0.0
        self._answer = b""

    def send(self, path: bytes) -> None:
        head = (
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n" % (path, len(_BODY))
        )
        self._began, self._answer = time.perf_counter(), b""
        self.link.sendall(head + _BODY)

    def receive(self) -> float | None:
        """Take in what has come; the seconds it took once the answer is whole."""
        data = self.link.recv(65536)
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not data or (end and not head.startswith(b"HTTP/1.1 200 ")):
            raise RuntimeError(f"not 200: {self._answer[:300]!r}")
        if not end or len(body) < _length(head):
            return None
        return time.perf_counter() - self._began


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _post(port: int, paths: Iterator[bytes]) -> tuple[float, list[float]]:
    taken: list[float] = []
    with selectors.DefaultSelector() as selector:
        clients = [_Client(port) for _ in range(CLIENTS)]
        began = time.perf_counter()
        for client, path in zip(clients, paths, strict=False):
            selector.register(client.link, selectors.EVENT_READ, client)
            client.send(path)
        while selector.get_map():
            for key, _ in selector.select():
                client = key.data
                if (seconds := client.receive()) is None:
                    continue
                taken.append(seconds)
                if path := next(paths, b""):
                    client.send(path)
                else:
                    selector.unregister(client.link)
        return time.perf_counter() - began, taken


if __name__ == "__main__":
    print(json.dumps(_post(int(sys.argv[1]), iter(sys.stdin.read().encode().split()))))
