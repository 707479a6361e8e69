"""
Sales, as the events tell them. Rules:

1. What a `SALE` event says is a claim of the shop: read whole, believed as little as possible. What is missing or not
   readable is unknown, and nothing unknown is a ground.
2. An order may be told of several times, as it moves from an order to a delivery. The first telling counts, but for the
   state, which is the newest one's: when the address was collected, and what was offered then, cannot be repaired.
3. An order that was cancelled or refunded stays so, whatever is told of it later: a new sale has an order of its own.
4. What an import told counts no more when it was reverted. Nothing else that is told of a sale can be released.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from mailconsent.model import Channel, Event, EventKind

Member = TypeVar("Member", bound=StrEnum)


class SaleState(StrEnum):
    """How far a sale has come."""

    NEGOTIATION = "negotiation"  #: an enquiry or an offer: a ground in few countries
    ORDERED = "ordered"  #: not paid or invoiced yet
    PAID = "paid"
    INVOICED = "invoiced"
    DELIVERED = "delivered"


class SaleEnd(StrEnum):
    """How a sale was taken back."""

    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Obtained(StrEnum):
    """How the seller came to the address."""

    CHECKOUT = "checkout"
    ORDER_FORM = "order_form"
    ORDER_EMAIL = "order_email"
    SUPPORT = "support"
    BADGE = "badge"  #: scanned at a fair
    IMPORT = "import"
    ENRICHMENT = "enrichment"  #: bought or looked up


class Customer(StrEnum):
    """Who bought."""

    CONSUMER = "consumer"
    BUSINESS = "business"


#: What a `SALE` event's facts may say: all text, dates and times in ISO 8601, categories apart by spaces.
SALE_FACTS = frozenset(
    ("order", "sold_on", "entity", "categories", "state", "obtained", "notice", "offered_at", "country", "customer")
)
COMPLETED = frozenset({SaleState.PAID, SaleState.INVOICED, SaleState.DELIVERED})
#: Ways in which the customer gave the address themselves, in that very sale (ePrivacy Article 13(2)).
GIVEN_BY_CUSTOMER = frozenset({Obtained.CHECKOUT, Obtained.ORDER_FORM, Obtained.ORDER_EMAIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What was sold to a recipient in one order. None and empty mean unknown."""

    #: The event that told of it first.
    seq: int
    #: Keyed reference of the order: never the shop's own number, which may name a person.
    order: str
    #: The day of the sale, in the seller's time zone.
    sold_on: date | None
    #: Key of the legal entity that sold.
    entity: str
    #: Keys of the product categories.
    categories: frozenset[str]
    state: SaleState | None
    obtained: Obtained | None
    #: Version of the notice that offered the opt-out when the address was collected, and when it was shown.
    notice: str
    offered_at: datetime | None
    #: Two letters, upper case (ISO 3166-1).
    country: str
    customer: Customer | None
    #: When the sale happened, as far as known, and when we first heard of it.
    occurred_at: datetime
    received_at: datetime
    #: The event that took it back.
    cancelled_by: int | None = None

    @property
    def given_by_customer(self) -> bool:
        """Whether the customer gave the address themselves, in this sale."""
        return self.obtained in GIVEN_BY_CUSTOMER


def read_sales(events: Sequence[Event], gone: Collection[int] = ()) -> list[Sale]:
    """
    What was sold to a recipient: one for each order, oldest first.

    From all their events in the order of `seq`; `gone` are those that were released.
    """
    sales: dict[str | int, Sale] = {}
    tellings: dict[int, str | int] = {}
    cancelled: dict[str | int, int] = {}
    for event in events:
        reverted = event.seq in gone and event.channel is Channel.IMPORT
        if event.kind is EventKind.SALE:
            told = read_sale(event)
            key = tellings[event.seq] = told.order or told.seq
            if not reverted:
                sales[key] = replace(sales[key], state=told.state) if key in sales else told
        elif event.kind is EventKind.SALE_CANCELLED and event.ends in tellings and not reverted:
            # The order is cancelled, also where the telling that was named is released and another one remains.
            cancelled.setdefault(tellings[event.ends], event.seq)
    return [replace(sale, cancelled_by=cancelled[key]) if key in cancelled else sale for key, sale in sales.items()]


def read_sale(event: Event) -> Sale:
    """What one `SALE` event says. Never raises: what cannot be read is unknown."""
    facts = event.facts
    return Sale(
        seq=event.seq,
        order=facts.get("order", ""),
        sold_on=_day(facts.get("sold_on", "")),
        entity=facts.get("entity", ""),
        categories=frozenset(facts.get("categories", "").split()),
        state=_member(SaleState, facts.get("state", "")),
        obtained=_member(Obtained, facts.get("obtained", "")),
        notice=facts.get("notice", ""),
        offered_at=_moment(facts.get("offered_at", "")),
        country=facts.get("country", "").upper(),
        customer=_member(Customer, facts.get("customer", "")),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
    )


def _member(kind: type[Member], value: str) -> Member | None:
    return kind(value) if value in list(kind) else None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Without a zone it is no moment: it may be a day off. At the ends of the calendar no zone can be told from another.
    return moment if moment.tzinfo and date.min.year < moment.year < date.max.year else None
