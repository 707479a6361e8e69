"""Sealing the ledger: each day once, whole or not at all, whoever else is at work. On both databases."""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

import mailconsent.services.sealing as under_test
from mailconsent.merkle import root
from mailconsent.model import EventKind
from mailconsent.seal import NO_SEAL, hash_of
from mailconsent.services.sealing import MARGIN, count_due, list_seals, seal_days
from mailconsent.store import leaves
from tests.cast import ANNA, BO, NOW
from tests.ledgers import FIRST, after, tell, verify, write_history


def sealed(store):
    """Which events each seal covers."""
    found = {}
    with store.read() as tx:
        query = "select seal, recipient_id, seq from sealed order by seal, recipient_id, seq"
        for seal, *event in tx.connection.execute(text(query)):
            found.setdefault(seal, []).append(tuple(event))
    return found


def test_the_first_seal_covers_all_that_was_recorded_before(store):
    events = [tell(store, ANNA, days=day) for day in (-40, -1, 0)]

    [seal] = seal_days(store, now=after(1))

    assert (seal.number, seal.day, seal.count, seal.previous) == (1, FIRST, 3, NO_SEAL)
    assert sealed(store) == {1: events}


def test_each_day_has_a_seal_that_follows_from_the_one_before(store):
    write_history(store)

    seals = list_seals(store)

    assert [(seal.number, seal.day, seal.count) for seal in seals] == [
        (number, FIRST + timedelta(days=number - 1), 3) for number in (1, 2, 3)
    ]
    assert [seal.previous for seal in seals] == [NO_SEAL, *(hash_of(seal) for seal in seals[:-1])]


def test_a_day_without_events_has_a_seal_too(store):
    tell(store, ANNA)
    seal_days(store, now=after(1))

    made = seal_days(store, now=after(4))

    assert [(seal.number, seal.day.day, seal.count, seal.root) for seal in made] == [
        (2, 3, 0, root([])),
        (3, 4, 0, root([])),
        (4, 5, 0, root([])),
    ]
    assert verify(store).fault is None


def test_an_installation_without_events_can_be_sealed(store):
    assert [seal.count for seal in seal_days(store, now=after(1))] == [0]
    assert verify(store).fault is None


@pytest.mark.parametrize(
    ("hours", "days"),
    [(-0.1, [1]), (0, [1]), (0.99, [1]), (1, [1, 2]), (23.9, [1, 2]), (24.99, [1, 2]), (25, [1, 2, 3])],
)
def test_a_day_is_sealed_an_hour_after_it_ended(store, hours, days):
    seal_days(store, now=NOW - timedelta(days=1) + timedelta(hours=1) - timedelta(hours=9.5) + timedelta(days=1))

    seal_days(store, now=after(1, hours=hours))

    assert [seal.day.day for seal in list_seals(store)] == days


def test_the_last_moment_of_a_day_belongs_to_it_and_the_first_of_the_next_does_not(store):
    last = tell(store, ANNA, days=(14.5 * 60 - 1) / (24 * 60))
    tell(store, BO, days=14.5 / 24)

    seal_days(store, now=after(1))

    assert sealed(store) == {1: [last]}


def test_sealing_again_changes_nothing(store):
    write_history(store)
    before = list_seals(store)

    assert seal_days(store, now=after(3)) == []
    assert list_seals(store) == before


def test_a_clock_that_was_set_back_seals_nothing_twice(store):
    write_history(store)

    assert seal_days(store, now=after(-9)) == []


def test_an_event_that_commits_late_is_covered_by_the_next_seal(store):
    tell(store, ANNA)
    seal_days(store, now=after(1))
    late = tell(store, BO, days=14.4 / 24)

    seal_days(store, now=after(2))

    assert sealed(store)[2] == [late]
    assert verify(store).fault is None


def test_what_is_due_is_counted(store):
    for day in (0, 0, 1):
        tell(store, ANNA, days=day, kind=EventKind.COMPLAINT)

    assert [count_due(store, now=after(days)) for days in (0, 1, 2)] == [0, 2, 3]


