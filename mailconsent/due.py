"""
When records about a recipient are due: the first day on which they are to be gone. Rules (GDPR Articles 5(1)(e) and
17(1); design section 6):

1. The policy names the period, and days are those of the company's calendar. What has no period is never due. A period
   that ends on a day lasts until the end of that day.
2. The proof of a consent is due a period after it ended: by the person's own no, by a new owner of the mailbox, or
   because nobody made use of it. One that was never a ground ended when it came in. One that stands is never due.
3. What supports a no, or any other event, is due the same period after its own receipt.
4. A request that nobody confirmed is due after 30 days; a confirmed one goes with its consent.
5. An order, with all that was told of it, is due a period after the last of it. Of somebody who never bought, it is an
   enquiry, and the period counts from their last inbound contact.
6. The address as given is due with the last consent, request or purchase that it was kept for.
7. That something was sent is due like the ground that it rested on; but not the last such mail while that is there.
8. The text of a mail is due like the event that it made, or else like an enquiry; never before it was dealt with.
9. A request about somebody's own data, and an erasure, is due as long after its answer as the proof of a consent after
   its end: both prove to who disputes it that the law was kept (GDPR Article 5(2)).

What is due and still decides stays as an event, which names nobody, and its evidence goes: see `retention.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from mailconsent.facts import PERSONAL, ended, place, told_country
from mailconsent.model import ALL_TOPICS, Event, EventKind, Grade, LegalBasis
from mailconsent.policy import Policy
from mailconsent.policy.controller import MonthDay
from mailconsent.policy.retention import Beginning, Period, Records
from mailconsent.retention import PENDING, UNDO
from mailconsent.sales import SaleState, read_sale
from mailconsent.terms import add_months, financial_year_end, local_day

DAY = timedelta(days=1)
NEVER_USED: Mapping[int, date] = {}
#: How long a repeated API request finds the answer it was given; and that one was written to, so as not to be again.
ANSWERS_KEPT = timedelta(days=7)


class Kept(StrEnum):
    """What is kept, as a certificate of its deletion calls it."""

    CONSENT = "consent"  #: the proof of a consent that ended
    OPT_OUT = "opt_out"  #: what supports a no, a failure or a change of the mailbox
    REQUEST = "unconfirmed_request"
    TRANSACTION = "transaction"  #: a sale, and its cancellation
    ENQUIRY = "enquiry"  #: of somebody who never bought
    ADDRESS = "address"  #: as given, with the language
    OPT_OUT_MAIL = "opt_out_mail"  #: the text of a mail that had an effect
    ENQUIRY_MAIL = "enquiry_mail"  #: the text of another mail, once a human has dealt with it
    SEND = "send"  #: that something was sent
    DIGEST = "digest"  #: of somebody of whom nothing is recorded any more
    RIGHTS_REQUEST = "rights_request"  #: that somebody asked about their own data, and was answered
    ERASURE = "erasure"  #: that something was erased for somebody
    ANSWER = "api_answer"  #: to a request with an Idempotency-Key
    LETTER = "own_mail"  #: that mail of our own went to somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The periods of a policy, and the calendar in which they count."""

    periods: Mapping[Records, Period]
    zone: tzinfo
    year_end: MonthDay | None
    #: Country, or None where it is not known -> the months after which an unused consent lapses; None if it does not.
    lapse_months: Callable[[str | None], int | None] = lambda _country: None

    def day(self, moment: datetime) -> date:
        """The company's own day at that moment."""
        return local_day(moment, self.zone)


def terms_of(policy: Policy) -> Terms:
    """What a policy says of terms."""
    controller = policy.controller
    return Terms(
        periods=policy.retention,
        zone=controller.time_zone,
        year_end=controller.financial_year_end,
        lapse_months=lambda country: policy.rule(country).consent_lapse_months,
    )


#: What was told of a sale.
_SOLD = (EventKind.SALE, EventKind.SALE_CANCELLED)
#: What ends a consent, and not only the mail that rests on it.
_ENDS_CONSENT = PERSONAL | {EventKind.OWNER_CHANGED}


def kept_as(event: Event, events: Sequence[Event]) -> Kept:
    """What an event and its evidence are kept as, among all events of that recipient."""
    if event.kind is EventKind.CONSENT_GIVEN:
        return Kept.CONSENT
    if event.kind is EventKind.CONSENT_REQUESTED:
        return Kept.CONSENT if _answer(event, events) else Kept.REQUEST
    if event.kind in _SOLD:
        return Kept.TRANSACTION if _bought(events) else Kept.ENQUIRY
    return Kept.OPT_OUT


