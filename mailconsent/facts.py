"""
Events -> standings. Rules (design 5.3):

1. The fold knows no policy and no clock: it only adds up what happened, in the recipient's own order of receipt
   (`seq`). A time that a caller claims, or the `Date` of a mail, orders nothing.
2. Only the person's own newer act at our own doors lifts a no: a consent of grade A to that very topic, or the undo
   (`RESTORED`) of that very withdrawal. What is asserted from outside never does, whatever it claims.
3. `RELEASED` and `RESTORED` end the one event that they name, and nothing else; and of noes only what they may: an undo
   a withdrawal or a refusal, a release what is not the person's own word at our own doors.
4. A topic's standing already includes what concerns all topics; `ALL_TOPICS` answers for topics without one.
5. A sale grants nothing here; only, since an address that the customer gave for it works anew, it lifts an older
   permanent failure for transactional mail. One that was imported does not: it may be of years ago.
6. A new owner of the mailbox (RFC 7293) ends every older ground, and no older no.
7. An opt-out that came without a token may be a mail misread or forged. It also covers the tagged forms of the address.
8. A question ends when a human answers it: by a release, or by the withdrawal that the mail turned out to be. That one
   names the question, and stands in its place: what the person did between the two is newer than their mail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from mailconsent.model import ALL_TOPICS, Channel, Event, EventKind, Grade, Receipt, Standing
from mailconsent.sales import read_sales


class Identified(StrEnum):
    """How a mail without a token as its request told whom it is about; the fact `identified` of its event."""

    SENDER = "sender"  #: by the address it came from
    QUOTE = "quote"  #: by a link of ours that it quotes


#: The noes, strongest first: which one names the reason when several stand.
NOES = (
    EventKind.COMPLAINT,
    EventKind.OBJECTED,
    EventKind.SUPPRESSED,
    EventKind.WITHDRAWN,
    EventKind.REFUSED,
    EventKind.QUESTIONED,
)
#: The noes that are the person's own, and that their own newer consent can lift.
PERSONAL = frozenset({EventKind.COMPLAINT, EventKind.OBJECTED, EventKind.WITHDRAWN, EventKind.REFUSED})
#: They end the event that they name; a withdrawal a question alone.
ENDERS = frozenset({EventKind.RELEASED, EventKind.RESTORED, EventKind.WITHDRAWN})
#: The noes that the person may undo.
UNDOABLE = frozenset({EventKind.WITHDRAWN, EventKind.REFUSED})
#: The doors at which people speak for themselves.
OWN_DOORS = frozenset({Channel.ONE_CLICK, Channel.PAGE, Channel.INBOX})
#: The noes that reach the tagged forms of an address, where they came without a token.
OPT_OUTS = frozenset({EventKind.WITHDRAWN, EventKind.OBJECTED, EventKind.REFUSED, EventKind.QUESTIONED})
#: The doors at which nobody shows a token.
TOLD = frozenset({Channel.API, Channel.IMPORT, Channel.OPERATOR})
#: What mail may rest on, or soon may.
GROUNDS = frozenset({EventKind.CONSENT_REQUESTED, EventKind.CONSENT_GIVEN, EventKind.SALE})
#: What could let mail through again, so that a no after it is a new one.
GRANTING = frozenset({EventKind.CONSENT_GIVEN, EventKind.RELEASED, EventKind.RESTORED})


def fold(recipient_id: int, events: Sequence[Event]) -> Mapping[int, Standing]:
    """Standings by topic number, from all events of one recipient in the order of their `seq`."""
    gone = ended(events)
    standing = [event for event in events if event.seq not in gone]
    confirmed = [event for event in events if event.kind is EventKind.CONSENT_GIVEN and event.grade is Grade.A]
    failure = _failure(standing, confirmed)
    given_anew = _given_anew(events, gone, failure)
    return {
        topic: _standing(recipient_id, topic, standing, failure, given_anew)
        for topic in sorted({e.topic for e in events})
    }


def live_no(events: Sequence[Event], kind: EventKind, topic: int) -> Event | None:
    """The no of this kind and scope that already stands, with nothing granting since: a repeat of it adds nothing."""
    gone = ended(events)
    for event in sorted(events, key=place, reverse=True):
        concerns = topic in (ALL_TOPICS, event.topic) or event.topic == ALL_TOPICS
        if event.kind in GRANTING and concerns:
            return None
        if event.kind is kind and event.topic == topic and event.seq not in gone:
            return event
    return None


def already_said(events: Sequence[Event], no: Event, *, reaching: bool = False) -> Event | None:
    """
    The no that already stands and says the same as this new one. `reaching`: the new one reaches the tagged forms of
    the address too.

    What a human may yet end as misread or forged (design 5.3) stands for itself: no other act is a repeat of it. And
    what reaches the tagged forms to come repeats nothing that does not, such as a click.
    """
    if no.kind is EventKind.OWNER_CHANGED:
        return owner_change(events)
    alike = [
        event
        for event in events
        if (not may_be_misread(event) or event.facts == no.facts)
        # A restriction is released for its own reason, and a block of the operator's own for another.
        and event.facts.get("why") == no.facts.get("why")
        and (event.kind is not no.kind or (says_already(event, no) and (not reaching or is_untokened(event))))
    ]
    return live_no(alike, no.kind, no.topic)


def says_already(event: Event, act: Event | Receipt) -> bool:
    """Whether an act that says the same as this event adds nothing: not where the event may be reverted alone."""
    # Of an import, the batch stands before the line.
    same_batch = event.source.partition("/")[0] == act.source.partition("/")[0]
    return event.channel is not Channel.IMPORT or (act.channel is Channel.IMPORT and same_batch)


def ended(events: Sequence[Event]) -> frozenset[int]:
    """The events, by their `seq`, that a release or an undo ends: those it names, as far as it may."""
    named = {(event.ends, event.kind) for event in events if event.kind in ENDERS}
    return frozenset(
        event.seq for event in events for ender in ENDERS if (event.seq, ender) in named and may_end(ender, event)
    )


def place(event: Event) -> int:
    """Where an event stands in the order of receipt: its `seq`, or that of the question which it answers."""
    return event.ends if event.kind is EventKind.WITHDRAWN and event.ends else event.seq


def standing_failure(events: Sequence[Event]) -> int | None:
    """The permanent failure that stands, by its `seq`; None too where the customer has given the address anew since."""
    standing = fold(0, events).get(ALL_TOPICS)
    return standing.failure if standing and standing.given_anew is None else None


def owner_change(events: Sequence[Event]) -> Event | None:
    """The last change of the owner, if no ground came after it."""
    last = next((e for e in reversed(events) if e.kind in (EventKind.OWNER_CHANGED, *GROUNDS)), None)
    return last if last and last.kind is EventKind.OWNER_CHANGED else None


def may_end(ender: EventKind, event: Event) -> bool:
    """Whether an event of that kind which names this one ends it (design 5.3), whoever let it in."""
    if ender is EventKind.WITHDRAWN:
        return event.kind is EventKind.QUESTIONED
    if event.kind not in (*NOES, EventKind.PERMANENT_FAILURE):
        # Grounds may be taken back; but a new owner ended the older ones for good.
        return event.kind is not EventKind.OWNER_CHANGED
    if ender is EventKind.RESTORED:
        return event.kind in UNDOABLE
    own_word = event.kind is EventKind.COMPLAINT or (event.kind in PERSONAL and event.channel in OWN_DOORS)
    return not own_word or may_be_misread(event)


def may_be_misread(event: Event) -> bool:
    """Whether this is what a mail was taken for that came without a token of ours as its request."""
    return event.channel is Channel.INBOX and "identified" in event.facts


def is_untokened(event: Event) -> bool:
    """Whether the address alone told who the person is, so that this reaches the tagged forms of the address too."""
    return event.channel in TOLD or event.facts.get("identified") == Identified.SENDER


def untokened(events: Sequence[Event]) -> list[Event]:
    """The opt-outs that stand and came without a token."""
    gone = ended(events)
    confirmed = {e.topic: e.seq for e in events if e.kind is EventKind.CONSENT_GIVEN and e.grade is Grade.A}
    return [
        event
        for event in events
        if event.kind in OPT_OUTS
        and event.seq not in gone
        and place(event) > confirmed.get(event.topic, 0)
        and is_untokened(event)
    ]


def _failure(standing: Sequence[Event], confirmed: Sequence[Event]) -> int | None:
    """The last permanent failure. A confirmed consent to anything proves that the address works again."""
    failures = [event.seq for event in standing if event.kind is EventKind.PERMANENT_FAILURE]
    works_since = max((event.seq for event in confirmed), default=0)
    return failures[-1] if failures and failures[-1] > works_since else None


def _given_anew(events: Sequence[Event], gone: frozenset[int], failure: int | None) -> int | None:
    if failure is None:
        return None
    imported = {event.seq for event in events if event.channel is Channel.IMPORT}
    newer = (sale for sale in read_sales(events, gone) if sale.seq > failure and sale.seq not in imported)
    # A cancelled one too: the customer still gave this address, and is to hear of the refund.
    return next((sale.seq for sale in newer if sale.given_by_customer), None)


def _standing(
    recipient_id: int, topic: int, standing: Sequence[Event], failure: int | None, given_anew: int | None
) -> Standing:
    about = [event for event in standing if event.topic in (ALL_TOPICS, topic)]
    denial = _denial(topic, about)
    consents = _living_consents(topic, about)
    consent = min(consents, key=lambda event: (event.grade or Grade.D, -event.seq), default=None)
    newer = next((event for event in reversed(consents) if consent and _adds_to(event, consent)), None)
    return Standing(
        recipient_id=recipient_id,
        failure=failure,
        denial=denial.kind.value if denial else None,
        denial_event=denial.seq if denial else None,
        consent=consent.seq if consent else None,
        grade=consent.grade.value if consent and consent.grade else None,
        given_anew=given_anew,
        consent_at=_given_at(consent, consents) if consent else None,
        newer=newer.seq if newer else None,
        newer_at=_given_at(newer, consents) if newer else None,
        country=_country(consent, consents, about) if consent else None,
    )


def _denial(topic: int, about: Sequence[Event]) -> Event | None:
    lifted_until = max((e.seq for e in _consents(topic, about) if e.grade is Grade.A), default=0)
    noes = [e for e in about if e.kind in NOES and not (e.kind in PERSONAL and place(e) < lifted_until)]
    return min(noes, key=lambda event: (NOES.index(event.kind), event.seq), default=None)


def _living_consents(topic: int, about: Sequence[Event]) -> list[Event]:
    """The consents that no personal no and no new owner came after."""
    ends = PERSONAL | {EventKind.OWNER_CHANGED}
    ended_at = max((place(event) for event in about if event.kind in ends), default=0)
    return [event for event in _consents(topic, about) if event.seq > ended_at]


def _adds_to(newer: Event, consent: Event) -> bool:
    """Whether a consent that is proven less well may still stand when this one has lapsed."""
    same_law = told_country(newer) == told_country(consent)
    return newer.grade is Grade.B and newer.seq > consent.seq and consent.grade is Grade.A and same_law


def _country(consent: Event, consents: Sequence[Event], about: Sequence[Event]) -> str | None:
    # A consent that leaves it out moves nobody out of a country that another one names, or a sale.
    recorded = [event for event in consents if event.grade in (Grade.A, Grade.B)]
    sold = [event for event in about if event.kind is EventKind.SALE]
    return next(filter(None, map(told_country, (consent, *reversed(recorded), *reversed(sold)))), None)


def told_country(event: Event) -> str | None:
    """Where the person is, as this consent or sale says: two letters, upper case. What is no country says nothing."""
    country = event.facts.get("country", "").upper()
    return country if len(country) == 2 else None


def given_at(consent: Event) -> datetime:
    """When a consent was given. It can't be younger than word of it."""
    return min(consent.occurred_at, consent.received_at)


def _given_at(consent: Event, consents: Sequence[Event]) -> int:
    # Word of an older one that comes late, as an import brings it, makes none older that is as good.
    law = (consent.grade, told_country(consent))
    alike = [event for event in consents if (event.grade, told_country(event)) == law]
    return int(max(map(given_at, alike)).timestamp())


def _consents(topic: int, about: Sequence[Event]) -> list[Event]:
    # A consent is to one topic: "all" can be refused, but not consented to (GDPR Article 4(11), "specific").
    return [e for e in about if e.kind is EventKind.CONSENT_GIVEN and e.topic == topic != ALL_TOPICS]
