"""
Events -> standings. Rules (design 5.3):

1. The fold knows no policy and no clock: it only adds up what happened, in the recipient's own order of receipt
   (`seq`). A time that a caller claims, or the `Date` of a mail, orders nothing.
2. Only the person's own newer act at our own doors lifts a no: a consent of grade A to that very topic, or the undo
   (`RESTORED`) of that very withdrawal. What is asserted from outside never does, whatever it claims.
3. `RELEASED` and `RESTORED` end the one event that they name, and nothing else.
4. A topic's standing already includes what concerns all topics; `ALL_TOPICS` answers for topics without one.
5. A sale grants nothing here; only, since an address that the customer gave for it works anew, it lifts an older
   permanent failure for transactional mail. One that was imported does not: it may be of years ago.
6. A new owner of the mailbox (RFC 7293) ends every older ground, and no older no.
"""

from collections.abc import Mapping, Sequence

from mailconsent.model import ALL_TOPICS, Channel, Event, EventKind, Grade, Receipt, Standing
from mailconsent.sales import read_sales

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
#: What could let mail through again, so that a no after it is a new one.
GRANTING = frozenset({EventKind.CONSENT_GIVEN, EventKind.RELEASED, EventKind.RESTORED})
#: Doors whose events may turn out to be none: a mail without our link may be forged, and an import be reverted.
REVOCABLE = frozenset({Channel.INBOX, Channel.IMPORT})


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
    for event in reversed(events):
        concerns = topic in (ALL_TOPICS, event.topic) or event.topic == ALL_TOPICS
        if event.kind in GRANTING and concerns:
            return None
        if event.kind is kind and event.topic == topic and event.seq not in gone:
            return event
    return None


def says_already(event: Event, receipt: Receipt) -> bool:
    """Whether an act that says the same as this event adds nothing: not where the event may yet be revoked alone."""
    if event.channel not in REVOCABLE:
        return True
    # Of an import, the batch stands before the line.
    same_batch = event.source.partition("/")[0] == receipt.source.partition("/")[0]
    return event.channel is receipt.channel and (event.channel is not Channel.IMPORT or same_batch)


def ended(events: Sequence[Event]) -> frozenset[int]:
    """The events, by their `seq`, that a release or an undo names."""
    enders = (EventKind.RELEASED, EventKind.RESTORED)
    return frozenset(event.ends for event in events if event.kind in enders and event.ends is not None)


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
        consent_at=int(consent.occurred_at.timestamp()) if consent else None,
        newer=newer.seq if newer else None,
        newer_at=int(newer.occurred_at.timestamp()) if newer else None,
        country=consent.facts.get("country") if consent else None,
    )


def _denial(topic: int, about: Sequence[Event]) -> Event | None:
    lifted_until = max((e.seq for e in _consents(topic, about) if e.grade is Grade.A), default=0)
    noes = [e for e in about if e.kind in NOES and not (e.kind in PERSONAL and e.seq < lifted_until)]
    return min(noes, key=lambda event: (NOES.index(event.kind), event.seq), default=None)


def _living_consents(topic: int, about: Sequence[Event]) -> list[Event]:
    """The consents that no personal no and no new owner came after."""
    ends = PERSONAL | {EventKind.OWNER_CHANGED}
    ended_at = max((event.seq for event in about if event.kind in ends), default=0)
    return [event for event in _consents(topic, about) if event.seq > ended_at]


def _adds_to(newer: Event, consent: Event) -> bool:
    """Whether a consent that is proven less well may still stand when this one has lapsed."""
    same_law = newer.facts.get("country") == consent.facts.get("country")
    return newer.grade is Grade.B and newer.seq > consent.seq and consent.grade is Grade.A and same_law


def _consents(topic: int, about: Sequence[Event]) -> list[Event]:
    # A consent is to one topic: "all" can be refused, but not consented to (GDPR Article 4(11), "specific").
    return [e for e in about if e.kind is EventKind.CONSENT_GIVEN and e.topic == topic != ALL_TOPICS]
