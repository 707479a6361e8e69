"""What was sold to a recipient, kept beside the ledger and always in step with it, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text

from mailconsent.model import Evidence
from mailconsent.soft_opt_in import sales_of
from mailconsent.store.ledger import append, read_events
from mailconsent.store.rebuilding import rebuild_batch
from mailconsent.store.recipients import lock_address
from mailconsent.store.sales import read_one, read_sales_of
from tests.cast import ANNA, BO, CECILIA
from tests.histories import history, notations


def tell(store, address, events):
    with store.begin() as tx:
        for event in events:
            append(tx, lock_address(tx, address), event, Evidence())
        return lock_address(tx, address)


def kept_and_due(store, recipient):
    with store.read() as tx:
        return read_one(tx, recipient.digest), sales_of(recipient.id, read_events(tx, recipient.id))


@pytest.mark.parametrize(
    "notation",
    ["$", "$ $2 $3", "$ !1", "W1 R2 $", "$ W* ~2", "$ N", "$ N $2", "B1 W1", "$ $2 K* -3 A1", "$ F -2"],
)
def test_an_append_keeps_sales_in_step_with_the_events(store, notation):
    kept, due = kept_and_due(store, tell(store, ANNA, history(notation)))

    assert kept == due
    assert (kept is not None) == ("$" in notation)


@given(notation=notations(max_size=8, sales=True))
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_happens_sales_equal_what_the_events_say(store, notation):
    address = f"anna+{uuid4().hex}@example.com"

    kept, due = kept_and_due(store, tell(store, address, history(notation)))

    assert kept == due


def test_sales_are_read_in_bulk_for_those_who_have_some(store):
    anna, bo, cecilia = (tell(store, who, history(told)) for who, told in ((ANNA, "$"), (BO, "W1"), (CECILIA, "$ R1")))

    with store.read() as tx:
        found = read_sales_of(tx, [anna.digest, bo.digest, cecilia.digest, bytes(16)])
        assert read_sales_of(tx, []) == {}

    assert {digest: sold.recipient_id for digest, sold in found.items()} == {
        anna.digest: anna.id,
        cecilia.digest: cecilia.id,
    }
    assert found[cecilia.digest].bars == {0: 2}


def test_every_fact_of_a_sale_comes_back_whatever_zone_it_was_told_in(store):
    [event] = history("$")
    elsewhere = timezone(timedelta(hours=-7))
    told = replace(event, occurred_at=datetime(2026, 1, 1, 2, tzinfo=elsewhere))

    anna = tell(store, ANNA, [told])

    with store.read() as tx:
        [sale] = read_one(tx, anna.digest).sales
    assert sale == sales_of(anna.id, [replace(told, seq=1)]).sales[0]
    assert sale.occurred_at == datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("damage", ["delete from sales", 'update sales set told = \'{"sales": [], "bars": {}}\''])
def test_a_rebuild_mends_sales_that_differ(store, damage):
    anna = tell(store, ANNA, history("$ R1"))
    with store.begin() as tx:
        tx.connection.execute(text(damage))

    with store.begin() as tx:
        mended = rebuild_batch(tx, after=None)
        again = rebuild_batch(tx, after=None)

    assert (mended.mended, again.mended) == (1, 0)
    kept, due = kept_and_due(store, anna)
    assert kept == due
