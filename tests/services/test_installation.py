"""Setting an installation up, and making sure on every start that nothing has gone missing."""

import shutil
import sqlite3
import stat
from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.errors import ConfigError, KeyMissing, SchemaError
from mailconsent.keyring import Purpose, append_key, new_key
from mailconsent.model import Reason
from mailconsent.services.installation import FORGOTTEN, init, readiness, start
from mailconsent.services.recipients import withdraw
from mailconsent.services.rotation import begin_digest_rotation, rotate_signing
from mailconsent.store.generations import key_faults
from mailconsent.store.mailboxes import note_sweep, take_lease
from tests.cast import ANNA, NOW, receipt
from tests.houses import House, ask, build, rows

FILES = ("digest.keys", "signing.keys")


@pytest.fixture
def empty(tmp_path, database_url):
    """An environment, and nothing made in it yet."""
    return House(folder=tmp_path, database_url=database_url)


@pytest.fixture
def built(tmp_path, database_url):
    return build(tmp_path, database_url)


def faults(house, door=start):
    with pytest.raises(ConfigError) as refusal:
        door(house.settings())
    said = "\n".join(refusal.value.faults)
    for name in FILES:
        if (house.folder / name).is_file():
            assert not [key for key in (house.folder / name).read_text().split() if key in said], "it echoes a key"
    assert ANNA not in said
    return list(refusal.value.faults)


def opt_out(house, address=ANNA):
    with house.opened() as here, here.store.begin() as tx:
        withdraw(tx, address, receipt())


def keys_of(house):
    return [(house.folder / name).read_text() for name in FILES]


def test_init_makes_what_is_missing_and_says_so(empty):
    done = init(empty.settings())

    assert done == [
        f"made {empty.folder / 'digest.keys'}",
        f"made {empty.folder / 'signing.keys'}",
        "the database is up to date",
    ]
    assert [len(text.splitlines()) for text in keys_of(empty)] == [1, 1]
    assert {stat.S_IMODE((empty.folder / name).stat().st_mode) for name in FILES} == {0o600}
    with empty.opened() as here:
        assert ask(here, ANNA)[0].reason is Reason.NO_LEGAL_BASIS


def test_init_again_changes_nothing(built):
    opt_out(built)
    before = keys_of(built)

    done = [init(built.settings()) for _ in range(2)]

    assert done == [["the database is up to date"]] * 2
    assert keys_of(built) == before
    with built.opened() as here:
        assert ask(here, ANNA)[0].reason is Reason.WITHDRAWN
        assert len(rows(here, "select * from keys")) == 2


@pytest.mark.parametrize("lost", [FILES[:1], FILES[1:], FILES], ids=["digest", "signing", "both"])
def test_init_never_makes_new_keys_over_existing_events(built, lost):
    opt_out(built)
    for name in lost:
        (built.folder / name).rename(built.folder / f"{name}.moved")

    told = faults(built, init)

    names = {"digest.keys": "DIGEST_KEYS", "signing.keys": "SIGNING_KEYS"}
    assert told == [f"{names[n]}: the keys of this database are missing: bring {built.folder / n} back" for n in lost]
    assert not [name for name in lost if (built.folder / name).exists()]
    for name in lost:
        (built.folder / f"{name}.moved").rename(built.folder / name)
    with built.opened() as here:
        assert ask(here, ANNA)[0].reason is Reason.WITHDRAWN


def test_init_with_other_keys_over_existing_events_is_refused(built):
    opt_out(built)
    (built.folder / "digest.keys").write_text(new_key() + "\n")

    assert faults(built, init) == ["digest keys: key 1 of this database is missing: bring it back"]


def test_init_needs_a_policy_before_it_makes_anything(empty):
    broken = replace(empty, environ={"MAILCONSENT_POLICY": str(empty.folder / "none.toml")})

    assert faults(broken, init) == ["POLICY: the policy file cannot be read"]
    assert not [name for name in FILES if (empty.folder / name).exists()]


def test_init_says_where_it_cannot_write(empty):
    (empty.folder / "var").write_text("in the way")
    blocked = replace(
        empty,
        environ={"MAILCONSENT_DIGEST_KEYS_FILE": str(empty.folder / "var" / "digest.keys")},
    )

    assert faults(blocked, init) == [f"{empty.folder}/var/digest.keys: the key file cannot be written"]


def test_nothing_made_yet_is_told_line_by_line(empty):
    assert faults(empty) == [
        "DIGEST_KEYS: the key file cannot be read: run `mailconsent init`",
        "SIGNING_KEYS: the key file cannot be read: run `mailconsent init`",
    ]


def test_keys_and_no_database_is_told(empty):
    for name in FILES:
        append_key(empty.folder / name)

    assert faults(empty) == ["the database is empty: run `mailconsent init`"]


def test_faults_of_keys_and_policy_come_together(built):
    (built.folder / "digest.keys").write_text("c2hvcnQ=\n")
    (built.folder / "policy.toml").write_text("")
    broken = replace(built, environ={"MAILCONSENT_POLICY": str(built.folder / "policy.toml")})

    assert faults(broken) == [
        "DIGEST_KEYS: key 1 has 5 bytes, and must have 32 to 64",
        "policy: the table [controller] is missing",
        "policy: there is no [[topics]]",
    ]


def test_an_unknown_key_stops_the_start(built):
    for name in FILES:
        (built.folder / name).write_text(new_key() + "\n")

    assert faults(built) == [
        "digest keys: key 1 of this database is missing: bring it back",
        "signing keys: key 1 of this database is missing: bring it back",
    ]


