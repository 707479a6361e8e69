"""
Nothing lost, nothing twice: web and workers are killed with SIGKILL at random moments, under load, and what they
acknowledged is counted afterwards.

Two workers share the inbox and four threads serve the web application, so the same test shows that several of each are
safe together.
"""

import contextlib
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from mailconsent.address import match_key
from mailconsent.model import EventKind, LegalBasis, UnsubscribeClaim
from mailconsent.services.installation import Installation
from tests.doors.mails import mail
from tests.houses import House, build, consent, events, inbox_settings, rows, unfolded, until
from tests.real.dovecot import Dovecot
from tests.real.ports import free_port

KILLS = 30
PEOPLE = 20_000
CLIENTS = 4
CONSENTED = 300


class Victim:
    """A process of ours that is killed and started again."""

    def __init__(self, home: House, name: str, *arguments: str) -> None:
        self._start = partial(home.start, *arguments, log=f"{name}.log")
        self._process = self._start()
        self.kills = 0

    def start(self) -> None:
        self._process = self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Posts:
    """Clients that post to links until told to stop, and remember what was acknowledged."""

    def __init__(self, here: Installation, port: int) -> None:
        self._here, self._port = here, port
        self._stop = threading.Event()
        self._people = iter(range(PEOPLE))
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.tried: set[str] = set()
        self.threads = [threading.Thread(target=self._post_on) for _ in range(CLIENTS)]

    def _post_on(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                address = f"p{next(self._people)}@example.com"
                self.tried.add(address)
            # A mail client that gets no answer may give up, or try again; half of ours do each.
            for _ in range(random.choice([1, 5])):
                if self._post(address):
                    with self._lock:
                        self.acknowledged.add(address)
                    break
                time.sleep(0.1)

    def _post(self, address: str) -> bool:
        keyring = self._here.store.keyring
        digest = keyring.digester.digest(match_key(address), 1)
        claim = UnsubscribeClaim(digest=digest, generation=1, topic=1, basis=LegalBasis.CONSENT)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("POST", f"/u/{keyring.signer(1).sign(claim)}", b"List-Unsubscribe=One-Click")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @contextlib.contextmanager
    def going(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self.threads:
                thread.join(60)


@contextlib.contextmanager
def mails_arriving(dovecot: Dovecot, user: str, senders: list[str]) -> Iterator[None]:
    """Requests keep arriving in the inbox, a few at a time."""
    stop = threading.Event()

    def deliver() -> None:
        while not stop.wait(0.05):
            some = [f"m{len(senders) + n}@example.net" for n in range(3)]
            dovecot.append(user, [mail(sender, "Unsubscribe") for sender in some])
            senders.extend(some)

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.mark.timeout(280)
def test_what_was_acknowledged_survives_kills_at_random_moments(
    tmp_path: Path, database_url: str, dovecot: Dovecot
) -> None:
    user, port = dovecot.new_user(), free_port()
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    settings = inbox_settings(url, IMAP_LEASE="1.5", IMAP_HANDLED_FOLDER="Handled")
    home = build(tmp_path, database_url, settings)
    senders: list[str] = []
    with home.opened() as here:
        consent(here, *[f"p{n}@example.com" for n in range(CONSENTED)])
        posts = Posts(here, port)
        web = Victim(home, "web", "serve", "--port", str(port), "--threads", "4")
        victims = [web, Victim(home, "worker-1", "worker"), Victim(home, "worker-2", "worker")]

        def progress(victim: Victim) -> int:
            if victim is web:
                return len(posts.acknowledged)
            return int(str(rows(here, "select count(*) from inbound_messages")[0][0]))

        with mails_arriving(dovecot, user, senders), posts.going():
            for kill in range(KILLS):
                victim = victims[kill % 3]
                # Mostly in the midst of work; now and then while it is still starting.
                if kill % 4:
                    before = progress(victim)
                    until(lambda: progress(victim) > before, "work to go on", 40)  # noqa: B023 - asked at once
                time.sleep(random.uniform(0.0, 0.5))
                victim.kill()
                victim.start()

        until(lambda: rows(here, "select count(*) from inbound_messages") == [(len(senders),)], "the inbox", 60)
        until(lambda: rows(here, "select count(*) from inbound_messages where unmarked") == [(0,)], "the moves", 60)
        for victim in victims:
            victim.end()

        withdrawals = Counter[str]()
        digests = {bytes(row[1]): row[0] for row in rows(here, "select id, digest from recipients")}  # type: ignore[call-overload]
        recorded = events(here)
        for address in {*posts.tried, *senders, *(f"p{n}@example.com" for n in range(CONSENTED))}:
            recipient_id = digests.pop(here.store.keyring.digester.digest(match_key(address), 1), None)
            kinds = [event.kind for event in recorded.get(recipient_id, [])]  # type: ignore[call-overload]
            withdrawals[address] = kinds.count(EventKind.WITHDRAWN)
            assert len(kinds) - withdrawals[address] in (0, 1), "a consent at the most"

        print(
            f"{KILLS} kills; acknowledged {len(posts.acknowledged)} of {len(posts.tried)} posts; {len(senders)} mails"
        )
        assert len(posts.acknowledged) > 100, home.log("web.log")
        assert len(senders) > 100
        assert {withdrawals[address] for address in posts.acknowledged} == {1}
        assert {withdrawals[sender] for sender in senders} == {1}
        assert all(withdrawals[address] <= 1 for address in posts.tried), "not acknowledged, so perhaps recorded"
        assert not digests, "nobody else has an event"
        assert unfolded(here) == []
        assert (len(dovecot.state(user)), len(dovecot.state(user, "Handled"))) == (0, len(senders))
        assert sum(victim.kills for victim in victims) == KILLS
