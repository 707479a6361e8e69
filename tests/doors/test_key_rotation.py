"""
Keys are rotated while everything runs: no link ever breaks, and no answer is ever wrong.

Two web processes serve, clients post to links and ask about addresses all the while, and the command line moves both
kinds of keys on, to a third generation. Links of every generation, from before, during and after, are followed in
the end.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.houses import House, build, consent, events, rows, unfolded
from tests.served import Served, serving

PEOPLE = [f"p{number}@example.com" for number in range(700)]  # more than one batch of a rotation
ROUNDS = 2
ASKED = 40
#: Seconds between two requests of one client, so that there is something left of a small machine to rotate with.
PAUSE = 0.01
#: How often a mail program tries again where the answer is 503: while a small machine does other things, a writer may
#: wait for its turn in vain. That breaks no link.
TRIES = 3


class Traffic:
    """Clients of several web processes, who know at any time what they may be told."""

    def __init__(self, webs: list[Served]) -> None:
        self._webs = webs
        self._key = webs[0].api_key()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._ask, self._post) * 2]
        #: Address -> the newest link that was given out for it.
        self.links: dict[str, str] = {}
        #: Who was going to be unsubscribed, and who certainly is.
        self.tried: set[str] = set()
        self.acknowledged: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.waited_in_vain = 0
        self.wrong: list[str] = []

    @contextmanager
    def going(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)

    def _guarded(self, work: object) -> None:
        chance = random.Random(id(work))
        while not self._stop.is_set():
            try:
                work(random.choice(self._webs), chance)  # type: ignore[operator]
            except Exception as fault:  # noqa: BLE001 - a thread's exception would go unseen
                self.wrong.append(repr(fault))
                return
            self._stop.wait(PAUSE)

    def _ask(self, web: Served, chance: random.Random) -> None:
        self.check(web, chance.sample(PEOPLE, ASKED))

    def check(self, web: Served, addresses: list[str]) -> None:
        """Ask, and compare: who had been unsubscribed before must be a no, who has not been tried after, a yes."""
        with self._lock:
            certain = set(self.acknowledged)
        body = json.dumps({"topic": "blog", "addresses": addresses, "headers": True}).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        answer = web.ask("POST", "/v1/check", body, headers)
        self.answers[f"check {answer.status}"] += 1
        if answer.status != 200:
            return
        with self._lock:
            for verdict in json.loads(answer.body)["verdicts"]:
                address, allowed = verdict["address"], verdict["allowed"]
                if allowed and address in certain:
                    self.wrong.append("a yes after an opt-out")
                if not allowed and address not in self.tried:
                    self.wrong.append(f"a no without an opt-out: {verdict['reason']}")
                if allowed:
                    self.links[address] = verdict["unsubscribe_url"].rpartition("/u/")[2]

    def _post(self, web: Served, chance: random.Random) -> None:
        with self._lock:
            open_ones = [address for address in self.links if address not in self.acknowledged]
            # A few people leave; most links are kept for later.
            if not open_ones or len(self.acknowledged) > len(PEOPLE) // 2:
                open_ones = list(self.acknowledged)
        if open_ones:
            address = chance.choice(open_ones)
            self.follow(web, address, self.links[address])

    def follow(self, web: Served, address: str, token: str) -> None:
        """Unsubscribe."""
        with self._lock:
            self.tried.add(address)
        for _ in range(TRIES):
            status = web.post(f"/u/{token}").status
            if status != 503:
                break
            self.waited_in_vain += 1
        self.answers[f"post {status}"] += 1
        if status == 200:
            with self._lock:
                self.acknowledged.add(address)


@pytest.mark.timeout(200)
def test_links_and_answers_survive_three_generations_of_both_keys(tmp_path: Path, database_url: str) -> None:
    house = build(tmp_path, database_url)
    with serving(house) as one, serving(house) as two:
        consent(one.here, *PEOPLE)
        traffic = Traffic([one, two])
        kept = [_everyones_links(traffic, one)]
        with traffic.going():
            for _ in range(ROUNDS):
                for what in ("signing", "digest"):
                    with _rotating(house, what):
                        kept.append(_everyones_links(traffic, two))
                kept.append(_everyones_links(traffic, one))

        assert traffic.wrong == []
        assert set(traffic.answers) == {"check 200", "post 200"}, traffic.answers
        assert min(traffic.answers.values()) > 10
        assert traffic.waited_in_vain <= traffic.answers["post 200"] / 100
        assert _keys_in_use(house) == (ROUNDS + 1, ROUNDS + 1, ROUNDS + 1)
        # Seven lots of links, each for people of its own: from before, during and after each rotation.
        still = [address for address in PEOPLE if address not in traffic.tried]
        assert len(still) >= 20 * len(kept)
        for place, links in enumerate(kept):
            for address in still[place :: len(kept)][:20]:
                traffic.follow(two, address, links[address])
        assert set(traffic.answers) == {"check 200", "post 200"}, traffic.answers

        for web in (one, two):
            for start in range(0, len(PEOPLE), 300):
                traffic.check(web, PEOPLE[start : start + 300])
        assert traffic.wrong == []
        assert unfolded(one.here) == []
        assert rows(one.here, "select count(*) from recipients")[0][0] == len(PEOPLE)
        # One consent, and one opt-out for whoever was acknowledged: nothing lost, nothing twice.
        kinds = Counter(event.kind.value for some in events(one.here).values() for event in some)
        assert kinds == {"consent_given": len(PEOPLE), "withdrawn": len(traffic.acknowledged)}
        assert traffic.tried == traffic.acknowledged


@contextmanager
def _rotating(house: House, what: str) -> Iterator[None]:
    """Keys move on while the block runs, and have done so when it is left."""
    with house.running("rotate", what, log="rotate.log") as process:
        yield
        assert process.wait(60) == 0, house.log("rotate.log")


def _everyones_links(traffic: Traffic, web: Served) -> dict[str, str]:
    """The links that a mailing of this moment carries, for all who may still get it."""
    found: dict[str, str] = {}
    for start in range(0, len(PEOPLE), 300):
        some = PEOPLE[start : start + 300]
        traffic.check(web, some)
        found |= {address: traffic.links[address] for address in some if address in traffic.links}
    return found


def _keys_in_use(house: House) -> tuple[object, ...]:
    with house.opened() as here:
        return rows(here, "select oldest_digest_generation, digest_generation, signing_generation from installation")[0]


def test_a_rotation_that_is_killed_goes_on_when_run_again(tmp_path: Path, database_url: str) -> None:
    house = build(tmp_path, database_url)
    with serving(house) as web:
        consent(web.here, *PEOPLE)
        links = {address: web.link(address) for address in PEOPLE[:20]}
        with house.running("rotate", "digest", log="rotate.log") as process:
            while _generations(web) == {1} and process.poll() is None:
                pass
            process.kill()
            process.wait()
        for link in list(links.values())[:10]:
            assert web.post(link).status == 200

        with _rotating(house, "digest"):
            pass

        for link in list(links.values())[10:]:
            assert web.post(link).status == 200
        assert _generations(web) == {2}
        assert unfolded(web.here) == []


def _generations(web: Served) -> set[object]:
    return {row[0] for row in rows(web.here, "select distinct generation from recipients")}
