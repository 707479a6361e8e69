"""
"May I mail these addresses?", in process and over HTTP.

In process, the limit is the digests by the tightest loop and the look-up by the driver alone. Over HTTP, it is the same
check in process; the time in which the client parses the answer is not the server's, and stands apart. A share of 5 %
of the addresses having a standing is a bought list; 100 % is a newsletter's own.
"""

import contextlib
import functools
import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks import raw
from benchmarks.figure import Figure, milliseconds, rate
from benchmarks.population import Population
from benchmarks.rounds import medians, progress
from benchmarks.site import KINDS, Site, sites
from mailconsent.decision import Mailing
from mailconsent.keyring import Purpose
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.installation import Installation
from mailconsent.services.senders import check
from mailconsent.store.access import Scope, create_key

BATCHES = (1, 1_000, 10_000)
HITS = (0.05, 1.0)
ROUNDS = 15
#: Requests of one turn, so that a turn of single addresses can be timed at all.
REPEATS = {1: 200, 1_000: 5, 10_000: 1}


class Checks:
    """The three ways of asking about one population. Each turn asks about fresh random addresses, made beforehand."""

    def __init__(self, installation: Installation, population: Population, port: int) -> None:
        self.population = population
        self._installation = installation
        self._topic = installation.rules.policy.topic("blog")
        self._key = installation.store.keyring.keys(Purpose.DIGEST)[0]
        self._raw = raw.connect(installation.store)
        self._link = http.client.HTTPConnection("127.0.0.1", port)
        with installation.store.begin() as tx:
            key = create_key(tx, "bench", [Scope.CHECK], now=datetime.now(UTC))
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        #: Seconds that the client took to parse the last answer.
        self.parsing = 0.0

    def _timed(self, batch: int, hits: float, ask: Callable[[Any], object], prepare: Callable[[Any], Any]) -> float:
        """Seconds per request."""
        requests = [prepare(self.population.ask(batch, hits)) for _ in range(REPEATS[batch])]
        began = time.perf_counter()
        for request in requests:
            ask(request)
        return (time.perf_counter() - began) / len(requests)

    def _mailing(self) -> Mailing:
        return mailing_of(self._installation.rules.policy, self._topic, now=datetime.now(UTC))

    def raw(self, batch: int, hits: float) -> float:
        """By the driver alone."""
        return self._timed(batch, hits, lambda asked: self._raw.look_up(raw.digests(self._key, asked)), list)

    def in_process(self, batch: int, hits: float) -> float:
        """By the library."""

        def ask(asked: Sequence[str]) -> None:
            with self._installation.store.read() as tx:
                check(tx, self._mailing(), asked)

        return self._timed(batch, hits, ask, list)

    def over_http(self, batch: int, hits: float) -> float:
        """By the API, on one connection that stays open."""
        answer = b""

        def ask(body: bytes) -> None:
            nonlocal answer
            self._link.request("POST", "/v1/check", body, self._headers)
            answer = self._link.getresponse().read()

        seconds = self._timed(
            batch, hits, ask, lambda asked: json.dumps({"topic": "blog", "addresses": asked}).encode()
        )
        began = time.perf_counter()
        verdicts = json.loads(answer)["verdicts"]
        self.parsing = time.perf_counter() - began
        assert len(verdicts) == batch
        return seconds

    def verify(self) -> None:
        """Raw and ours must find the same, or the comparison is of no use."""
        asked = self.population.ask(1_000, 0.5)
        found = {row[0] for row in self._raw.look_up(raw.digests(self._key, asked))}
        with self._installation.store.read() as tx:
            decisions = check(tx, self._mailing(), asked)
        assert len(found) == len({a.lower() for a, d in zip(asked, decisions, strict=True) if d.event_id}) > 0

    def close(self) -> None:
        """Hang up."""
        self._raw.close()
        self._link.close()


@contextlib.contextmanager
def _checks(site: Site, size: int) -> Iterator[Checks]:
    population = Population(size)
    with site.opened() as installation, site.served() as server:
        population.load(installation.store)
        checks = Checks(installation, population, server.port)
        checks.verify()
        try:
            yield checks
        finally:
            checks.close()


def run(*, small: bool) -> Iterator[Figure]:
    """A million and ten million standings, side by side; a hundred thousand if `small`."""
    sizes = (100_000,) if small else (1_000_000, 10_000_000)
    for kind in KINDS:
        with contextlib.ExitStack() as stack:
            new = stack.enter_context(sites(kind))
            asked = [stack.enter_context(_checks(new(), size)) for size in sizes]
            for hits in HITS:
                for batch in BATCHES:
                    progress(f"check, {kind}, batches of {batch:,}, {hits:.0%} hits")
                    yield from _compare(kind, asked, hits, batch)


def _compare(kind: str, asked: Sequence[Checks], hits: float, batch: int) -> Iterator[Figure]:
    ways = {
        (checks, way): functools.partial(getattr(checks, way), batch, hits)
        for checks in asked
        for way in ("raw", "in_process", "over_http")
    }
    seconds = medians(ways, ROUNDS)
    largest = batch == max(BATCHES)
    for checks in asked:
        raw_time, own, http_time = (seconds[checks, way] for way in ("raw", "in_process", "over_http"))
        what = f"{kind} {checks.population.size:,} rows, {hits:.0%} hits, {batch:,} a call"
        doors = (("in process,", own, raw_time, 0.6), ("over HTTP, ", http_time, own, 0.5))
        for door, taken, least, target in doors:
            yield Figure(
                name=f"check {door} {what}",
                figure=rate(batch / taken),
                limit=rate(batch / least),
                ratio=least / taken,
                target=target if largest else None,
            )
        if largest:
            yield Figure(name="  client's parse of that answer", figure=milliseconds(checks.parsing), limit="")
    if largest and len(asked) > 1:
        first, last = (seconds[checks, "in_process"] / batch for checks in (asked[0], asked[-1]))
        yield Figure(
            name=f"growth of the cost per address, {kind}, {hits:.0%} hits, {batch:,} a call",
            figure=f"{last * 1e6:.2f} us",
            limit=f"{first * 1e6:.2f} us",
            ratio=last / first,
            target=2.0,
            at_most=True,
        )
