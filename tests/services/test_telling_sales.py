"""Recording what shops tell of their sales, on both databases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailconsent.errors import InvalidAddress
from mailconsent.model import EventKind, Reason
from mailconsent.sales import Customer, Obtained, SaleEnd, SaleState
from mailconsent.services.rotation import begin_digest_rotation, move_recipients
from mailconsent.services.sales import order_reference, record_sale
from mailconsent.telling import Telling
from tests.cast import ANNA
from tests.houses import ask, consent, events, receipt, rows, unfolded


def telling(tx, order="SO-1", **more):
    today = datetime.now(UTC)
    told = Telling(
        order=order_reference(tx, order),
        sold_on=date.today() - timedelta(days=3),
        state=SaleState.DELIVERED,
        entity="main",
        categories=frozenset(["ultrasound"]),
        obtained=Obtained.CHECKOUT,
        notice="sale-1",
        offered_at=today - timedelta(days=4),
        country="DK",
        customer=Customer.BUSINESS,
    )
    return replace(told, **more)


def sell(here, address=ANNA, order="SO-1", **more):
    with here.store.begin() as tx:
        return record_sale(tx, address, telling(tx, order, **more), receipt())


def kinds(here):
    return [event.kind for told in events(here).values() for event in told]


def category(here):
    """One that the policy's map knows as similar to all that the alerts advertise."""
    alerts = here.rules.policy.topic("alerts")
    return next(sold for sold, similar in here.rules.policy.similar.categories.items() if alerts.categories <= similar)


def test_a_sale_allows_mail_about_similar_products_and_its_refund_ends_that(installation):
    sold = frozenset([category(installation)])
    first = sell(installation, categories=sold)
    [allowed] = ask(installation, ANNA, topic="alerts")
    again = sell(installation, categories=sold)
    refund = sell(installation, state=SaleEnd.REFUNDED)
    [denied] = ask(installation, ANNA, topic="alerts")

    assert (allowed.reason, allowed.event_id) == (Reason.SOFT_OPT_IN, first.event_id)
    assert (first.repeated, again.repeated, refund.repeated) == (False, True, False)
    assert again.event_id == refund.event_id == first.event_id
    assert denied.reason is Reason.SALE_CANCELLED
    assert unfolded(installation) == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"entity": ""}, Reason.OTHER_ENTITY),
        ({"entity": "sister"}, Reason.OTHER_ENTITY),
        ({"categories": frozenset(["no-such-thing"])}, Reason.NOT_SIMILAR),
        ({"notice": ""}, Reason.OPT_OUT_NOT_OFFERED),
        ({"obtained": Obtained.BADGE}, Reason.ADDRESS_NOT_GIVEN),
    ],
)
def test_what_is_unknown_is_recorded_and_is_no_ground(installation, more, reason):
    sell(installation, **({"categories": frozenset([category(installation)])} | more))

    assert ask(installation, ANNA, topic="alerts")[0].reason is reason


def test_a_refusal_at_the_checkout_is_recorded_with_the_sale_and_lasts(installation):
    consent(installation, ANNA)

    sell(installation, opted_out=True)
    sell(installation, order="SO-2")

    assert kinds(installation) == [EventKind.CONSENT_GIVEN, EventKind.SALE, EventKind.REFUSED, EventKind.SALE]
    assert {d.reason for t in ("blog", "alerts") for d in ask(installation, ANNA, topic=t)} == {Reason.REFUSED}


def test_a_wrong_clock_costs_nobody_their_refusal(installation):
    with installation.store.begin() as tx:
        late = replace(receipt(), occurred_at=datetime.now(UTC) + timedelta(days=9))
        record_sale(tx, ANNA, telling(tx, opted_out=True), late)

    assert kinds(installation)[-1] is EventKind.REFUSED


@pytest.mark.parametrize(("address", "kept"), [(ANNA, ANNA), ("anna@-", None)])
def test_only_an_address_that_gets_mail_is_kept(installation, address, kept):
    sell(installation, address)

    assert rows(installation, "select address from recipients") == [(kept,)]


def test_a_repeat_does_not_bring_back_an_erased_address(installation):
    sell(installation)
    with installation.store.begin() as tx:
        tx.connection.exec_driver_sql("update recipients set address = null")

    sell(installation)

    assert rows(installation, "select address from recipients") == [(None,)]


def test_what_is_no_address_is_refused(installation):
    with pytest.raises(InvalidAddress):
        sell(installation, "anna")


def test_the_order_number_is_nowhere_and_its_reference_outlives_a_rotation(installation):
    sell(installation, order="SO-secret-4711")
    generation = begin_digest_rotation(installation.store)
    for _ in move_recipients(installation.store, generation):
        pass

    again = sell(installation, order=" SO-secret-4711 ")

    assert again.repeated
    assert "4711" not in str(rows(installation, "select facts from events"))
