"""
Sales -> whether soft opt-in holds (ePrivacy Article 13(2)), design 5.5. All of these, asked in this order of each sale:

1. (SO1) a sale, not cancelled or refunded, in a state that the country's law accepts: `sale_cancelled`,
   `sale_incomplete`;
2. (SO2) the customer gave the address themselves, in that sale: `address_not_given`;
3. (SO3) the legal entity that sold is the one that mails: `other_entity`;
4. (SO4) all that the mail is about is similar to what was sold, by the policy's own map: `not_similar`;
5. (SO5) an opt-out was offered when the address was collected: `opt_out_not_offered`;
6. (SO6) the person never refused, objected or complained, of any topic, and no withdrawal that covers this topic was
   left standing, also where a newer consent lifted it for consent: `soft_opt_in_barred`;
7. (SO7) the mail offers an opt-out, too: `mail_without_opt_out`;
8. (SO8) the sale, or the last such mail where the law counts from it, is not too old: `sale_too_old`;
9. (SO9) the country's exclusion lists were consulted: `list_not_consulted`;
10. (SO10) the law of the sender's and of the recipient's country allows it at all: `country_without_soft_opt_in`.

The newest sale that holds allows. Where none holds, the one that fails latest in this order says why, of equals the
newest. Who bought from several countries is under the law of all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from functools import reduce

from mailconsent.country import CountryRule, stricter
from mailconsent.facts import ended
from mailconsent.model import ALL_TOPICS, Decision, Event, EventId, EventKind, LegalBasis, Reason
from mailconsent.sales import COMPLETED, Sale, read_sales
from mailconsent.terms import add_months

#: Noes that bar soft opt-in for good, of whatever topic: neither a consent, an undo nor a release brings it back.
STICKY = frozenset({EventKind.REFUSED, EventKind.OBJECTED, EventKind.COMPLAINT})
#: Of a country that nobody named, or that the policy does not know.
UNKNOWN_COUNTRY = CountryRule(soft_opt_in=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A mail to existing customers, as the law looks at it."""

    topic: int
    #: Whether the policy marks the topic as one about similar products: a newsletter or industry news never is.
    eligible: bool
    #: What the mail is about: keys of product categories.
    categories: frozenset[str]
    #: What was sold -> what is similar to it. From the policy, and whole: nothing is similar that it does not name.
    similar: Mapping[str, frozenset[str]]
    #: Key of the legal entity that sends, and whose products these are.
    entity: str
    #: By the recipient's country, two letters upper case: its rule and the sender's, the stricter of each part.
    rules: Mapping[str, CountryRule]
    #: The company's time zone, in which its days begin and end.
    zone: tzinfo
    now: datetime
    #: Whether the mail carries the link, the one-click fields, a stop address and the sender's name.
    with_opt_out: bool
    #: When the addresses were last compared with each exclusion list.
    lists_consulted: Mapping[str, date] = field(default_factory=dict)

    def day(self, moment: datetime) -> date:
        """The company's own day at that moment."""
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """What was sold to one recipient, and what bars soft opt-in."""

    recipient_id: int
    #: Oldest first.
    sales: Sequence[Sale]
    #: Topic number, or `ALL_TOPICS` -> the first event that bars soft opt-in there.
    bars: Mapping[int, int]
    #: The day of the last mail that soft opt-in allowed. Events do not tell: what was sent does, and `sales_of` leaves
    #: it out.
    last_sent_on: date | None = None


def sales_of(recipient_id: int, events: Sequence[Event]) -> Sales | None:
    """What all events of one recipient, in the order of `seq`, say of soft opt-in; None if nothing was ever sold."""
    if not any(event.kind is EventKind.SALE for event in events):
        return None
    gone = ended(events)
    told = read_sales(events, gone)
    # A new owner of the mailbox ends every older ground. Noes stay: nobody asks whose they were.
    owner_since = max((event.seq for event in events if event.kind is EventKind.OWNER_CHANGED), default=0)
    bars: dict[int, int] = {}
    for event in events:
        if event.kind in STICKY:
            bars.setdefault(ALL_TOPICS, event.seq)
        elif event.kind is EventKind.WITHDRAWN and event.seq not in gone:
            bars.setdefault(event.topic, event.seq)
    return Sales(recipient_id=recipient_id, sales=[s for s in told if s.seq > owner_since], bars=bars)


