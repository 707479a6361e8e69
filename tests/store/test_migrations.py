"""The schema and its version, on both databases."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib import resources
from itertools import pairwise

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from mailconsent.errors import SchemaError, StorageUnavailable
from mailconsent.model import Evidence
from mailconsent.services.installation import init, start
from mailconsent.store import Store
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from mailconsent.store.schema import check_schema, migrate
from mailconsent.store.tables import inbound_messages, metadata
from tests.histories import history
from tests.houses import House, ask, build, unfolded

EMPTY = "the database is empty: run `mailconsent init`"
NEWER = "the database is newer than this mailconsent: install the version that migrated it, or newer"
FOREIGN = "DATABASE_URL: this is not a mailconsent database"

#: Migrations that databases out there were made by. A release adds its own.
RELEASED = {"0001_the_first_schema.py": "6a4cf586ec8ea76fc0ed22630d756dccf4013829e05adc9df0633a01853628af"}
#: Of the kinds and grades of event that the first release knew, but for releases, which no door of it made.
HISTORIES = (
    *("A1", "B1", "C1", "D1", "W1", "W*", "O*", "R2", "K*", "S*", "Q*", "F", "N"),
    *("B1 B1 B1", "B1 B2", "C1 B1 D1", "B1 W1", "W1 B1", "B1 W1 B1 B1", "B1 W* B1 B2", "B1 N B1 B1", "B1 F", "F A1"),
    *("A1 B1", "A1 B1 B1", "A1 C1 B1", "B1 A1", "B1 A1 B1 A1 B1", "A1 B1 W1", "W* A1 B1 B1", "A1 N B1", "O1 A1 B1 R*"),
)


@pytest.fixture
def built(tmp_path, database_url):
    """A house on a database of its own, since its schema will suffer."""
    return build(tmp_path, database_url)


@pytest.fixture
def built_store(built):
    store = Store(built.database_url, built.settings().keyring())
    yield store
    store.close()


def run(store, *statements):
    with store.begin() as tx:
        for statement in statements:
            tx.connection.execute(text(statement))


def turn(store, step, target):
    """Migrate up or down."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("mailconsent.store") / "migrations"))
    with store.begin() as tx:
        config.attributes["connection"] = tx.connection
        step(config, target)


def check(store):
    with store.read() as tx:
        check_schema(tx.connection)


def fault_of(store):
    with pytest.raises(SchemaError) as refusal:
        check(store)
    return refusal.value


def test_the_tables_in_the_code_are_those_that_the_migrations_make(built_store):
    with built_store.read() as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_what_a_migrated_database_needs_is_there(built_store):
    check(built_store)

    with built_store.read() as tx:
        tables = set(inspect(tx.connection).get_table_names())
    assert tables == set(metadata.tables) | {"alembic_version"}


def test_migrations_follow_each_other_in_the_order_of_their_numbers():
    folder = resources.files("mailconsent.store") / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    steps = [(step.down_revision, step.revision) for step in ScriptDirectory.from_config(config).walk_revisions()]
    numbers = sorted(file.name[:4] for file in (folder / "versions").iterdir() if file.name.endswith(".py"))

    assert steps[::-1] == list(pairwise([None, *numbers]))


def test_a_step_that_was_released_stays_as_it_was():
    """Databases were made by it: a column that is added to it later is one that they do not have."""
    versions = resources.files("mailconsent.store") / "migrations" / "versions"

    assert {name: sha256((versions / name).read_bytes()).hexdigest() for name in RELEASED} == RELEASED


@pytest.fixture
def upgraded(built):
    """A house whose people were recorded by the first release, and what it knew of them."""
    with built.opened() as here:
        for place, notation in enumerate(HISTORIES):
            with here.store.begin() as tx:
                for event in history(notation):
                    # What is told later is older, and nearly a second more than its whole seconds.
                    occurred_at = event.received_at - timedelta(days=event.seq - 1, microseconds=100)
                    recipient = lock_address(tx, address_of(place))
                    append(tx, recipient, replace(event, occurred_at=occurred_at), Evidence())
        before = [verdicts(here, place) for place in range(len(HISTORIES))]
        turn(here.store, command.downgrade, "0001")
        migrate(here.store)
        yield here, before


def address_of(place):
    return f"person{place}@example.com"


def verdicts(here, place):
    return [ask(here, address_of(place), topic=topic.key) for topic in here.rules.policy.topics]


def test_people_recorded_by_the_first_release_stand_as_their_events_say(upgraded):
    here, before = upgraded

    assert unfolded(here) == []
    assert [verdicts(here, place) for place in range(len(HISTORIES))] == before


def test_every_step_down_can_be_taken_and_up_again(built_store):
    turn(built_store, command.downgrade, "base")
    with built_store.read() as tx:
        left = set(inspect(tx.connection).get_table_names())
    fault = fault_of(built_store)

    migrate(built_store)

    assert left == {"alembic_version"}
    assert fault.empty
    check(built_store)
    with built_store.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), metadata) == []


