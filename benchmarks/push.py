"""
From the moment a request is handed to Dovecot to the check that says no, over HTTP: the worker and the web application
run as processes of their own, and a newsletter system asks again and again.

The next request comes while the worker is still busy with the last, while it is on its way back to IDLE, or while it
waits: that is where a notification could get lost.
"""

import contextlib
import http.client
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median, quantiles
from urllib.parse import quote

from imapclient import IMAPClient

from benchmarks.figure import Figure, milliseconds
from benchmarks.rounds import progress
from benchmarks.site import KINDS, Site, sites
from mailconsent.model import Channel, Evidence, Receipt
from mailconsent.services.installation import Installation
from mailconsent.services.senders import record_consent
from mailconsent.store.access import Scope, create_key
from tests.real.dovecot import PASSWORD, Dovecot

PUSHES = 1_000
#: Seconds from one effect to the next request, at most.
PAUSE = 0.2
#: Seconds that it should take 99 times of 100, and after which it is taken for lost.
TARGET, PATIENCE = 1.0, 120.0


def run(*, small: bool) -> Iterator[Figure]:
    """A thousand requests, one after the other; fifty if `small`."""
    dovecot = Dovecot()
    try:
        for kind in KINDS:
            progress(f"push, {kind}")
            with sites(kind) as new:
                yield from _measure(kind, new(), dovecot, PUSHES // 20 if small else PUSHES)
    finally:
        dovecot.stop()


def _measure(kind: str, site: Site, dovecot: Dovecot, count: int) -> Iterator[Figure]:
    user = dovecot.new_user()
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    people = [f"anna.{number}@example.net" for number in range(count)]
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(dovecot.session(user))
        here = stack.enter_context(site.opened())
        key = _prepare(here, people)
        server = stack.enter_context(site.served())
        worker = stack.enter_context(site.worked(IMAP_URL=url, IMAP_PASSWORD=PASSWORD))
        worker.wait_for_sweep(here)
        sender = _Sender(server.port, key)
        chance = random.Random(1)
        taken = []
        for address in people:
            taken.append(_push(session, sender, address))
            time.sleep(chance.uniform(0, PAUSE))
    worst = quantiles(taken, n=100)[98]
    yield Figure(name=f"push, {kind}, median of {count:,}", figure=milliseconds(median(taken)), limit="")
    yield Figure(
        name=f"push, {kind}, 99th percentile",
        figure=milliseconds(worst),
        limit=milliseconds(TARGET),
        ratio=worst / TARGET,
        target=1.0,
        at_most=True,
    )


def _prepare(here: Installation, people: list[str]) -> str:
    """Everybody consents; the key with which to ask."""
    topic, now = here.rules.policy.topic("blog"), datetime.now(UTC)
    given = Receipt(channel=Channel.API, received_at=now, evidence=Evidence(details={"wording": "Yes."}))
    with here.store.begin() as tx:
        for address in people:
            record_consent(tx, topic, address, given)
        return create_key(tx, "bench", [Scope.CHECK], now=now)


class _Sender:
    """A newsletter system on one connection."""

    def __init__(self, port: int, key: str) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def may_mail(self, address: str) -> bool:
        body = json.dumps({"topic": "blog", "addresses": [address]})
        self._link.request("POST", "/v1/check", body, self._headers)
        answer = self._link.getresponse().read()
        allowed: bool = json.loads(answer)["verdicts"][0]["allowed"]
        return allowed


def _push(session: IMAPClient, sender: _Sender, address: str) -> float:
    """Seconds from the delivery of this person's request to the no."""
    assert sender.may_mail(address)
    mail = (
        f"From: Anna <{address}>\r\nTo: contact@example.com\r\nSubject: Unsubscribe\r\nMessage-ID: <{address}>\r\n"
        f"Date: Mon, 2 Mar 2026 09:30:00 +0000\r\n\r\nPlease unsubscribe me.\r\n"
    )
    began = time.perf_counter()
    session.append("INBOX", mail.encode())
    while sender.may_mail(address):
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError("a request was never acted on")
        time.sleep(0.001)
    return time.perf_counter() - began