def judge(sales: Sales, offer: Offer) -> Decision | None:
    """Whether soft opt-in allows this mail, by which sale, or why not by the nearest one. None without a sale."""
    nearest: tuple[int, int] = (-1, 0)
    denial: Decision | None = None
    for sale in reversed(sales.sales):
        case = _Case(sale=sale, sales=sales, offer=offer, rule=_rule(sale, sales, offer))
        place = next((place for place, (_, holds) in enumerate(CONDITIONS) if not holds(case)), None)
        if place is None:
            return Decision(True, Reason.SOFT_OPT_IN, LegalBasis.SOFT_OPT_IN, EventId(sales.recipient_id, sale.seq))
        if (place, sale.seq) > nearest:
            nearest = place, sale.seq
            reason = CONDITIONS[place][0]
            denial = Decision(False, reason, None, EventId(sales.recipient_id, _decided_by(reason, case)))
    return denial


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One sale before the conditions."""

    sale: Sale
    sales: Sales
    offer: Offer
    rule: CountryRule


def _rule(sale: Sale, sales: Sales, offer: Offer) -> CountryRule:
    # A sale that names no country is off itself, and says nothing of the others.
    countries = {other.country for other in sales.sales if other.country} | {sale.country}
    return reduce(stricter, (offer.rules.get(country, UNKNOWN_COUNTRY) for country in sorted(countries)))


def _decided_by(reason: Reason, case: _Case) -> int:
    if reason is Reason.SOFT_OPT_IN_BARRED:
        return _bar(case) or case.sale.seq
    if reason is Reason.SALE_CANCELLED:
        return case.sale.cancelled_by or case.sale.seq
    return case.sale.seq


def _completed(case: _Case) -> bool:
    sale, offer = case.sale, case.offer
    if sale.state is None or sale.sold_on is None:
        return False
    # What was told before its day had not happened then, and a day far ahead would never be too old.
    if sale.sold_on > offer.day(sale.received_at):
        return False
    return "negotiation" in case.rule.triggers or (sale.state in COMPLETED and "sale" in case.rule.triggers)


def _same_entity(case: _Case) -> bool:
    return case.sale.entity != "" and case.sale.entity == case.offer.entity


def _similar(case: _Case) -> bool:
    # The mail may show anything it is about, so all of that must be similar to something that was sold.
    sold, offer = case.sale.categories, case.offer
    reached = frozenset[str]().union(*(offer.similar.get(category, frozenset()) for category in sold))
    return bool(offer.categories) and offer.categories <= reached


def _opt_out_offered(case: _Case) -> bool:
    sale = case.sale
    if not sale.notice or sale.offered_at is None or sale.sold_on is None:
        return False
    return sale.offered_at <= sale.occurred_at and case.offer.day(sale.offered_at) <= sale.sold_on


def _bar(case: _Case) -> int | None:
    bars = case.sales.bars
    return bars.get(ALL_TOPICS, bars.get(case.offer.topic))


def _young_enough(case: _Case) -> bool:
    sold_on, offer, last_sent_on = case.sale.sold_on, case.offer, case.sales.last_sent_on
    if sold_on is None:
        return False
    today = offer.day(offer.now)
    used_on = max(sold_on, last_sent_on) if last_sent_on and last_sent_on <= today else sold_on
    limits = ((sold_on, case.rule.max_age_months), (used_on, case.rule.window_months))
    return all(months is None or today <= add_months(start, months) for start, months in limits)


def _lists_consulted(case: _Case) -> bool:
    offer, rule = case.offer, case.rule
    today = offer.day(offer.now)
    oldest = date.min if rule.list_max_age_days is None else today - timedelta(days=rule.list_max_age_days)
    consulted = [offer.lists_consulted.get(name) for name in rule.exclusion_lists]
    return all(day is not None and oldest <= day <= today for day in consulted)


#: SO1 to SO10 in their order, the first twice, each with the reason of its denial.
CONDITIONS: tuple[tuple[Reason, Callable[[_Case], bool]], ...] = (
    (Reason.SALE_CANCELLED, lambda case: case.sale.cancelled_by is None),
    (Reason.SALE_INCOMPLETE, _completed),
    (Reason.ADDRESS_NOT_GIVEN, lambda case: case.sale.given_by_customer),
    (Reason.OTHER_ENTITY, _same_entity),
    (Reason.NOT_SIMILAR, _similar),
    (Reason.OPT_OUT_NOT_OFFERED, _opt_out_offered),
    (Reason.SOFT_OPT_IN_BARRED, lambda case: _bar(case) is None),
    (Reason.MAIL_WITHOUT_OPT_OUT, lambda case: case.offer.with_opt_out),
    (Reason.SALE_TOO_OLD, _young_enough),
    (Reason.LIST_NOT_CONSULTED, _lists_consulted),
    (Reason.COUNTRY_WITHOUT_SOFT_OPT_IN, lambda case: case.rule.soft_opt_in),
)
