"""
What a shop tells of an order -> the events that it adds. Rules (design 5.5; decision 0018):

1. An order goes by a keyed reference: the shop's own number may name a person, and everybody could guess it.
2. The same order told again adds an event only where its state is another one. Once it was taken back it stays so.
3. An order of which nothing but its end is told is recorded with it, so that no later telling makes it a ground.
4. Who refuses marketing while buying refuses all of it (ePrivacy Article 13(2)): soft opt-in for good, and any older
   consent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mailconsent.facts import already_said, ended, says_already
from mailconsent.model import ALL_TOPICS, Event, EventKind, Receipt
from mailconsent.sales import Customer, Obtained, SaleEnd, SaleState

#: The facts of a refusal that was made while buying, by which it can be told from a click on a link.
AT_CHECKOUT: Mapping[str, str] = {"at": "checkout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a shop tells of one order. None and empty mean unknown."""

    #: Keyed reference of the order; see `Sale.order`.
    order: str
    #: The day of the sale, in the seller's time zone.
    sold_on: date
    state: SaleState | SaleEnd
    #: Key of the legal entity that sold.
    entity: str = ""
    #: Keys of the product categories.
    categories: frozenset[str] = frozenset()
    obtained: Obtained | None = None
    #: Version of the notice that offered the opt-out when the address was collected, and when it was shown.
    notice: str = ""
    offered_at: datetime | None = None
    #: Two letters, upper case (ISO 3166-1).
    country: str = ""
    customer: Customer | None = None
    #: Whether the customer refused marketing in that sale.
    opted_out: bool = False


def news(told: Telling, events: Sequence[Event], receipt: Receipt, *, reaching: bool) -> list[Event]:
    """
    The events that a telling adds to all of one recipient's, in the order of their `seq`; none where it says nothing
    new. A cancellation that names no event is of the sale before it. `reaching` as for `already_said`.
    """
    gone = ended(events)
    of_order = tellings(told, events)
    ends = [e for e in events if e.kind is EventKind.SALE_CANCELLED and e.ends in {sale.seq for sale in of_order}]
    is_over = any(says_already(end, receipt) for end in ends if end.seq not in gone)
    standing = [sale for sale in of_order if sale.seq not in gone]
    added: list[Event] = []
    if isinstance(told.state, SaleEnd):
        if not is_over:
            if not standing:
                added.append(receipt.event(EventKind.SALE, ALL_TOPICS, facts=_facts(told)))
            named = standing[0].seq if standing else None
            facts = {"state": told.state.value}
            added.append(receipt.event(EventKind.SALE_CANCELLED, ALL_TOPICS, ends=named, facts=facts))
    elif not is_over and not _is_known(told.state, standing, receipt):
        added.append(receipt.event(EventKind.SALE, ALL_TOPICS, facts=_facts(told)))
    refusal = receipt.event(EventKind.REFUSED, ALL_TOPICS, facts=AT_CHECKOUT)
    if told.opted_out and not already_said(events, refusal, reaching=reaching):
        added.append(refusal)
    return added


def tellings(told: Telling, events: Sequence[Event]) -> list[Event]:
    """What was told before of the same order."""
    return [event for event in events if event.kind is EventKind.SALE and event.facts.get("order") == told.order]


def _is_known(state: SaleState, standing: Sequence[Event], receipt: Receipt) -> bool:
    same = [sale for sale in standing if sale.facts.get("state") == state.value]
    return standing[-1:] == same[-1:] and any(says_already(sale, receipt) for sale in same)


def _facts(told: Telling) -> Mapping[str, str]:
    """What the event says: the names in `SALE_FACTS`."""
    is_over = isinstance(told.state, SaleEnd)
    facts = {
        "order": told.order,
        "sold_on": told.sold_on.isoformat(),
        "entity": told.entity,
        "categories": " ".join(sorted(told.categories)),
        "state": "" if is_over else told.state.value,
        # An order that is over when we first hear of it proves no address to work.
        "obtained": told.obtained.value if told.obtained and not is_over else "",
        "notice": told.notice,
        "offered_at": told.offered_at.astimezone(UTC).isoformat() if told.offered_at else "",
        "country": told.country,
        "customer": told.customer.value if told.customer else "",
    }
    return {name: value for name, value in facts.items() if value}
