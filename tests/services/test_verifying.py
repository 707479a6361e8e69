"""Verifying the ledger: whatever somebody does to the database, the first fault is named. On both databases."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import inspect

from mailconsent.errors import Refused
from mailconsent.keyring import Purpose
from mailconsent.model import EventId
from mailconsent.seal import hash_of, sign, write_seal
from mailconsent.services.rotation import rotate_signing
from mailconsent.services.sealing import list_seals, seal_days
from mailconsent.services.verifying import Tamper, read_export
from mailconsent.store.leaves import remove_event
from tests.cast import ANNA
from tests.ledgers import FIRST, after, tamper, tell, verify, write_history

OF = "recipient_id = :id and seq = :seq"
COPY = (
    "insert into events (recipient_id, seq, kind, topic, channel, occurred_at, received_at, source, nonce) "
    "select recipient_id, 5, 'consent_given', 1, channel, occurred_at, received_at, source, nonce from events where "
)


@pytest.fixture
def history(store) -> Iterator[list[EventId]]:
    return write_history(store)


def where(event):
    return {"id": event.recipient_id, "seq": event.seq}


def test_a_ledger_that_nobody_touched_has_no_fault(store, history):
    result = verify(store)

    assert (result.fault, result.seals, result.events, str(result.through)) == (None, 3, 9, "2026-03-04")


def test_a_ledger_that_was_never_sealed_is_not_proven(store):
    result = verify(store)

    assert (result.fault.tamper, result.through) == (Tamper.NO_SEAL, None)


#: What one may write into an event, and why somebody would.
ALTERATIONS = {
    "kind": ("'consent_given'", "a withdrawal becomes a consent"),
    "topic": ("2", "it concerned another topic"),
    "channel": ("'operator'", "the operator did it"),
    "occurred_at": ("'2020-01-01 00:00:00.000000'", "it happened long ago"),
    "received_at": ("'2026-03-02 00:00:00.000000'", "it came earlier"),
    "source": ("'elsewhere'", "it came from elsewhere"),
    "grade": ("'A'", "it was confirmed"),
    "ends": ("1", "it ends another event"),
    "facts": ("'{}'", "another form was shown"),
    "nonce": ("substr(nonce, 2)", "the leaf would say something else"),
}


@pytest.mark.parametrize(("column", "value"), [(name, value) for name, (value, _) in ALTERATIONS.items()])
def test_an_event_of_which_anything_was_altered_is_named(store, history, column, value):
    tamper(store, f"update events set {column} = {value} where {OF}", **where(history[4]))

    fault = verify(store).fault

    assert (fault.tamper, fault.event, fault.seal) == (Tamper.ALTERED, history[4], 2)


def test_every_column_of_an_event_is_sealed(store):
    columns = {"recipient_id", "seq", *ALTERATIONS}

    with store.read() as tx:
        assert {column["name"] for column in inspect(tx.connection).get_columns("events")} == columns


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", ["kind", "received_at", "occurred_at", "facts", "nonce", "source", "topic"])
@pytest.mark.parametrize("value", ["x'00ff'", "'nonsense'", "1.5", "'99999-99-99'", "''"])
def test_nonsense_in_an_event_is_named_and_stops_nothing(store, history, column, value):
    tamper(store, f"update events set {column} = {value} where {OF}", **where(history[4]))

    assert verify(store).fault.event == history[4]


def test_an_event_that_changed_its_number_is_named_as_gone(store, history):
    tamper(store, f"update events set seq = 9 where {OF}", **where(history[0]))

    fault = verify(store).fault

    assert (fault.tamper, fault.event) == (Tamper.GONE, history[0])


def test_an_event_given_to_somebody_else_is_named_as_gone(store, history):
    tamper(
        store,
        f"update events set recipient_id = :other, seq = 7 where {OF}",
        other=history[1].recipient_id,
        **where(history[0]),
    )

    assert verify(store).fault.event == history[0]


def test_an_event_that_is_gone_without_a_word_is_named(store, history):
    tamper(store, f"delete from events where {OF}", **where(history[3]))

    fault = verify(store).fault

    assert (fault.tamper, fault.event, fault.seal) == (Tamper.GONE, history[3], 2)
    assert (
        str(fault)
        == f"event {history[3]}, seal 2 of 2026-03-03: this event is gone, and no removal of it was written down"
    )


def test_an_event_removed_as_the_ledger_allows_is_no_fault(store, history):
    with store.begin() as tx:
        remove_event(tx, history[3], "retention")

    assert verify(store).fault is None


def test_an_event_removed_with_another_leaf_hash_is_named(store, history):
    tamper(
        store,
        [
            "insert into removed (recipient_id, seq, leaf_hash, reason) values (:id, :seq, :leaf, 'retention')",
            f"delete from events where {OF}",
        ],
        leaf=bytes(32),
        **where(history[3]),
    )

    fault = verify(store).fault

    assert (fault.tamper, fault.event) == (Tamper.REMOVED, history[3])


def test_a_removal_made_to_fit_a_false_leaf_breaks_the_root(store, history):
    tamper(
        store,
        [
            "insert into removed (recipient_id, seq, leaf_hash, reason) values (:id, :seq, :leaf, 'retention')",
            f"update sealed set leaf_hash = :leaf where {OF}",
            f"delete from events where {OF}",
        ],
        leaf=bytes(32),
        **where(history[3]),
    )

    fault = verify(store).fault

    assert (fault.tamper, fault.seal, fault.day) == (Tamper.ROOT, 2, FIRST.replace(day=3))


def test_a_removal_that_is_unwritten_again_is_found(store, history):
    with store.begin() as tx:
        remove_event(tx, history[3], "retention")
    tamper(store, f"delete from removed where {OF}", **where(history[3]))

    assert verify(store).fault.event == history[3]


def test_an_event_removed_before_its_seal_is_sealed_by_its_leaf_hash(store, history):
    with store.begin() as tx:
        remove_event(tx, history[9], "retention")
    seal_days(store, now=after(4))
    assert verify(store).fault is None

    tamper(store, f"delete from removed where {OF}", **where(history[9]))

    assert verify(store).fault.event == history[9]


def test_an_event_removed_without_a_word_before_its_seal_is_found_by_its_number(store, history):
    tell(store, ANNA, days=3.1)
    tamper(store, f"delete from events where {OF}", **where(history[9]))

    fault = verify(store).fault

    assert (fault.tamper, fault.event, fault.seal) == (Tamper.GONE, history[9], None)


def test_the_newest_event_removed_without_a_word_is_found_too(store, history):
    tamper(store, f"delete from events where {OF}", **where(history[11]))

    assert verify(store).fault.event == history[11]


def test_an_event_inserted_into_the_past_is_named(store, history):
    tamper(store, COPY + OF, **where(history[4]))

    fault = verify(store).fault

    assert (fault.tamper, fault.event) == (Tamper.INSERTED, EventId(history[4].recipient_id, 5))


def test_an_event_inserted_into_the_past_is_named_also_after_the_next_seal_took_it_in(store, history):
    tamper(store, COPY + OF, **where(history[4]))
    seal_days(store, now=after(4))

    fault = verify(store).fault

    assert (fault.tamper, fault.event, fault.seal) == (Tamper.INSERTED, EventId(history[4].recipient_id, 5), 4)


def test_an_event_inserted_under_an_old_seal_breaks_its_root(store, history):
    tamper(
        store,
        [
            COPY + OF,
            "insert into sealed (recipient_id, seq, seal, leaf_hash) "
            f"select :id, 5, 2, leaf_hash from sealed where {OF}",
        ],
        **where(history[4]),
    )

    assert verify(store).fault.seal == 2


def test_an_event_taken_out_with_its_leaf_breaks_the_root(store, history):
    tamper(store, [f"delete from events where {OF}", f"delete from sealed where {OF}"], **where(history[4]))

    fault = verify(store).fault

    assert (fault.tamper, fault.seal) == (Tamper.ROOT, 2)


def test_an_event_moved_to_another_seal_breaks_the_root_of_the_first(store, history):
    tamper(store, f"update sealed set seal = 3 where {OF}", **where(history[4]))

    assert verify(store).fault.seal == 2


#: What one may do to a seal, the fault it makes, and the seal it is named at.
SEALS = {
    "another root": ("update seals set root = :zeros where number = 2", Tamper.SIGNATURE, 2),
    "another count": ("update seals set count = 2 where number = 2", Tamper.SIGNATURE, 2),
    "another day": ("update seals set day = '2026-03-01' where number = 2", Tamper.SIGNATURE, 2),
    "another link": ("update seals set previous = :zeros where number = 2", Tamper.SIGNATURE, 2),
    "another key": ("update seals set key = 2 where number = 2", Tamper.SIGNATURE, 2),
    "a key of nobody": ("update seals set key = 0 where number = 2", Tamper.SIGNATURE, 2),
    "another signature": ("update seals set signature = 'x' where number = 2", Tamper.SIGNATURE, 2),
    "one taken away": ("delete from seals where number = 2", Tamper.NUMBER, 3),
    "the first taken away": ("delete from seals where number = 1", Tamper.NUMBER, 2),
    "the last two taken away": ("delete from seals where number > 1", Tamper.STRAY, 3),
    "all taken away": ("delete from seals", Tamper.NO_SEAL, None),
    "another number": ("update seals set number = 5 where number = 3", Tamper.NUMBER, 5),
}


@pytest.mark.parametrize(("statement", "kind", "number"), SEALS.values(), ids=SEALS.keys())
def test_a_seal_that_was_changed_or_taken_away_is_named(store, history, statement, kind, number):
    tamper(store, statement, **({"zeros": bytes(32)} if ":zeros" in statement else {}))

    fault = verify(store).fault

    assert (fault.tamper, fault.seal) == (kind, number)


def resign(store, first, **changes):
    """What somebody with the signing keys can do: change a seal, and sign it and all later ones anew."""
    keys = store.keyring.keys(Purpose.SIGNING)
    last = None
    for seal in list_seals(store):
        if seal.number == first:
            seal = replace(seal, **changes)
        if last and seal.number > first:
            seal = replace(seal, previous=hash_of(last))
        last = replace(seal, signature=sign(seal, keys))
        tamper(
            store,
            "update seals set day = :day, root = :root, previous = :previous, signature = :signature where number = :n",
            day=last.day.isoformat(),
            root=last.root,
            previous=last.previous,
            signature=last.signature,
            n=last.number,
        )


def test_a_day_left_out_by_somebody_with_the_keys_is_named(store, history):
    resign(store, 3, day=FIRST.replace(day=9))

    fault = verify(store).fault

    assert (fault.tamper, fault.seal) == (Tamper.DAY, 3)


def test_a_seal_signed_anew_does_not_fit_the_one_before_it(store, history):
    resign(store, 3, previous=bytes(32))

    fault = verify(store).fault

    assert (fault.tamper, fault.seal) == (Tamper.LINK, 3)


def export(store):
    return [write_seal(seal) for seal in list_seals(store)]


def test_a_history_rewritten_and_signed_anew_is_found_by_an_export(store, history):
    kept = export(store)
    tamper(
        store,
        [
            f"delete from events where {OF}",
            f"delete from sealed where {OF}",
            "update recipients set last_seq = last_seq - 1 where id = :id",
            "update events set seq = seq - 1 where recipient_id = :id and seq = 4",
            "delete from sealed where seal > 1",
            "delete from seals where number > 1",
        ],
        **where(history[6]),
    )
    seal_days(store, now=after(3))
    assert verify(store).fault is None, "the seals alone can't tell"

    fault = verify(store, against=read_export(kept)).fault

    assert (fault.tamper, fault.seal) == (Tamper.EXPORT, 3)


def test_a_chain_cut_short_is_found_by_an_export(store, history):
    kept = export(store)
    tamper(store, ["delete from sealed where seal = 3", "delete from seals where number = 3"])

    fault = verify(store, against=read_export(kept)).fault

    assert (fault.tamper, fault.seal, str(fault.day)) == (Tamper.EXPORT, 3, "2026-03-04")


def test_an_export_that_is_older_than_the_newest_seal_still_fits(store, history):
    kept = export(store)
    seal_days(store, now=after(5))

    assert verify(store, against=read_export(kept)).fault is None
    assert verify(store, against=read_export(kept[1:2])).fault is None, "any part of it will do"


def test_a_broken_export_is_refused_by_its_line(store, history):
    kept = export(store)
    another = write_seal(replace(list_seals(store)[0], count=99))

    for lines, said in (
        ([], "holds no seal"),
        ([*kept, "anna@example.com"], "line 4 is not a seal"),
        ([*kept, another], "line 4 has the number of another seal"),
    ):
        with pytest.raises(Refused, match=said) as refusal:
            read_export(lines)
        assert "anna" not in str(refusal.value)


def test_old_seals_stay_signed_when_the_signing_key_changes(store, history):
    rotate_signing(store)
    seal_days(store, now=after(5))

    assert [seal.key for seal in list_seals(store)] == [1, 1, 1, 2, 2]
    assert verify(store).fault is None


def test_a_seal_being_made_is_no_fault(store, history):
    tamper(
        store,
        "insert into sealed (recipient_id, seq, seal, leaf_hash) values (:id, :seq, 4, :leaf)",
        leaf=bytes(32),
        **where(history[9]),
    )

    assert verify(store).fault is None


def test_what_was_seen_is_told_while_it_goes_on(store, history):
    seen = []

    verify(store, advance=seen.append)

    assert seen == [3, 6, 9]
