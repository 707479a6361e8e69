"""Policies ever in force, on both databases."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from mailconsent.errors import ConfigError
from mailconsent.services.installation import start
from mailconsent.store.policies import register_policy
from mailconsent.store.tables import policies
from tests.cast import NOW
from tests.houses import POLICY


def known(store):
    with store.read() as tx:
        return [tuple(row) for row in tx.connection.execute(policies.select().order_by(policies.c.first_seen_at))]


def test_a_policy_is_remembered_with_the_time_it_was_first_seen(store):
    with store.begin() as tx:
        tx.connection.execute(delete(policies))
        register_policy(tx, "# første\n", now=NOW)
    with store.begin() as tx:
        register_policy(tx, "# anden\n", now=NOW + timedelta(days=1))
        register_policy(tx, "# første\n", now=NOW + timedelta(days=2))

    assert known(store) == [
        (hashlib.sha256(text.encode()).digest(), text, NOW + timedelta(days=days))
        for days, text in enumerate(("# første\n", "# anden\n"))
    ]


def test_a_start_remembers_the_policy_that_it_starts_with(house):
    for _ in range(2):
        with house.opened() as here:
            assert [text for _, text, _ in known(here.store)] == [POLICY.read_text("utf-8")]


def test_a_changed_policy_is_remembered_beside_the_older_one(house):
    text = POLICY.read_text("utf-8").replace('minimum_grade = "B"', 'minimum_grade = "A"')
    (house.folder / "changed.toml").write_text(text, "utf-8")
    with house.opened():
        pass

    changed = replace(house, environ={"MAILCONSENT_POLICY": str(house.folder / "changed.toml")})
    with changed.opened() as here:
        assert [row[1] for row in known(here.store)] == [POLICY.read_text("utf-8"), text]


def test_what_cannot_start_is_not_in_force(house):
    with house.opened() as here:
        before = known(here.store)
    text = POLICY.read_text("utf-8").replace('key = "blog"', 'key = "offers"')
    (house.folder / "refused.toml").write_text(text, "utf-8")
    refused = replace(house, environ={"MAILCONSENT_POLICY": str(house.folder / "refused.toml")})

    with pytest.raises(ConfigError):
        start(refused.settings())
    with house.opened() as here:
        assert known(here.store) == before