def event_due(
    event: Event, events: Sequence[Event], terms: Terms, used_on: Mapping[int, date] = NEVER_USED
) -> date | None:
    """
    When an event and its evidence are due, of a recipient with these events in the order of `seq`; None is never.

    `used_on` is the last day on which mail about a topic rested on a consent.
    """
    kept = kept_as(event, events)
    if kept is Kept.REQUEST:
        return terms.day(event.received_at + PENDING) + DAY
    if kept is Kept.TRANSACTION:
        return _booked(Records.TRANSACTIONS, _order_day(event, events, terms), terms)
    if kept is Kept.ENQUIRY:
        return _after(Records.ENQUIRIES, _last_contact(event, events, terms), terms)
    if kept is Kept.OPT_OUT:
        return _after(Records.CONSENTS, terms.day(event.received_at), terms)
    consent = event if event.kind is EventKind.CONSENT_GIVEN else _answer(event, events)
    return _consent_due(consent, events, terms, used_on) if consent else None


def address_due(events: Sequence[Event], terms: Terms, used_on: Mapping[int, date] = NEVER_USED) -> date | None:
    """When the address as given is due, of a recipient with these events: `date.min` where nothing needs it."""
    days = [
        event_due(event, events, terms, used_on)
        for event in events
        if event.kind in (EventKind.CONSENT_GIVEN, EventKind.CONSENT_REQUESTED)
    ]
    sold = [event for event in events if event.kind in _SOLD]
    if sold and _bought(events):
        days += [_booked(Records.CUSTOMERS, _order_day(event, events, terms), terms) for event in sold]
    elif sold:
        days.append(_after(Records.ENQUIRIES, _last_contact(sold[-1], events, terms), terms))
    known = [day for day in days if day is not None]
    return max(known, default=date.min) if len(known) == len(days) else None


def mail_due(kept: Kept, moment: datetime, terms: Terms) -> date | None:
    """When the text of a mail that was dealt with is due: one that had an effect like the event that it made."""
    records = Records.CONSENTS if kept is Kept.OPT_OUT_MAIL else Records.ENQUIRIES
    return _after(records, terms.day(moment), terms)


def kept_for(basis: LegalBasis | None) -> Records:
    """For as long as which records it is kept what was sent on this basis."""
    return Records.TRANSACTIONS if basis is LegalBasis.SOFT_OPT_IN else Records.CONSENTS


def last_due(records: Records, terms: Terms, today: date) -> date | None:
    """The last day of which such records, kept from that day on, are due today; None if none are."""
    first, last = date(1970, 1, 1), today
    if not _is_over(records, first, terms, today):
        return None
    while first < last:
        middle = last - (last - first) // 2
        first, last = (middle, last) if _is_over(records, middle, terms, today) else (first, middle - DAY)
    return first


def _is_over(records: Records, day: date, terms: Terms, today: date) -> bool:
    due = _booked(records, day, terms) if records is Records.TRANSACTIONS else _after(records, day, terms)
    return due is not None and due <= today


_PERIOD_OF = {
    Kept.CONSENT: Records.CONSENTS,
    Kept.OPT_OUT: Records.CONSENTS,
    Kept.TRANSACTION: Records.TRANSACTIONS,
    Kept.ENQUIRY: Records.ENQUIRIES,
    Kept.OPT_OUT_MAIL: Records.CONSENTS,
    Kept.ENQUIRY_MAIL: Records.ENQUIRIES,
    Kept.RIGHTS_REQUEST: Records.CONSENTS,
    Kept.ERASURE: Records.CONSENTS,
}
_FROM = {
    Kept.OPT_OUT: "receipt",
    Kept.OPT_OUT_MAIL: "receipt",
    Kept.RIGHTS_REQUEST: "the answer",
    Kept.ERASURE: "the erasure",
}
_FIXED = {
    Kept.SEND: "as consents or transactions",
    Kept.REQUEST: f"{PENDING.days} days",
    Kept.ADDRESS: "as long as a record needs it",
    Kept.DIGEST: "as long as anything is recorded",
    Kept.ANSWER: f"{ANSWERS_KEPT.days} days",
    Kept.LETTER: f"{ANSWERS_KEPT.days} days",
}


def law(kept: Kept) -> str:
    """Why it goes."""
    return "GDPR Article 17(1)(b)" if kept in (Kept.CONSENT, Kept.ADDRESS) else "GDPR Article 5(1)(e)"