def test_the_ledger_is_append_only_again_after_going_down_and_up(built_store):
    turn(built_store, command.downgrade, "base")
    migrate(built_store)
    run(
        built_store,
        "insert into recipients (id, digest, generation) values (1, '0123456789abcdef', 1)",
        "insert into events (recipient_id, seq, kind, topic, channel, occurred_at, received_at, source)"
        " values (1, 1, 'withdrawn', 0, 'api', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', '')",
    )

    for statement in ("update events set topic = 1", "delete from events"):
        with pytest.raises(IntegrityError, match="append-only"):
            run(built_store, statement)


def test_events_of_before_get_nonces_of_their_own_and_stay_append_only(built_store):
    turn(built_store, command.downgrade, "0001")
    run(
        built_store,
        "insert into recipients (id, digest, generation) values (1, '0123456789abcdef', 1)",
        *(
            "insert into events (recipient_id, seq, kind, topic, channel, occurred_at, received_at, source)"
            f" values (1, {seq}, 'withdrawn', 0, 'api', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', '')"
            for seq in (1, 2)
        ),
    )

    migrate(built_store)

    with built_store.read() as tx:
        nonces = {bytes(nonce) for (nonce,) in tx.connection.execute(text("select nonce from events"))}
    assert [len(nonce) for nonce in nonces] == [16, 16]
    with pytest.raises(IntegrityError, match="append-only"):
        run(built_store, "update events set topic = 1")


def test_mail_that_waited_before_there_was_a_queue_has_a_deadline_too(built_store):
    turn(built_store, command.downgrade, "0011")
    columns = "mailbox_id, uidvalidity, uid, raw_digest, state, copy, label, detector, reason, confidence"
    moments = "'2026-02-27 08:30:00.000000', '2026-02-27 09:30:00.000000'"
    run(
        built_store,
        "insert into mailboxes (id, name, last_uid) values (1, 'box', 3)",
        *(
            f"insert into inbound_messages ({columns}, received_at, stored_at)"
            f" values (1, 7, {uid}, '0123456789abcdef', '{state}', false, 'unsure', 'guard', 'word', 0, {moments})"
            for uid, state in enumerate(("review", "failed", "done"))
        ),
    )

    migrate(built_store)

    due = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    query = select(inbound_messages.c.review_until).order_by(inbound_messages.c.uid)
    with built_store.read() as tx:
        assert list(tx.connection.execute(query).scalars()) == [due, due, None]


def test_migrating_again_changes_nothing(built_store):
    migrate(built_store)
    migrate(built_store)

    check(built_store)


def test_two_processes_that_migrate_at_once_migrate_once(tmp_path, database_url):
    keys = build(tmp_path, f"sqlite:///{tmp_path}/keys.db").settings().keyring()
    stores = [Store(database_url, keys) for _ in range(4)]
    gate = threading.Barrier(len(stores))
    faults = []

    def work(store):
        gate.wait()
        try:
            migrate(store)
        except Exception as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    check(stores[0])
    for store in stores:
        store.close()


def test_a_database_that_was_never_migrated_says_what_to_do(tmp_path, database_url):
    keys = build(tmp_path, f"sqlite:///{tmp_path}/keys.db").settings().keyring()
    store = Store(database_url, keys)

    fault = fault_of(store)

    assert (fault.faults, fault.empty) == ((EMPTY,), True)
    store.close()


def test_a_database_newer_than_the_code_is_left_alone(built, built_store):
    run(built_store, "update alembic_version set version_num = '9999'")

    assert fault_of(built_store).faults == (NEWER,)
    for attempt in (migrate, lambda _: init(built.settings()), lambda _: start(built.settings())):
        with pytest.raises(SchemaError, match="newer"):
            attempt(built_store)


def test_somebody_elses_table_of_versions_is_not_ours(built, built_store):
    run(built_store, "drop table alembic_version", "create table alembic_version (release integer)")

    assert fault_of(built_store).faults == (FOREIGN,)
    for attempt in (migrate, lambda _: init(built.settings()), lambda _: start(built.settings())):
        with pytest.raises(SchemaError, match="not a mailconsent database"):
            attempt(built_store)


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path):
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    for path in tmp_path.glob("mailconsent.db-*"):
        path.unlink()
    (tmp_path / "mailconsent.db").write_bytes(b"Dear diary, " * 1000)

    for attempt in (init, start):
        with pytest.raises(SchemaError) as refusal:
            attempt(house.settings())
        assert refusal.value.faults == (FOREIGN,)
    assert (tmp_path / "mailconsent.db").read_bytes().startswith(b"Dear diary"), "and the file is left alone"


def test_a_server_that_goes_away_is_not_taken_for_a_foreign_database(tmp_path, postgres_server, postgres_url):
    house: House = build(tmp_path, postgres_url)
    store = Store(house.database_url, house.settings().keyring())

    def ask():
        with store.read() as tx:
            assert tx.state.newest == 1
            postgres_server.drop(postgres_url)
            check_schema(tx.connection)

    with pytest.raises(StorageUnavailable):
        ask()
    store.close()
