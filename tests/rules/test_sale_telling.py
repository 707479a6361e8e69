"""What a shop tells of an order, and the events that it adds."""

from dataclasses import replace
from datetime import date

import pytest

from mailconsent.facts import ended
from mailconsent.model import Channel, EventKind, Reason
from mailconsent.retention import removable
from mailconsent.sale_telling import AT_CHECKOUT, Telling, news
from mailconsent.sales import SaleEnd, SaleState, read_sales
from tests.cast import NOW, receipt
from tests.histories import decided

TOLD = Telling(order="a", sold_on=date(2026, 1, 2), state=SaleState.PAID, entity="main")
BATCH, OTHER = "import:aa/2", "import:bb/2"


def tell(events, told, source=None):
    """A history and what this telling adds; from an import where a source is given."""
    act = replace(receipt(Channel.IMPORT if source else Channel.API), source=source or "shop")
    for event in news(told, events, act, reaching=True):
        seq = len(events) + 1
        ends = seq - 1 if event.kind is EventKind.SALE_CANCELLED and event.ends is None else event.ends
        events = [*events, replace(event, seq=seq, ends=ends)]
    return events


def after(*tellings):
    events = []
    for told in tellings:
        events = tell(events, *(told if isinstance(told, tuple) else (told,)))
    return events


def release(events, seq):
    act = receipt(Channel.OPERATOR)
    return [*events, replace(act.event(EventKind.RELEASED, 0, ends=seq), seq=len(events) + 1)]


PAID, DELIVERED = TOLD, replace(TOLD, state=SaleState.DELIVERED)
REFUNDED, CANCELLED = replace(TOLD, state=SaleEnd.REFUNDED), replace(TOLD, state=SaleEnd.CANCELLED)
REFUSED = replace(TOLD, opted_out=True)


@pytest.mark.parametrize(
    ("tellings", "kinds", "why"),
    [
        ((PAID,), "sale", "the first telling"),
        ((PAID, PAID), "sale", "the same again"),
        ((PAID, DELIVERED), "sale sale", "it went on"),
        ((PAID, DELIVERED, PAID), "sale sale sale", "and back: the newest state counts"),
        ((PAID, REFUNDED), "sale sale_cancelled", "taken back"),
        ((PAID, REFUNDED, CANCELLED), "sale sale_cancelled", "once"),
        ((PAID, REFUNDED, DELIVERED), "sale sale_cancelled", "and for good"),
        ((REFUNDED, PAID), "sale sale_cancelled", "told of its end first, it is no ground afterwards"),
        ((PAID, replace(TOLD, order="b")), "sale sale", "another order"),
        ((REFUSED,), "sale refused", "a refusal while buying"),
        ((REFUSED, REFUSED), "sale refused", "the same again"),
        ((PAID, REFUSED), "sale refused", "told later"),
        (((PAID, BATCH), (PAID, BATCH)), "sale", "twice in one file"),
        (((PAID, BATCH), PAID), "sale sale", "the shop's own telling must outlive a revert of the import"),
        (((PAID, BATCH), (PAID, OTHER)), "sale sale", "so must another import's"),
        ((PAID, (PAID, BATCH)), "sale", "an import of what the shop told"),
        (((REFUSED, BATCH), REFUSED), "sale refused sale refused", "a refusal too outlives a revert"),
        (((REFUNDED, BATCH), REFUNDED), "sale sale_cancelled sale_cancelled", "and a cancellation"),
    ],
)
def test_a_telling_adds_what_is_new(tellings, kinds, why):
    assert [event.kind for event in after(*tellings)] == kinds.split(), why


def test_a_refusal_while_buying_denies_everything_and_says_where_it_was_made():
    events = after(REFUSED)

    assert events[-1].facts == AT_CHECKOUT
    assert decided(events, 1).reason is Reason.REFUSED


def test_no_fact_names_the_address_or_is_empty():
    [event] = after(TOLD)

    assert event.facts == {"order": "a", "sold_on": "2026-01-02", "state": "paid", "entity": "main"}


def test_a_reverted_telling_was_never_made_and_the_next_one_is_the_first():
    events = release(after((PAID, BATCH), replace(PAID, notice="2")), 1)

    [sale] = read_sales(events, ended(events))

    assert (sale.seq, sale.notice) == (2, "2")


def test_an_order_stays_cancelled_where_the_telling_that_was_named_is_reverted():
    events = release(after((PAID, BATCH), REFUNDED), 1)
    kept = [event for event in events if event.seq not in removable(events, range(9), now=NOW)]

    for history in (events, kept):
        again = tell(list(history), PAID)
        assert all(sale.cancelled_by for sale in read_sales(again, ended(again)))