def test_every_leaf_of_many_pages_is_covered_once(store, monkeypatch):
    monkeypatch.setattr(leaves, "PAGE", 2)
    seen = []
    events = [tell(store, f"{number}@example.com") for number in range(7)]

    [seal] = seal_days(store, now=after(1), advance=seen.append)

    assert seal.count == 7
    assert sealed(store) == {1: sorted(events)}
    assert seen == [2, 4, 6, 7]
    assert verify(store).fault is None


def test_several_sealers_make_one_chain(store, monkeypatch):
    monkeypatch.setattr(leaves, "PAGE", 1)
    for day in range(4):
        for number in range(3):
            tell(store, f"{number}@example.com", days=day, kind=EventKind.COMPLAINT)
    seal_days(store, now=after(1))

    with ThreadPoolExecutor(4) as pool:
        made = [seal for result in pool.map(lambda _: seal_days(store, now=after(4)), range(4)) for seal in result]

    assert sorted(seal.number for seal in made) == [2, 3, 4]
    assert verify(store).fault is None
    assert verify(store).events == 12


def test_who_writes_meanwhile_neither_waits_nor_is_lost(store, monkeypatch):
    monkeypatch.setattr(leaves, "PAGE", 1)
    for number in range(5):
        tell(store, f"{number}@example.com")

    def write(_seen):
        tell(store, ANNA, days=14 / 24, kind=EventKind.COMPLAINT)

    seal_days(store, now=after(1), advance=write)
    seal_days(store, now=after(2))

    assert verify(store).events == 10


class Killed(BaseException):
    """Nothing catches it, and a transaction that it ends is rolled back, as one of a process that was killed."""


OURS = {Path(under_test.__file__).name, "seals.py", "leaves.py"}


@contextlib.contextmanager
def ended_at(line: int, end):
    """Call `end` before this many lines of ours have run."""
    count = 0

    def trace(frame, kind, _arg):
        nonlocal count
        if Path(frame.f_code.co_filename).name not in OURS:
            return None
        if kind == "line":
            count += 1
            if count == line:
                end()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.mark.filterwarnings("ignore:.*ServerCursor:pytest.PytestUnraisableExceptionWarning")
def test_broken_off_between_any_two_lines_there_is_a_whole_seal_or_none(store, monkeypatch):
    monkeypatch.setattr(leaves, "PAGE", 2)

    def kill():
        raise Killed

    seal_days(store, now=after(1))
    line = 0
    finished = False
    while not finished:
        line += 1
        for address in (ANNA, BO, "cecilia@example.org"):
            tell(store, address, days=line, kind=EventKind.COMPLAINT)
        with contextlib.suppress(Killed), ended_at(line, kill):
            seal_days(store, now=after(line + 1))
            finished = True
        covered = sealed(store)
        whole = {number: len(covered[number]) for number in range(2, len(list_seals(store)) + 1)}
        assert whole in [dict.fromkeys(range(2, newest + 1), 3) for newest in (line, line + 1)], (
            "nothing, or a whole seal"
        )
        assert line % 40 or verify(store).fault is None

        seal_days(store, now=after(line + 1))
    assert (verify(store).fault, verify(store).events) == (None, 3 * line)
    assert line > 50, "or nothing was broken off"


KILLING = """
import os, signal, sys
from datetime import datetime
from mailconsent.services.installation import start
from mailconsent.services.sealing import seal_days
from mailconsent.settings import load_settings
from mailconsent.store import leaves
from tests.services.test_sealing import ended_at

leaves.PAGE = 2
here = start(load_settings(os.environ))
with ended_at(int(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGKILL)):
    seal_days(here.store, now=datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize("line", [25, 40, 60, 75])
def test_killed_for_good_there_is_a_whole_seal_or_none(house, line):
    with house.opened() as here:
        for number in range(5):
            tell(here.store, f"{number}@example.com")
    environ = {**os.environ, **house.variables, "PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run([sys.executable, "-c", KILLING, str(line), after(1).isoformat()], env=environ, timeout=60)

    assert done.returncode == -signal.SIGKILL
    with house.opened() as here:
        assert verify(here.store).events in (0, 5)
        seal_days(here.store, now=after(1))
        assert [seal.count for seal in list_seals(here.store)] == [5]
        assert verify(here.store).fault is None


def test_the_margin_is_longer_than_a_writer_may_wait():
    assert timedelta(minutes=10) < MARGIN
