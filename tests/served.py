"""The web application as its operator runs it, `mailconsent serve`, and ways to speak to it to the byte."""

import contextlib
import http.client
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from mailconsent.address import match_key
from mailconsent.model import ALL_TOPICS, Channel, LegalBasis, Receipt, UndoClaim, UnsubscribeClaim
from mailconsent.services.installation import Installation
from mailconsent.services.recipients import withdraw
from mailconsent.services.undoing import offer_undo
from mailconsent.store.access import Scope, create_key
from tests.commands import Running
from tests.houses import House, consent, rows, token_for
from tests.real.ports import free_port, wait_for_port

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
_LOG = "web.log"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def mimetype(self) -> str:
        return self.headers.get_content_type()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running web application, and the same installation opened in this process to look behind it."""

    house: House
    here: Installation
    port: int
    process: Running

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own. Redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            return _answer(connection.getresponse())

    def post(self, path: str, body: bytes | None = ONE_CLICK, **headers: str) -> Answer:
        """A request as mail clients make it; `content_type="..."` is the header `Content-Type`."""
        return self.ask("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, request: bytes) -> Answer:
        """Exactly these bytes."""
        with self.connect() as line:
            line.sendall(request)
            return read_answer(line, request.partition(b" ")[0].decode())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def link(self, address: str | None = None, topic: str = "blog") -> str:
        """The path of the link that a new recipient's mail carries."""
        address = address or f"anna-{next(_NUMBERS)}@example.com"
        consent(self.here, address, topic=topic)
        return f"/u/{token_for(self.here, address, topic)}"

    def link_of_nobody(self, topic: int = ALL_TOPICS, basis: LegalBasis = LegalBasis.CONSENT) -> str:
        """A link signed by us to a recipient of whom there is no row."""
        keyring = self.here.store.keyring
        with self.here.store.read() as tx:
            digest = keyring.digester.digest(match_key(f"nobody-{next(_NUMBERS)}@example.org"), tx.state.newest)
            claim = UnsubscribeClaim(digest=digest, generation=tx.state.newest, topic=topic, basis=basis)
            return f"/u/{tx.signer.sign(claim)}"

    def undo_link(self, address: str | None = None) -> str:
        """The path of the link in the answer to a mail that withdrew all, of somebody who had consented."""
        address = address or f"anna-{next(_NUMBERS)}@example.com"
        consent(self.here, address)
        receipt = Receipt(channel=Channel.INBOX, received_at=datetime.now(UTC), source="mail:1/2/3")
        with self.here.store.begin() as tx:
            return f"/r/{offer_undo(tx, [withdraw(tx, address, receipt)], address)}"

    def late_undo_link(self) -> str:
        """The path of one that was answered a day ago."""
        with self.here.store.read() as tx:
            claim = UndoClaim(
                digest=bytes(16), generation=1, topic=ALL_TOPICS, withdrawal=1, expires_at=datetime.now(UTC)
            )
            return f"/r/{tx.signer.sign_undo(claim)}"

    def events(self) -> int:
        """How many events there are in the whole ledger."""
        number = rows(self.here, "select count(*) from events")[0][0]
        assert isinstance(number, int)
        return number

    def last_channel(self) -> object:
        """The door of the newest withdrawal."""
        return rows(self.here, "select channel from events where kind = 'withdrawn' order by received_at desc limit 1")[
            0
        ][0]

    def api_key(self) -> str:
        with self.here.store.begin() as tx:
            return create_key(tx, "newsletter", list(Scope), now=datetime.now(UTC))

    def log(self) -> str:
        return self.house.log(_LOG)


_NUMBERS = count(1)


def _answer(response: http.client.HTTPResponse) -> Answer:
    return Answer(status=response.status, headers=response.headers, body=response.read())


def read_answer(line: socket.socket, method: str = "POST") -> Answer:
    """The answer on an open connection."""
    response = http.client.HTTPResponse(line, method=method)
    with contextlib.closing(response):
        response.begin()
        return _answer(response)


@contextlib.contextmanager
def serving(house: House) -> Iterator[Served]:
    """Serve a house on a free port until the end of the block."""
    port = free_port()
    with house.opened() as here, house.running("serve", "--port", str(port), log=_LOG) as process:
        wait_for_port(port, process=process, log=house.folder / _LOG)
        yield Served(house=house, here=here, port=port, process=process)
