"""
What happens at the same moment. The ledger must come out the same as if it had happened one after the other, in some
order: PostgreSQL was seen to lose a withdrawal against a consent before every append locked the recipient's row.
"""

import json
import threading
from collections import defaultdict

import pytest

from mailconsent.errors import StorageUnavailable
from mailconsent.facts import fold
from mailconsent.model import Channel, Event, EventKind, Evidence, Grade, Reason, Standing
from mailconsent.services.installation import start
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.services.rotation import begin_digest_rotation, move_recipients
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from mailconsent.store.tables import events, recipients, standings
from tests.cast import ANNA, receipt
from tests.houses import ask, build, consent, rows, token_for, until

BLOG = 1
#: Recipients raced for at once; two connections each, of the 16 that there are.
LANES = 7
#: Races of each recipient.
TIMES = 5
WITHDRAWAL = receipt().event(EventKind.WITHDRAWN, BLOG)
CONSENT = receipt().event(EventKind.CONSENT_GIVEN, BLOG, grade=Grade.B)


def at_once(*works):
    """Run these in threads of their own; what any of them raised."""
    faults = []

    def run(work):
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - told to the test
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def record(store, address, event):
    with store.begin() as tx:
        append(tx, lock_address(tx, address), event, Evidence())


def read_back(row):
    """An event as it stands in the database, read without the code that wrote it."""
    values = {name: value for name, value in row._mapping.items() if name not in ("recipient_id", "nonce")}
    kind, channel, grade = EventKind(row.kind), Channel(row.channel), row.grade and Grade(row.grade)
    facts = json.loads(row.facts) if row.facts else {}
    return Event(**{**values, "kind": kind, "channel": channel, "grade": grade, "facts": facts})


def everything(store):
    """(digest, events by receipt, standings by topic) of every recipient."""
    told, stood = defaultdict(list), defaultdict(dict)
    with store.read() as tx:
        for row in tx.connection.execute(events.select().order_by(events.c.recipient_id, events.c.seq)):
            told[row.recipient_id].append(read_back(row))
        for row in tx.connection.execute(standings.select()):
            stood[bytes(row.digest)][row.topic] = Standing._make(row[2:])
        digests = {row.id: bytes(row.digest) for row in tx.connection.execute(recipients.select())}
    return [(digest, recipient_id, told[recipient_id], stood[digest]) for recipient_id, digest in digests.items()]


def race(here, addresses):
    """For every address in turn, a withdrawal and a consent at the same moment, over connections of their own."""

    def side(event, lane, gate):
        for address in addresses[lane::LANES]:
            gate.wait()
            record(here.store, address, event)

    gates = [threading.Barrier(2, timeout=60) for _ in range(LANES)]
    return at_once(
        *(
            lambda event=event, lane=lane: side(event, lane, gates[lane])
            for lane in range(LANES)
            for event in (WITHDRAWAL, CONSENT)
        )
    )


@pytest.mark.parametrize(
    ("kind", "people"),
    [
        pytest.param("postgresql", 2000, id="postgresql", marks=pytest.mark.xdist_group("ten thousand")),
        pytest.param("sqlite", 60, id="sqlite"),
    ],
)
def test_a_withdrawal_and_a_consent_at_the_same_moment_are_both_kept(request, tmp_path, kind, people):
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else f"sqlite:///{tmp_path}/mailconsent.db"
    # The first time they also race to be made, the other times for their row: on PostgreSQL ten thousand races in all.
    addresses = [f"anna{number}@example.com" for number in range(people)]
    with build(tmp_path, url).opened() as here:
        faults = race(here, addresses * TIMES)

        found = everything(here.store)
        assert faults == []
        assert len(found) == people
        assert {decision.reason for decision in ask(here, *addresses)} == {Reason.WITHDRAWN}
    winners = set()
    for _, recipient_id, told, stood in found:
        kinds = [event.kind for event in told]
        assert [event.seq for event in told] == list(range(1, 2 * TIMES + 1))
        assert kinds.count(EventKind.WITHDRAWN) == kinds.count(EventKind.CONSENT_GIVEN) == TIMES
        assert stood == fold(recipient_id, told)
        winners.add(kinds[-1])
    assert len(winners) == 2, "one side always won: that was no race"


def test_many_who_add_one_new_address_at_once_add_one_recipient(house):
    with house.opened() as here:
        for number in range(20):
            address = f"bo{number}@example.net"
            gate = threading.Barrier(8, timeout=60)

            def add(address=address, gate=gate):
                gate.wait()
                record(here.store, address, WITHDRAWAL)

            assert at_once(*[add] * 8) == []

        found = everything(here.store)
    assert len(found) == 20
    assert {tuple(event.seq for event in told) for _, _, told, _ in found} == {tuple(range(1, 9))}


