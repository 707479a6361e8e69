"""
Which events may go when their term is over. Rules (design section 6):

1. What still decides stays: an event goes only if no *later* sequence of events could then be judged differently.
2. So a no stays for as long as marketing mail is sent at all, unless another one that nobody can end says the same: it
   also bars soft opt-in for ever (ePrivacy Article 13(2)).
3. What somebody may still end keeps what stands behind it: an operator may release or revert an import, a person may
   undo for a day.
4. A request that can no longer be confirmed decides nothing. Nor does a transient failure that no longer counts; until
   then what made it void stays, too.
5. An event of a kind that is not known here stays. So does a sale: told of again, its order would pass for a new one.

One event after the other: each step leaves a history that is judged like the one before it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from mailconsent.facts import PERSONAL, UNDOABLE, ended, given_at, is_untokened, place, told_country
from mailconsent.failures import holds_off, is_forgotten
from mailconsent.model import ALL_TOPICS, Channel, Event, EventKind, Grade
from mailconsent.soft_opt_in import STICKY

#: How long a person may undo a withdrawal (design 5.3).
UNDO = timedelta(hours=24)
#: How long a request is kept that nobody confirms.
PENDING = timedelta(days=30)

_ENDERS = frozenset({EventKind.RELEASED, EventKind.RESTORED})
#: They are no ground, and lift nothing.
_SILENT = PERSONAL | {
    EventKind.SUPPRESSED,
    EventKind.QUESTIONED,
    EventKind.PERMANENT_FAILURE,
    EventKind.TRANSIENT_FAILURE,
}
_RELEASABLE = frozenset({EventKind.SUPPRESSED, EventKind.QUESTIONED, EventKind.PERMANENT_FAILURE})


def removable(events: Sequence[Event], due: Collection[int], *, now: datetime) -> frozenset[int]:
    """Of the events of one recipient in the order of their `seq`, those among `due` that decide nothing any more."""
    kept = list(events)
    gone: set[int] = set()
    # What made failures void: without it they would count again.
    stay = {event.seq for event in events if holds_off(event, now=now)}
    while spent := next((e for e in kept if e.seq in due and e.seq not in stay and _is_spent(e, kept, now)), None):
        kept.remove(spent)
        gone.add(spent.seq)
    return frozenset(gone)


def may_be_ended(event: Event, *, now: datetime) -> bool:
    """Whether an operator or the person may still end this event: a mail be forged, an import be reverted."""
    return (
        event.kind in _RELEASABLE
        or event.channel in (Channel.INBOX, Channel.IMPORT)
        or (event.kind in UNDOABLE and event.received_at > now - UNDO)
    )


def _is_spent(event: Event, kept: Sequence[Event], now: datetime) -> bool:
    if event.kind is EventKind.CONSENT_REQUESTED:
        return event.received_at + PENDING <= now
    names_kept = any(other.seq == event.ends for other in kept)
    if event.kind in _ENDERS:
        return not names_kept
    # Without it the question that it answers would be open again.
    if event.kind is EventKind.WITHDRAWN and names_kept:
        return False
    gone = ended(kept)
    if event.seq in gone:
        # Ended, it denies nothing; but it bars soft opt-in for good, unless an older one does.
        bars = event.kind in STICKY and not any(other.kind in STICKY and other.seq < event.seq for other in kept)
        # A cancellation is of the whole order, which it knows by the one telling that it names.
        named = any(other.ends == event.seq and other.kind is EventKind.SALE_CANCELLED for other in kept)
        return not (bars or named)
    standing = [other for other in kept if other.seq not in gone and other is not event]
    earlier = [other for other in standing if place(other) < place(event)]
    later = [other for other in standing if place(other) > place(event)]
    if event.kind is EventKind.CONSENT_GIVEN:
        return _is_no_ground(event) or _is_outdone(event, later, now) or _is_over(event, earlier, later, now)
    if event.kind in PERSONAL:
        return any(_says_the_same(other, event, earlier, now) for other in earlier)
    if event.kind is EventKind.PERMANENT_FAILURE:
        return any(other.kind is EventKind.CONSENT_GIVEN and other.grade is Grade.A for other in later)
    if event.kind is EventKind.TRANSIENT_FAILURE:
        return is_forgotten(event, now=now)
    if event.kind is EventKind.OWNER_CHANGED:
        return any(other.kind is EventKind.OWNER_CHANGED for other in later) or all(
            other.kind in _SILENT for other in earlier
        )
    return False


def _is_no_ground(consent: Event) -> bool:
    """Proven in part or not at all (GDPR Article 7(1)): no policy may accept it."""
    return consent.grade not in (Grade.A, Grade.B)


def _is_outdone(consent: Event, later: Sequence[Event], now: datetime) -> bool:
    """A newer consent to the same topic is as well proven, and whatever ends it, ends this one too."""
    return any(
        other.kind is EventKind.CONSENT_GIVEN
        and other.topic == consent.topic
        and (other.grade or Grade.D) <= (consent.grade or Grade.D)
        and not may_be_ended(other, now=now)
        # It is under the same law, and lapses no earlier.
        and told_country(consent) in (None, told_country(other))
        and given_at(consent) <= given_at(other)
        for other in later
    )


def _is_over(consent: Event, earlier: Sequence[Event], later: Sequence[Event], now: datetime) -> bool:
    """It ended for good, and lifts nothing that would stand without it."""
    over = any(
        other.kind is EventKind.OWNER_CHANGED
        or (other.kind in PERSONAL and _covers(other, consent) and not may_be_ended(other, now=now))
        for other in later
    )
    lifts = consent.grade is Grade.A and any(
        other.kind is EventKind.PERMANENT_FAILURE
        # An open question may become a withdrawal in its place.
        or (other.kind in PERSONAL | {EventKind.QUESTIONED} and _covers(other, consent))
        for other in earlier
    )
    return over and not lifts


def _says_the_same(other: Event, no: Event, earlier: Sequence[Event], now: datetime) -> bool:
    """Whether an older no says the same and nobody can end it, and nothing was granted between the two."""
    return (
        other.kind is no.kind
        and _covers(other, no)
        and not may_be_ended(other, now=now)
        # What came without a token also reaches the tagged forms to come of the address.
        and (is_untokened(other) or not is_untokened(no))
        and not any(grant.kind not in _SILENT and grant.seq > place(other) and _covers(no, grant) for grant in earlier)
    )


def _covers(wide: Event, narrow: Event) -> bool:
    return wide.topic in (ALL_TOPICS, narrow.topic)
