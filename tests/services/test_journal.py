"""A restore from an old backup resurrects nobody: what the database forgot, the journal tells it."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, text

from mailconsent.errors import ConfigError, KeyMissing, StorageUnavailable
from mailconsent.facts import NOES
from mailconsent.mailbox import Fetched
from mailconsent.model import Channel, EventKind, Evidence
from mailconsent.rights import restriction
from mailconsent.services.erasure import erase
from mailconsent.services.inbox import judge, process
from mailconsent.services.journal import replay
from mailconsent.services.operators import suppress, suppress_domain
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.services.rights import restrict
from mailconsent.services.rotation import begin_digest_rotation, move_recipients
from mailconsent.services.sealing import seal_days
from mailconsent.store.journal import Entry, Journal, Unreadable, read_entries
from mailconsent.store.ledger import append
from mailconsent.store.mailboxes import read_cursor, take_lease
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, NOW, receipt
from tests.histories import TOPICS, histories_with_sales, joined
from tests.houses import House, ask, build, consent, events, rows, token_for, unfolded
from tests.ledgers import tell, verify
from tests.people import SECRETS, deliver, everything, live_through

REASONS = {kind.value for kind in NOES}


def entries(folder: Path) -> list[Entry | Unreadable]:
    return [entry for path in Journal(folder).files() for entry in read_entries(path)]


def told_again(here, *, dry_run=False, lines=None):
    """What a replay of this house's journal came to."""
    lines = entries(here.settings.journal) if lines is None else lines
    return list(replay(here.store, lambda: lines, now=datetime.now(UTC), dry_run=dry_run))[-1]


@contextlib.contextmanager
def backup(house: House) -> Iterator[None]:
    """Everything that happens to the database within the block is lost, as by a restore. The journal is not."""
    if house.database_url.startswith("sqlite"):
        path = house.folder / "mailconsent.db"
        source, copy = sqlite3.connect(path), sqlite3.connect(house.folder / "backup.db")
        source.backup(copy)
        source.close()
        copy.close()
        yield
        for old in house.folder.glob("mailconsent.db-*"):
            old.unlink()
        shutil.move(house.folder / "backup.db", path)
        return
    url = make_url(house.database_url)
    copied = f"{url.database}_backup"
    with server(house) as run:
        run(f"create database {copied} template {url.database}")
        yield
        run(f"drop database {url.database} with (force)")
        run(f"create database {url.database} template {copied}")
        run(f"drop database {copied}")


