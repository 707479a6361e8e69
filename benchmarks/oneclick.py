"""
One-click posts with full durability: sixteen clients, each post by a recipient who had given a consent.

The limit is the view of `benchmarks.bare`, over a database of the same content and durability.
"""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import insert

from benchmarks import bare
from benchmarks.clients import CLIENTS, Burst, post
from benchmarks.figure import Figure, milliseconds, rate
from benchmarks.population import TOPIC, address
from benchmarks.rounds import progress
from benchmarks.site import KINDS, Running, Site, running, sites
from mailconsent.facts import fold
from mailconsent.model import Channel, EventKind, Grade, LegalBasis, Receipt, UnsubscribeClaim
from mailconsent.store import Store
from mailconsent.store.tables import events, recipients, standings

ROUNDS = 9
#: Of one turn.
POSTS = 1_500


class Server:
    """A server, and the links of it that nobody has posted to yet."""

    def __init__(self, process: Running, paths: Sequence[str]) -> None:
        self._process = process
        self._paths = list(paths)
        self.bursts: list[Burst] = []
        #: Seconds of the server's processor time for a post, in each burst.
        self.cpu: list[float] = []

    def turn(self, posts: int, *, counts: bool = True) -> None:
        """One burst."""
        paths, self._paths = self._paths[:posts], self._paths[posts:]
        before = self._process.cpu()
        burst = post(self._process.port, paths)
        if counts:
            self.bursts.append(burst)
            self.cpu.append((self._process.cpu() - before) / posts)

    def middle(self) -> Burst:
        """The median of each figure."""
        return Burst(*(median(values) for values in zip(*self.bursts, strict=True)))


def run(*, small: bool) -> Iterator[Figure]:
    """SQLite with FULL synchronisation, PostgreSQL with fsync."""
    posts, rounds = (400, 3) if small else (POSTS, ROUNDS)
    for kind in KINDS:
        with contextlib.ExitStack() as stack:
            new = stack.enter_context(sites(kind))
            progress(f"one-click, {kind}: {posts * (rounds + 1):,} recipients for each server")
            servers = {"ours": _ours(stack, new(), posts * (rounds + 1))}
            servers["bare"] = _bare(stack, new(), posts * (rounds + 1))
            if kind == "SQLite":
                servers["naive"] = _bare(stack, new(), posts * (rounds + 1), "--naive")
            for number in range(rounds + 1):
                progress(f"  round {number} of {rounds}")
                for name in list(servers)[:: -1 if number % 2 else 1]:
                    servers[name].turn(posts, counts=number > 0)
            yield from _figures(kind, {name: server.middle() for name, server in servers.items()})
            own, limit = (median(servers[name].cpu) for name in ("ours", "bare"))
            yield Figure(
                name="  processor time of a post, as times of the bare view's", figure=milliseconds(own),
                limit=milliseconds(limit), ratio=own / limit,
            )  # fmt: skip


def _figures(kind: str, bursts: dict[str, Burst]) -> Iterator[Figure]:
    ours, limit = bursts["ours"], bursts["bare"]
    what = f"one-click, {kind}, {CLIENTS} clients"
    yield Figure(
        name=f"{what}, against a bare view", figure=rate(ours.rate), limit=rate(limit.rate),
        ratio=ours.rate / limit.rate, target=0.5,
    )  # fmt: skip
    yield Figure(
        name="  99th percentile, against our median", figure=milliseconds(ours.p99), limit=milliseconds(ours.median),
        ratio=ours.p99 / ours.median, target=5.0, at_most=True,
    )  # fmt: skip
    for name in list(bursts)[1:]:
        seen = bursts[name]
        yield Figure(
            name=f"  of the {name} view: 99th percentile, median", figure=milliseconds(seen.p99),
            limit=milliseconds(seen.median), ratio=seen.p99 / seen.median,
        )  # fmt: skip
    if naive := bursts.get("naive"):
        yield Figure(
            name=f"{what}, against a view without a queue", figure=rate(ours.rate), limit=rate(naive.rate),
            ratio=ours.rate / naive.rate,
        )  # fmt: skip


def _ours(stack: contextlib.ExitStack, site: Site, count: int) -> Server:
    with site.opened() as installation:
        people = _fill(installation.store, count)
        signer = installation.store.keyring.signer(1)
        claims = [
            UnsubscribeClaim(digest=digest, generation=1, topic=TOPIC, basis=LegalBasis.CONSENT) for _, digest in people
        ]
    return Server(stack.enter_context(site.served()), [f"/u/{signer.sign(claim)}" for claim in claims])


def _bare(stack: contextlib.ExitStack, site: Site, count: int, *options: str) -> Server:
    with site.opened() as installation:
        people = _fill(installation.store, count)
    process = stack.enter_context(running("benchmarks.bare", site.database_url, *options, folder=site.folder))
    return Server(process, [bare.path(*person) for person in people])


def _fill(store: Store, count: int) -> list[tuple[int, bytes]]:
    """Recipients with one consent each, in a random order of their ids."""
    digester = store.keyring.digester
    digests = [digest for digest in digester.digests(map(address, range(count)), 1) if digest]
    people = [(random.getrandbits(63), digest) for digest in digests]
    receipt = Receipt(channel=Channel.API, received_at=datetime.now(UTC), source="bench")
    given = replace(receipt.event(EventKind.CONSENT_GIVEN, TOPIC, grade=Grade.B), seq=1)
    event = {
        name: getattr(given, name) for name in ("kind", "topic", "channel", "occurred_at", "received_at", "source")
    }
    event |= {"seq": 1, "grade": given.grade, "ends": None}
    standing = fold(0, [given])[TOPIC]._asdict() | {"topic": TOPIC}
    with store.begin() as tx:
        tx.connection.execute(
            insert(recipients), [{"id": number, "digest": digest, "generation": 1} for number, digest in people]
        )
        tx.connection.execute(insert(events), [event | {"recipient_id": number} for number, _ in people])
        tx.connection.execute(
            insert(standings), [standing | {"recipient_id": number, "digest": digest} for number, digest in people]
        )
    return people
