"""A TCP relay that misbehaves on demand: the network between a client and its server."""

import contextlib
import selectors
import socket
import struct
import threading
import time

#: Seconds between two looks at the switches.
_TICK = 0.02


class Relay:
    """
    Forwards `port` to a server on the loopback interface. Every switch holds for open and for new connections.

    `delay` is seconds before each chunk; with `drip`, chunks are single bytes. `mask` is a word that the client does
    not get to see in what the server says, such as a capability.
    """

    def __init__(self, server_port: int) -> None:
        self.delay = 0.0
        self.drip = False
        self.mask = b""
        self._server_port = server_port
        self._hole = threading.Event()
        self._links: list[_Link] = []
        self._budget: int | None = None
        self._listener: socket.socket | None = None
        self.port = 0
        self.admit()

    def admit(self) -> None:
        """Take new connections (again)."""
        if self._listener is not None:
            return
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.settimeout(_TICK)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._acceptor.start()

    def refuse(self) -> None:
        """Let new connections be refused. Open ones go on."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        self._acceptor.join()
        listener.close()

    def black_hole(self) -> None:
        """Swallow everything, both ways, without closing anything."""
        self._hole.set()

    def heal(self) -> None:
        """Forward again, at full speed, and take new connections."""
        self._hole.clear()
        self.delay, self.drip, self.mask, self._budget = 0.0, False, b"", None
        self.admit()

    def cut(self, *, reset: bool = False) -> None:
        """End every connection: with a FIN as a server that stops does, or with a RST as a firewall does."""
        links, self._links = self._links, []
        for link in links:
            link.end(reset=reset)

    def cut_after(self, count: int) -> None:
        """End the connection, once, when it has forwarded this many more bytes of the server's."""
        self._budget = count

    def stop(self) -> None:
        """End everything. No thread and no socket is left."""
        self.refuse()
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port), timeout=5.0)
            except OSError:
                client.close()
                continue
            self._links.append(_Link(self, client, server))

    def forwarding(self) -> bool:
        """Whether bytes may pass just now."""
        return not self._hole.is_set()

    def chunk_size(self) -> int:
        """How many bytes a connection may take up at once."""
        return 1 if self.drip else 65536

    def spend(self, data: bytes) -> tuple[bytes, bool]:
        """What of the server's `data` may pass, and whether the connection ends after it."""
        if self.mask:
            data = data.replace(self.mask, b"X" * len(self.mask))
        if self._budget is None:
            return data, False
        passing = data[: self._budget]
        self._budget -= len(passing)
        if self._budget > 0:
            return passing, False
        self._budget = None
        return passing, True


class _Link:
    """One connection. A single thread owns both of its sockets, so that nothing is closed under another's feet."""

    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self._relay, self._client, self._server = relay, client, server
        self._ended = False
        self._reset = False
        client.setblocking(False)
        server.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self, *, reset: bool) -> None:
        self._reset = reset
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        try:
            with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
                selector.register(self._client, selectors.EVENT_READ)
                selector.register(self._server, selectors.EVENT_READ)
                while not self._ended:
                    self._turn(selector)
        finally:
            if self._reset:
                # Lingering for no time makes close() send a RST instead of a FIN.
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._client.close()
            self._server.close()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        if not self._relay.forwarding():
            time.sleep(_TICK)
            return
        for key, _ in selector.select(_TICK):
            self._forward(self._client if key.fileobj is self._client else self._server)

    def _forward(self, source: socket.socket) -> None:
        data = source.recv(self._relay.chunk_size())
        if not data:
            self._ended = True
            return
        last = False
        if source is self._server:
            data, last = self._relay.spend(data)
        if self._relay.delay:
            time.sleep(self._relay.delay)
        self._send(self._server if source is self._client else self._client, data)
        self._ended = self._ended or last

    def _send(self, target: socket.socket, data: bytes) -> None:
        while data and not self._ended:
            if not self._relay.forwarding():
                time.sleep(_TICK)
                continue
            try:
                data = data[target.send(data) :]
            except BlockingIOError:
                time.sleep(_TICK / 10)