def promise(kept: Kept, terms: Terms) -> str:
    """How long this is kept, in words."""
    if kept in _FIXED:
        return _FIXED[kept]
    period = terms.periods.get(_PERIOD_OF[kept])
    if not period:
        return "no period in the policy"
    beginning = _FROM.get(kept) or period.beginning.replace("_", " ")
    return f"{period.months} months from {beginning}"


def _consent_due(consent: Event, events: Sequence[Event], terms: Terms, used_on: Mapping[int, date]) -> date | None:
    over = _ended_at(consent, events)
    lapsed = _lapsed_on(consent, events, terms, used_on)
    if over is None or (lapsed and lapsed < terms.day(over)):
        return lapsed and _after(Records.CONSENTS, lapsed, terms)
    day = _after(Records.CONSENTS, terms.day(over), terms)
    # However short the period: what may still be undone is to be undone with its proof.
    return day and max(day, terms.day(over + UNDO) + DAY)


def _ended_at(consent: Event, events: Sequence[Event]) -> datetime | None:
    """When a consent ceased to be a ground; None while it is one."""
    # Proven in part or not at all (GDPR Article 7(1)): it never was one.
    if consent.grade not in (Grade.A, Grade.B):
        return consent.received_at
    gone = ended(events)
    ends = (
        event.received_at
        for event in events
        if place(event) > consent.seq
        and event.kind in _ENDS_CONSENT
        and event.topic in (ALL_TOPICS, consent.topic)
        and event.seq not in gone
    )
    return next(ends, None)


def _lapsed_on(consent: Event, events: Sequence[Event], terms: Terms, used_on: Mapping[int, date]) -> date | None:
    """The last day of a consent that nobody makes use of, by the rule of the person's country; None where it lasts."""
    told = told_country(consent)
    # One that leaves the country out may stand by the law of any that another one names: its proof is not to go first.
    countries = {told} if told else {None, *(told_country(event) for event in events)}
    limits = [months for country in countries if (months := terms.lapse_months(country))]
    if len(limits) < len(countries):
        return None
    given = terms.day(consent.occurred_at)
    return add_months(max(given, used_on.get(consent.topic, given)), max(limits))


def _answer(request: Event, events: Sequence[Event]) -> Event | None:
    """The consent that confirmed this request."""
    given = EventKind.CONSENT_GIVEN
    return next((event for event in events if event.kind is given and event.ends == request.seq), None)


def _bought(events: Sequence[Event]) -> bool:
    return any(event.kind is EventKind.SALE and read_sale(event).state is not SaleState.NEGOTIATION for event in events)


def _order_day(event: Event, events: Sequence[Event], terms: Terms) -> date:
    """The last day of which anything was told of the same order, so that all of it is due at once."""
    orders: dict[int, str | int] = {}
    for other in events:
        if other.kind is EventKind.SALE:
            orders[other.seq] = other.facts.get("order") or other.seq
        elif other.kind is EventKind.SALE_CANCELLED:
            orders[other.seq] = orders.get(other.ends or 0, other.seq)
    same = (other for other in events if orders.get(other.seq) == orders[event.seq])
    return max(_told_day(other, terms) for other in same)


def _told_day(event: Event, terms: Terms) -> date:
    sold_on = read_sale(event).sold_on if event.kind is EventKind.SALE else None
    received = terms.day(event.received_at)
    # A day far ahead, by mistake or on purpose, keeps nothing for ever.
    return min(sold_on or terms.day(event.occurred_at), received)


def _last_contact(event: Event, events: Sequence[Event], terms: Terms) -> date:
    """The last day on which the person turned to the company; a no is none, and neither is what others did."""
    acts = (EventKind.SALE, EventKind.CONSENT_GIVEN, EventKind.CONSENT_REQUESTED)
    return max((_told_day(act, terms) for act in events if act.kind in acts), default=_told_day(event, terms))


def _after(records: Records, day: date, terms: Terms) -> date | None:
    period = terms.periods.get(records)
    return add_months(day, period.months) + DAY if period else None


def _booked(records: Records, day: date, terms: Terms) -> date | None:
    period = terms.periods.get(records)
    if period and period.beginning is Beginning.FINANCIAL_YEAR_END:
        # The policy is refused without one.
        if terms.year_end is None:
            return None
        day = financial_year_end(day, month=terms.year_end.month, last_day=terms.year_end.day)
    return _after(records, day, terms)