@contextlib.contextmanager
def server(house: House):
    engine = create_engine(make_url(house.database_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield lambda statement: connection.execute(text(statement))
    engine.dispose()


def by_mail(here, address):
    raw = f"From: {address}\r\nTo: contact@example.com\r\nSubject: Unsubscribe\r\n\r\nUnsubscribe\r\n".encode()
    fetched = Fetched(uid=1, raw=raw, received_at=NOW)
    with here.store.begin() as tx:
        take_lease(tx, "inbox", "holder", now=NOW, lease=timedelta(minutes=5))
    with here.store.read() as tx:
        cursor = read_cursor(tx, "inbox", 1)
    with here.store.begin() as tx:
        judged = judge(fetched, here.store.keyring.read_token)
        process(tx, cursor, "holder", [judged], now=datetime.now(UTC), lease=timedelta(minutes=5))


def by_link(here, token):
    with here.store.begin() as tx:
        unsubscribe(tx, here.store.keyring.read_token(token), receipt(Channel.ONE_CLICK))


def by_api(here, address):
    with here.store.begin() as tx:
        withdraw(tx, address, receipt())


def test_a_restore_resurrects_nobody_who_left_by_link_by_mail_or_through_the_api(house):
    people = [f"anna-{number}@example.com" for number in range(9)]
    with house.opened() as here:
        consent(here, *people, BO)
        links = [token_for(here, address) for address in people[:3]]
    with backup(house), house.opened() as here:
        for link in links:
            by_link(here, link)
        for address in people[3:6]:
            by_api(here, address)
        by_mail(here, people[6])
        withdrawn = ask(here, *people[:7])

    with house.opened() as here:
        assert all(decision.allowed for decision in ask(here, *people)), "the backup knows of nothing"
        assert told_again(here, dry_run=True).added == 7
        assert all(decision.allowed for decision in ask(here, *people)), "a dry run records nothing"

        assert told_again(here).added == 7

        decisions = ask(here, *people, BO)
        assert [decision.reason for decision in decisions[:7]] == [decision.reason for decision in withdrawn]
        assert [decision.allowed for decision in decisions] == [False] * 7 + [True] * 3
        assert told_again(here).added == 0, "a second time adds nothing"
        assert unfolded(here) == []
        assert not any(b"@" in path.read_bytes() for path in Journal(here.settings.journal).files())


def test_who_came_after_the_backup_is_known_to_have_left_too(house):
    with backup(house), house.opened() as here:
        consent(here, ANNA)
        by_api(here, ANNA)

    with house.opened() as here:
        assert told_again(here).added == 1
        consent(here, ANNA)
        assert not ask(here, ANNA)[0].allowed, "an import of the old list brings nobody back"


def test_a_domain_and_the_tagged_forms_of_an_address_are_denied_again_too(house):
    with house.opened() as here:
        consent(here, ANNA, BO, "bo+news@example.net")
    with backup(house), house.opened() as here:
        with here.store.begin() as tx:
            suppress_domain(tx, "example.com", receipt(Channel.OPERATOR))
        by_api(here, BO)
        assert not any(decision.allowed for decision in ask(here, ANNA, BO, "bo+news@example.net"))

    with house.opened() as here:
        told_again(here)
        assert not any(decision.allowed for decision in ask(here, ANNA, BO, "bo+news@example.net"))
        consent(here, "anna@mail.example.com", "bo+shop@example.net")
        assert not any(decision.allowed for decision in ask(here, "anna@mail.example.com", "bo+shop@example.net"))


@pytest.mark.parametrize("blocked", [False, True], ids=["", "beside a block of the operator"])
def test_a_restriction_is_one_after_a_restore_too(house, blocked):
    with house.opened() as here:
        consent(here, ANNA)
        if blocked:
            with here.store.begin() as tx:
                suppress(tx, ANNA, receipt(Channel.OPERATOR))
    with backup(house), house.opened() as here, here.store.begin() as tx:
        restrict(tx, ANNA, receipt(Channel.OPERATOR, minutes=5))

    with house.opened() as here:
        assert told_again(here).added == 1
        [of_anna] = events(here).values()
        assert restriction(of_anna)
        assert told_again(here).added == 0


def test_the_consent_of_a_former_owner_is_no_ground_after_a_restore_either(house):
    with house.opened() as here:
        consent(here, ANNA)
    with backup(house), house.opened() as here, here.store.begin() as tx:
        changed = receipt(Channel.INBOX).event(EventKind.OWNER_CHANGED, 0)
        append(tx, lock_address(tx, ANNA), changed, Evidence())

    with house.opened() as here:
        assert ask(here, ANNA)[0].allowed
        assert told_again(here).added == 1
        assert not ask(here, ANNA)[0].allowed
        assert told_again(here).added == 0


@pytest.mark.parametrize("digest", [False, True], ids=["plain", "digest too"])
def test_who_was_erased_after_the_backup_is_erased_again(house, digest):
    with house.opened() as here:
        live_through(here, ANNA)
    with backup(house), house.opened() as here:
        by_api(here, ANNA)
        with here.store.begin() as tx:
            erase(tx, ANNA, replace(receipt(minutes=60), evidence=Evidence()), digest=digest, told=True)

    with house.opened() as here:
        assert told_again(here, dry_run=True).erased == 1
        assert ANNA in everything(here), "a dry run erases nothing"
        done = told_again(here)
        assert (done.erased, done.added > 0) == (1, not digest), "of whom the digest stays, the objection is told again"

        left = everything(here)
        assert not [told for told in (ANNA, "anna", *SECRETS) if told in left]
        assert rows(here, "select count(*) from recipients") == [(0 if digest else 1,)]
        assert unfolded(here) == []
        again = told_again(here)
        assert (again.erased, again.added) == (0, 0)


def test_mail_that_was_erased_before_anybody_read_it_is_erased_again_too(house):
    with house.opened() as here:
        deliver(here, ANNA, "About your list\n\nunsubscribe? Anna", uid=1)
        assert ANNA in everything(here)
    with backup(house), house.opened() as here, here.store.begin() as tx:
        erase(tx, ANNA, replace(receipt(minutes=60), evidence=Evidence()), digest=True, told=True)

    with house.opened() as here:
        assert told_again(here).erased == 1
        assert ANNA not in everything(here)


def test_what_came_after_an_erasure_stays_in_a_replay(installation):
    consent(installation, ANNA)
    with installation.store.begin() as tx:
        erase(tx, ANNA, receipt(), digest=True, told=True)
    consent(installation, ANNA)

    assert (told_again(installation).erased, told_again(installation).added) == (0, 0)
    assert "wording" in everything(installation)


def test_what_the_database_knows_is_not_told_again_though_it_was_lifted_since(installation):
    tell(installation.store, ANNA, kind=EventKind.WITHDRAWN)
    with installation.store.begin() as tx:
        again = receipt(Channel.PAGE, minutes=5).event(EventKind.RESTORED, 1, ends=1)
        append(tx, lock_address(tx, ANNA), again, Evidence())

    assert told_again(installation).added == 0


def test_what_is_told_again_happened_then_and_was_received_now_so_that_the_seals_hold(installation):
    seal_days(installation.store, now=NOW)
    begun = datetime.now(UTC)
    lines = [
        Entry(
            digest=bytes(16),
            generation=1,
            kind=EventKind.OBJECTED,
            topic=0,
            channel=Channel.INBOX,
            occurred_at=NOW - timedelta(days=9),
            received_at=NOW - timedelta(days=8),
        )
    ]

    told_again(installation, lines=lines)

    [[event]] = events(installation).values()
    assert (event.kind, event.topic, event.channel) == (EventKind.OBJECTED, 0, Channel.INBOX)
    assert event.occurred_at == NOW - timedelta(days=9)
    assert event.received_at >= begun
    assert event.source == "journal"
    seal_days(installation.store, now=begun + timedelta(days=2))
    assert verify(installation.store).fault is None


def test_after_a_rotation_the_journal_speaks_of_a_newer_key_and_the_backup_is_rotated_first(house):
    with house.opened() as here:
        consent(here, ANNA)
    with backup(house), house.opened() as here:
        list(move_recipients(here.store, begin_digest_rotation(here.store)))
        by_api(here, ANNA)

    with house.opened() as here:
        with pytest.raises(KeyMissing, match="rotate digest"):
            told_again(here)
        list(move_recipients(here.store, begin_digest_rotation(here.store)))
        assert told_again(here).added == 1
        assert not ask(here, ANNA)[0].allowed


def test_an_older_key_is_no_hindrance(installation):
    consent(installation, ANNA)
    by_api(installation, ANNA)
    list(move_recipients(installation.store, begin_digest_rotation(installation.store)))

    assert told_again(installation).added == 0


def test_every_no_is_in_the_journal_and_a_new_owner_and_nothing_else(installation):
    for kind in EventKind:
        event = receipt().event(kind, 1, ends=1 if kind in (EventKind.RELEASED, EventKind.RESTORED) else None)
        with installation.store.begin() as tx:
            append(tx, lock_address(tx, ANNA), event, Evidence(details={"wording": "secret"}))

    found = entries(installation.settings.journal)
    kinds = {*NOES, EventKind.OWNER_CHANGED}
    assert [entry.kind for entry in found] == [kind for kind in EventKind if kind in kinds]


def test_nothing_is_acknowledged_that_the_journal_does_not_hold(installation):
    consent(installation, ANNA)
    shutil.rmtree(installation.settings.journal, ignore_errors=True)
    installation.settings.journal.write_text("no folder")

    with pytest.raises(StorageUnavailable):
        by_api(installation, ANNA)
    assert ask(installation, ANNA)[0].allowed, "and what is not acknowledged is not half recorded"
    installation.settings.journal.unlink()


def test_what_is_said_again_is_written_again_since_the_first_line_may_have_been_lost(installation):
    consent(installation, ANNA)
    by_api(installation, ANNA)
    [path] = Journal(installation.settings.journal).files()
    path.write_bytes(b"")  # as after a power cut between commit and flush: nothing was acknowledged

    by_api(installation, ANNA)

    assert [entry.kind for entry in entries(installation.settings.journal)] == [EventKind.WITHDRAWN]
    assert told_again(installation).added == 0, "of the event that stands"


def test_what_was_rolled_back_in_a_savepoint_is_not_in_the_journal(installation):
    with installation.store.begin() as tx:
        withdraw(tx, BO, receipt())
        with contextlib.suppress(RuntimeError), tx.savepoint():
            withdraw(tx, ANNA, receipt())
            raise RuntimeError

    assert len(entries(installation.settings.journal)) == 1


def test_a_torn_line_is_told_and_costs_no_other_line(tmp_path):
    journal = Journal(tmp_path / "journal")
    entry = Entry(
        digest=bytes(16),
        generation=1,
        kind=EventKind.WITHDRAWN,
        topic=1,
        channel=Channel.API,
        occurred_at=NOW,
        received_at=NOW,
    )
    journal.write([entry, entry])
    [path] = journal.files()
    whole = path.read_bytes()

    for cut in range(len(whole) - len(whole.splitlines()[-1]), len(whole) - 1):
        path.write_bytes(whole[:cut])
        torn = [line for line in read_entries(path) if isinstance(line, Unreadable)]
        assert all(line.last for line in torn)
        journal.write([entry])
        found = list(read_entries(path))
        assert [line for line in found if isinstance(line, Entry)] == [entry, entry]
        assert [line.last for line in found if isinstance(line, Unreadable)] == [False] * len(torn)


def test_the_files_are_for_their_owner_alone_and_old_days_can_go(tmp_path):
    journal = Journal(tmp_path / "journal")
    for day in (1, 2, 3):
        at = datetime(2026, 3, day, 23, 59, tzinfo=UTC)
        journal.write(
            [
                Entry(
                    digest=bytes(16),
                    generation=1,
                    kind=EventKind.OBJECTED,
                    topic=0,
                    channel=Channel.PAGE,
                    occurred_at=at,
                    received_at=at,
                )
            ]
        )

    assert [path.name for path in journal.files()] == [f"2026-03-0{day}.jsonl" for day in (1, 2, 3)]
    assert {path.stat().st_mode & 0o777 for path in journal.files()} == {0o600}
    assert journal.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in journal.trim(date(2026, 3, 3))] == ["2026-03-01.jsonl", "2026-03-02.jsonl"]
    assert [path.name for path in journal.files()] == ["2026-03-03.jsonl"]


def test_a_journal_that_cannot_be_written_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="JOURNAL"):
        Journal(tmp_path / "file" / "journal").check()


EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@EXAMPLES
@given(st.lists(st.tuples(histories_with_sales, histories_with_sales), min_size=1, max_size=3))
def test_whatever_happened_since_the_backup_nobody_who_was_denied_for_an_opt_out_is_allowed(told):
    with TemporaryDirectory() as folder:
        house = build(Path(folder), f"sqlite:///{folder}/mailconsent.db")
        people = {f"anna-{number}@example.com": history for number, history in enumerate(told)}

        def write(part):
            with house.opened() as here:
                for address, (before, since) in people.items():
                    for event in (before, joined(before, since)[len(before) :])[part]:
                        with here.store.begin() as tx:
                            append(tx, lock_address(tx, address), event, Evidence())
                return [ask(here, *people, topic=topic) for topic in ("blog", "alerts", "industry")]

        write(0)
        with backup(house):
            were = write(1)
        with house.opened() as here:
            list(replay(here.store, lambda: entries(here.settings.journal), now=datetime.now(UTC)))
            are = [ask(here, *people, topic=topic) for topic in ("blog", "alerts", "industry")]
            assert unfolded(here) == []

        assert len(TOPICS) == len(are)
        for then, now in zip(chain(*were), chain(*are), strict=True):
            assert not (then.reason in REASONS and now.allowed)