def test_keys_that_changed_places_stop_the_start(built):
    with built.opened() as here:
        begin_digest_rotation(here.store)
        rotate_signing(here.store)
    for name in FILES:
        path = built.folder / name
        path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n")

    assert faults(built) == [
        f"{purpose} keys: key {number} of this database stands at place {place}: put the keys back in order"
        for purpose in ("digest", "signing")
        for number, place in ((1, 2), (2, 1))
    ]


def test_a_key_in_front_of_the_first_stops_the_start(built):
    path = built.folder / "digest.keys"
    path.write_text(new_key() + "\n" + path.read_text())

    told = "digest keys: key 1 of this database stands at place 2: put the keys back in order"
    assert faults(built) == [told]
    assert faults(built, init) == [told]


def test_a_lost_newer_key_stops_the_start(built):
    with built.opened() as here:
        begin_digest_rotation(here.store)
    path = built.folder / "digest.keys"
    path.write_text(path.read_text().splitlines()[0] + "\n")

    assert faults(built) == ["digest keys: key 2 of this database is missing: bring it back"]


def test_a_key_at_the_end_that_is_not_in_use_yet_is_welcome(built):
    opt_out(built)
    for name in FILES:
        append_key(built.folder / name)

    init(built.settings())
    with built.opened() as here:
        assert ask(here, ANNA)[0].reason is Reason.WITHDRAWN
        with here.store.read() as tx:
            assert (tx.state.newest, tx.state.signing) == (1, 1)
            assert key_faults(tx.connection, Purpose.DIGEST, here.store.keyring.keys(Purpose.DIGEST)) == []


def test_keys_of_another_installation_stop_the_start(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    other = build(folder, f"sqlite:///{folder}/mailconsent.db")
    for name in FILES:
        shutil.copy(other.folder / name, built.folder / name)

    assert len(faults(built)) == 2


def test_swapped_key_files_stop_the_start(built):
    first, second = keys_of(built)
    (built.folder / "digest.keys").write_text(second)
    (built.folder / "signing.keys").write_text(first)

    assert len(faults(built)) == 2


def test_a_topic_number_used_again_stops_the_start_and_init(built):
    policy = built.folder / "policy.toml"
    policy.write_text((built.settings().policy_path).read_text().replace('key = "blog"', 'key = "offers"'))
    changed = replace(built, environ={"MAILCONSENT_POLICY": str(policy)})

    for door in (start, init):
        assert faults(changed, door) == [
            'policy: topics: number 1 was "blog" before, and links that say so are out: '
            'give "offers" a number of its own'
        ]


def test_a_new_topic_is_welcome_at_the_start(built):
    policy = built.folder / "policy.toml"
    text = built.settings().policy_path.read_text()
    policy.write_text(
        text + '[[topics]]\nnumber = 9\nkey = "new"\nlist_id = "new.example.com"\nnames = { en = "New" }\n'
    )

    with replace(built, environ={"MAILCONSENT_POLICY": str(policy)}).opened() as here:
        assert (9, "new") in rows(here, "select number, key from topics")


def test_links_go_to_the_contact_where_no_mailto_is_set(built):
    with replace(built, environ={"MAILCONSENT_MAILTO": ""}).opened() as here:
        assert here.rules.mailto == here.rules.policy.controller.contact
    with built.opened() as here:
        assert here.rules.mailto == "u@example.com"


def test_readiness_tells_how_long_ago_an_inbox_was_read_whatever_became_of_an_older_one(built):
    with built.opened() as here:
        with here.store.begin() as tx:
            take_lease(tx, "older", "me", now=NOW - FORGOTTEN, lease=timedelta(seconds=30))
            take_lease(tx, "one", "me", now=NOW, lease=timedelta(seconds=30))
            note_sweep(tx, "one", 1, now=NOW)
        with here.store.read() as tx:
            state = readiness(tx, now=NOW + timedelta(seconds=90))

    assert (state.mailboxes, state.sweep_age) == (2, 90.0)


def test_a_mailbox_that_is_held_and_was_never_read_to_its_end_is_told_of(built):
    with built.opened() as here:
        with here.store.begin() as tx:
            for name in ("one", "two"):
                take_lease(tx, name, "me", now=NOW, lease=timedelta(seconds=30))
            note_sweep(tx, "one", 1, now=NOW)
        with here.store.read() as tx:
            assert readiness(tx, now=NOW + timedelta(seconds=90)).sweep_age is None


def test_a_process_without_the_newest_key_is_not_ready(built, tmp_path):
    behind = replace(built, environ={"MAILCONSENT_DIGEST_KEYS_FILE": str(tmp_path / "copy.keys")})
    shutil.copy(built.folder / "digest.keys", tmp_path / "copy.keys")
    with built.opened() as here, behind.opened() as other:
        begin_digest_rotation(here.store)

        with other.store.read() as tx, pytest.raises(KeyMissing):
            readiness(tx, now=NOW)
        with here.store.read() as tx:
            assert readiness(tx, now=NOW).mailboxes == 0


def test_a_process_whose_database_was_migrated_past_it_is_not_ready(built):
    with built.opened() as here:
        with here.store.begin() as tx:
            tx.connection.exec_driver_sql("update alembic_version set version_num = '9999'")

        with here.store.read() as tx, pytest.raises(SchemaError, match="newer"):
            readiness(tx, now=NOW)


def test_what_is_checked_at_the_start_is_closed_again_when_it_fails(built):
    (built.folder / "digest.keys").write_text(new_key() + "\n")
    for _ in range(3):
        faults(built)

    if built.database_url.startswith("sqlite"):
        connection = sqlite3.connect(built.database_url.removeprefix("sqlite:///"))
        # Only who is alone with the file may do this.
        assert connection.execute("pragma journal_mode = delete").fetchall() == [("delete",)]
        connection.close()