def test_a_link_clicked_many_times_at_once_is_one_withdrawal(house):
    with house.opened() as here:
        consent(here, ANNA)
        claim = here.store.keyring.read_token(token_for(here, ANNA))
        gate = threading.Barrier(8, timeout=60)
        outcomes = []

        def click():
            gate.wait()
            with here.store.begin() as tx:
                outcome = unsubscribe(tx, claim, receipt())
            outcomes.append(outcome)

        assert at_once(*[click] * 8) == []

        [(_, _, told, _)] = everything(here.store)
    assert [event.kind for event in told] == [EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN]
    assert sorted(outcome.repeated for outcome in outcomes) == [False] + [True] * 7
    assert len({outcome.event_id for outcome in outcomes}) == 1


def test_a_yes_is_never_given_after_a_withdrawal_was_acknowledged(house):
    with house.opened() as here:
        addresses = [f"cecilia{number}@example.org" for number in range(100)]
        consent(here, *addresses)
        acknowledged, wrong = set(), []
        done = threading.Event()

        def stop_them():
            try:
                for address in addresses:
                    with here.store.begin() as tx:
                        withdraw(tx, address, receipt())
                    acknowledged.add(address)
            finally:
                done.set()

        def send():
            while not done.is_set():
                before = set(acknowledged)
                decisions = ask(here, *addresses)
                wrong.extend(a for a, d in zip(addresses, decisions, strict=True) if d.allowed and a in before)

        assert at_once(stop_them, send, send) == []

    assert wrong == []


def test_recipients_who_come_while_a_rotation_begins_and_runs_are_one_each(house):
    lanes, each = 3, 60
    with house.opened() as here, house.opened() as other:
        gate = threading.Barrier(2 * lanes + 1, timeout=60)

        def come(installation, lane):
            gate.wait()
            for number in range(each):
                while True:
                    try:
                        record(installation.store, f"anna{lane}.{number}@example.com", WITHDRAWAL)
                        break
                    except StorageUnavailable:
                        continue  # two who met in reverse order: one is sent back, and comes again

        def rotate():
            gate.wait()
            list(move_recipients(here.store, begin_digest_rotation(here.store)))

        works = [lambda i=i, lane=lane: come(i, lane) for lane in range(lanes) for i in (here, other)]
        assert at_once(rotate, *works) == []

        found = everything(here.store)
        with here.store.read() as tx:
            kept = tx.connection.execute(recipients.select()).all()
            state = tx.state
        decisions = ask(other, *[f"anna{lane}.{number}@example.com" for lane in range(lanes) for number in range(each)])
    assert (state.oldest, state.newest) == (2, 2)
    assert {row.generation for row in kept} == {2}
    assert len(kept) == lanes * each
    assert all(stood == fold(recipient_id, told) for _, recipient_id, told, stood in found)
    assert {decision.reason for decision in decisions} == {Reason.WITHDRAWN}


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_a_rotation_waits_for_whoever_is_adding_a_recipient(house):
    # On SQLite it waits for every writer. Had it not waited, the row would be left behind under the old key.
    waiting = "select count(*) from pg_locks where not granted"
    with house.opened() as here:
        rotated = threading.Event()

        def rotate():
            list(move_recipients(here.store, begin_digest_rotation(here.store)))
            rotated.set()

        thread = threading.Thread(target=rotate)
        with here.store.begin() as tx:
            append(tx, lock_address(tx, ANNA), WITHDRAWAL, Evidence())
            thread.start()
            until(
                lambda: rotated.is_set() or rows(here, waiting) != [(0,)],
                "the rotation to wait",
            )
            assert not rotated.is_set()
        thread.join()

        assert rows(here, "select generation from recipients") == [(2,)]
        assert [decision.reason for decision in ask(here, ANNA)] == [Reason.WITHDRAWN]


def test_processes_that_start_at_once_register_topics_and_policy_once(house):
    with house.opened() as here, here.store.begin() as tx:
        tx.connection.exec_driver_sql("delete from topics")
        tx.connection.exec_driver_sql("delete from policies")
    gate = threading.Barrier(4, timeout=60)

    def begin():
        settings = house.settings()
        gate.wait()
        start(settings).store.close()

    assert at_once(*[begin] * 4) == []
    with house.opened() as here:
        assert rows(here, "select count(*) from policies") == [(1,)]
