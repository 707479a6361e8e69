"""API keys, repeated writes, and topic numbers ever used, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.due import Kept
from mailconsent.errors import ConfigError, IdempotencyMismatch, KeyRefused, UnderWay
from mailconsent.store.access import (
    Scope,
    answered,
    create_key,
    list_keys,
    read_key,
    register_topics,
    remember_answer,
    revoke_key,
)
from mailconsent.store.finished import forget_finished
from mailconsent.store.tables import api_keys, idempotency, topics
from tests.cast import NOW


def make(store, name="newsletter", scopes=(Scope.CHECK,)):
    with store.begin() as tx:
        return create_key(tx, name, list(scopes), now=NOW)


def read(store, text):
    with store.read() as tx:
        return read_key(tx, text)


def test_a_key_opens_what_its_scopes_say(store):
    for scopes in ((), (Scope.CHECK,), tuple(Scope)):
        text = make(store, scopes=scopes)

        key = read(store, text)

        assert key.scopes == frozenset(scopes)
        assert text.split("_")[1] == key.id


def test_every_key_is_another_one(store):
    assert len({make(store) for _ in range(20)}) == 20


def test_the_database_cannot_tell_a_key(store):
    text = make(store)

    with store.read() as tx:
        row = str(tx.connection.execute(api_keys.select()).all())
    assert text.rpartition("_")[2] not in row


def test_a_revoked_key_opens_nothing(store):
    text, other = make(store), make(store)
    key_id = text.split("_")[1]

    with store.begin() as tx:
        assert revoke_key(tx, key_id, now=NOW)
        assert not revoke_key(tx, key_id, now=NOW + timedelta(days=1)), "it was revoked before"
        assert not revoke_key(tx, "000000000000", now=NOW), "there is none"

    with pytest.raises(KeyRefused):
        read(store, text)
    assert read(store, other)


def test_keys_are_listed_without_their_secrets(store):
    first, second = make(store, "one", (Scope.CONSENTS, Scope.CHECK)), make(store, "two")
    with store.begin() as tx:
        revoke_key(tx, second.split("_")[1], now=NOW)

    with store.read() as tx:
        listed = sorted(list_keys(tx), key=lambda row: row[1])

    assert listed == [
        (first.split("_")[1], "one", "check consents", NOW, None),
        (second.split("_")[1], "two", "check", NOW, NOW),
    ]


def test_what_is_no_key_is_refused_in_the_same_words(store):
    text = make(store)
    prefix, key_id, secret = text.split("_")
    wrong = {
        "nothing": "",
        "an unknown id": f"mc_{'0' * 12}_{secret}",
        "a wrong secret": f"mc_{key_id}_{'0' * 64}",
        "no secret": f"mc_{key_id}_",
        "no secret at all": f"mc_{key_id}",
        "a part of the secret": text[:-1],
        "more than the secret": text + "0",
        "another prefix": f"mx_{key_id}_{secret}",
        "capitals": text.upper(),
        "a blank before": f" {text}",
        "a line break after": f"{text}\n",
        "a NUL": f"mc_{key_id}\x00_{secret}",
        "half a character": f"mc_{key_id}_{secret}\ud800",
        "digits of another script": f"mc_{key_id}_{'٣' * 64}",
        "a great deal": "mc_" + "a" * 1_000_000,
        "SQL": f"mc_' or '1'='1_{secret}",
        "the words of a header": f"Bearer {text}",
    }

    messages = set()
    for key in wrong.values():
        with pytest.raises(KeyRefused) as refusal:
            read(store, key)
        messages.add(str(refusal.value))

    assert messages == {"The API key is unknown or revoked."}
    assert prefix == "mc"
    assert read(store, text)


def test_a_repeated_write_gets_the_answer_given_before(store):
    key = read(store, make(store))

    with store.begin() as tx:
        assert answered(tx, key, "k1", b"request") is None
        remember_answer(tx, key, "k1", b"request", '{"event_id":"1-1"}', now=NOW)

    with store.read() as tx:
        assert answered(tx, key, "k1", b"request") == '{"event_id":"1-1"}'
        assert answered(tx, key, "k2", b"request") is None
        with pytest.raises(IdempotencyMismatch):
            answered(tx, key, "k1", b"another request")


def test_two_senders_may_use_the_same_idempotency_key(store):
    one, two = read(store, make(store)), read(store, make(store))

    with store.begin() as tx:
        remember_answer(tx, one, "k1", b"request", "one", now=NOW)
        assert answered(tx, two, "k1", b"request") is None
        remember_answer(tx, two, "k1", b"other", "two", now=NOW)
        assert (answered(tx, one, "k1", b"request"), answered(tx, two, "k1", b"other")) == ("one", "two")


def test_the_same_write_a_moment_later_is_told_to_come_again(store):
    key = read(store, make(store))

    with store.begin() as tx:
        remember_answer(tx, key, "k1", b"request", "first", now=NOW)
        with pytest.raises(UnderWay):
            remember_answer(tx, key, "k1", b"request", "second", now=NOW)

    with store.read() as tx:
        assert answered(tx, key, "k1", b"request") == "first"


def test_neither_the_idempotency_key_nor_the_request_can_be_read_back(store):
    key = read(store, make(store))

    with store.begin() as tx:
        remember_answer(tx, key, "order-4711", b"anna@example.com", "{}", now=NOW)

    with store.read() as tx:
        row = str(tx.connection.execute(idempotency.select()).one())
    assert "4711" not in row
    assert "anna" not in row


def test_answers_are_forgotten_after_their_time(store):
    key = read(store, make(store))
    with store.begin() as tx:
        for days in (0, 1, 2):
            remember_answer(tx, key, f"k{days}", b"", "{}", now=NOW + timedelta(days=days))

    with store.begin() as tx:
        assert forget_finished(tx, Kept.ANSWER, NOW + timedelta(days=1)) == [NOW]

    with store.read() as tx:
        assert [answered(tx, key, f"k{days}", b"") for days in (0, 1, 2)] == [None, "{}", "{}"]


def test_a_topic_number_is_never_used_for_another_topic(store, rules):
    blog, alerts, *others = rules.policy.topics
    renamed = replace(blog, key="sales")

    with store.begin() as tx, pytest.raises(ConfigError) as refusal:
        register_topics(tx, (renamed, alerts, *others))

    assert refusal.value.faults == (
        'policy: topics: number 1 was "blog" before, and links that say so are out: give "sales" a number of its own',
    )


def test_a_topic_that_left_the_policy_keeps_its_number(store, rules):
    blog, *others = rules.policy.topics

    with store.begin() as tx:
        register_topics(tx, tuple(others))
        with pytest.raises(ConfigError):
            register_topics(tx, (replace(blog, key="sales"),))
        register_topics(tx, (blog,))


def test_new_topics_are_remembered_and_known_ones_may_change_their_names(store, rules):
    blog = rules.policy.topics[0]

    with store.begin() as tx:
        register_topics(tx, (replace(blog, names={"en": "The blog"}), replace(blog, number=99, key="events")))

    with store.read() as tx:
        known = {row.number: row.key for row in tx.connection.execute(topics.select())}
    assert known == {1: "blog", 2: "alerts", 3: "industry", 4: "orders", 99: "events"}
