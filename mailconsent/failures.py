"""
What mail that could not be delivered says of an address, by its status code (RFC 3463, registry of RFC 5248) and by
what failed before. Rules (design 5.3 and 5.6):

1. A status that says the mailbox is gone ends the address at once. So does one that says whose mailbox it is now (RFC
   7293), and every older ground with it.
2. Accidents pass: a domain that is not found, a full mailbox, a server that is down. They count together over time.
3. What is our own fault, or may be (policy, reputation, authentication, content, size, rate, protocol), says nothing of
   the address, however often it comes. Nor does a status that is not known here.
4. Of one kind, one a day counts: a single mail can fail in many reports.
5. Counting begins anew once the address was taken for dead, or its owner confirmed that it works.
6. A failure that came long ago says nothing of today.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailconsent.model import Classification, Event, EventKind, Grade

DAY = timedelta(days=1)


class Trouble(StrEnum):
    """Why a mail was not delivered, as far as it says something of the address."""

    GONE = "gone"  #: no such mailbox, or a disabled one
    OWNER_CHANGED = "owner_changed"  #: it is somebody else's now, RFC 7293
    UNROUTABLE = "unroutable"  #: no such domain, or no way there: at times an accident of DNS
    FULL = "full"
    PASSING = "passing"  #: given up after trying for days


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many failures of a kind, from the first to the last of them over how long, are enough."""

    times: int
    over: timedelta
    #: Older ones are forgotten.
    within: timedelta
    #: Whether they end the address; otherwise a human is to look at it.
    ends: bool = True


PATIENCE: Mapping[Trouble, Patience] = {
    Trouble.UNROUTABLE: Patience(times=2, over=DAY, within=90 * DAY),
    Trouble.FULL: Patience(times=3, over=14 * DAY, within=90 * DAY),
    # A monthly mailing has to get there, too.
    Trouble.PASSING: Patience(times=5, over=30 * DAY, within=180 * DAY, ends=False),
}
#: The longest for which a failure counts.
MEMORY = max(patience.within for patience in PATIENCE.values())

#: By the statuses that stand for it.
STATUSES: Mapping[Trouble, frozenset[str]] = {
    # 5.1.351 is Exchange Online's word for what a remote server said of a recipient that it does not know.
    Trouble.GONE: frozenset({"5.1.0", "5.1.1", "5.1.3", "5.1.6", "5.1.10", "5.1.351", "5.2.1", "5.7.13"}),
    Trouble.OWNER_CHANGED: frozenset({"5.7.17", "5.7.18"}),
    # 5.4.310 and 5.4.312 are Exchange Online's, for a domain that does not exist or cannot be looked up.
    Trouble.UNROUTABLE: frozenset({"5.1.2", "5.4.4", "5.4.310", "5.4.312"}),
    Trouble.FULL: frozenset({"5.2.2"}),
    # Permanent by the first digit alone: a full disk, a server that does not answer, a queue that gave up.
    Trouble.PASSING: frozenset({"5.3.1", "5.4.2", "5.4.3", "5.4.7"} | {f"5.4.{n}" for n in (300, 313, 315, 316, 317)}),
}
_TROUBLES = {status: trouble for trouble, statuses in STATUSES.items() for status in statuses}
#: By what follows the first digit: policy, content, protocol, the sender, size, rate and loops.
_OURS = ("7.", "6.", "5.")
_OURS_WHOLE = frozenset({"1.7", "1.8", "1.9", "2.3", "3.2", "3.3", "3.4", "3.5", "4.5", "4.6"})


class Finding(StrEnum):
    """What follows from a failure."""

    NOTHING = "nothing"
    COUNTED = "counted"  #: it is remembered, and more of them may be enough
    ENDED = "ended"  #: the address does not work
    OWNER_CHANGED = "owner_changed"  #: so too, and every older ground is void
    LOOK = "look"  #: it is remembered, and a human is to look at it


def read_trouble(status: str) -> Trouble | None:
    """What a status says of an address; None where it says nothing of it."""
    if status in _TROUBLES:
        return _TROUBLES[status]
    return Trouble.PASSING if status.startswith("4.") and not is_ours(status) else None


def is_ours(status: str) -> bool:
    """Whether a status says that what was sent, or who sent it, was refused: an operator is to see to that."""
    _, _, rest = status.partition(".")
    return status not in _TROUBLES and (rest.startswith(_OURS) or rest in _OURS_WHOLE)


def refused_as_ours(verdicts: Iterable[Classification]) -> Mapping[str, int]:
    """How many bounces among these messages say so, by status."""
    return Counter(verdict.status for verdict in verdicts if is_ours(verdict.status))


def judge_failure(events: Sequence[Event], status: str, failed_at: datetime, *, now: datetime) -> Finding:
    """What follows from a failure with this status, for a recipient with these events in the order of their `seq`."""
    trouble = read_trouble(status)
    if trouble is None or failed_at <= now - MEMORY or _works_since(events, failed_at):
        return Finding.NOTHING
    if trouble is Trouble.OWNER_CHANGED:
        return Finding.OWNER_CHANGED
    patience = PATIENCE.get(trouble)
    if patience is None:
        return Finding.ENDED
    before = [at for at in _counting(events, trouble) if at > now - patience.within]
    if failed_at <= now - patience.within or any(abs(failed_at - at) < DAY for at in before):
        return Finding.NOTHING
    if not _is_enough([*before, failed_at], patience):
        return Finding.COUNTED
    if patience.ends:
        return Finding.ENDED
    # Once is enough to have a human look at it.
    return Finding.COUNTED if _is_enough(before, patience) else Finding.LOOK


def is_forgotten(failure: Event, *, now: datetime) -> bool:
    """Whether a transient failure counts no more, whatever comes."""
    return failure.occurred_at <= now - MEMORY


def holds_off(event: Event, *, now: datetime) -> bool:
    """Whether failures of before this event, which it made void, would count again without it."""
    return _begins_anew(event) and event.received_at > now - MEMORY


def _is_enough(moments: Sequence[datetime], patience: Patience) -> bool:
    return len(moments) >= patience.times and max(moments) - min(moments) >= patience.over


def _works_since(events: Sequence[Event], failed_at: datetime) -> bool:
    return any(_proves_delivery(event) and event.received_at >= failed_at for event in events)


def _counting(events: Sequence[Event], trouble: Trouble) -> list[datetime]:
    anew = max((event.seq for event in events if _begins_anew(event)), default=0)
    return [
        event.occurred_at
        for event in events
        if event.kind is EventKind.TRANSIENT_FAILURE
        and event.seq > anew
        and read_trouble(event.facts.get("status", "")) is trouble
    ]


def _begins_anew(event: Event) -> bool:
    return event.kind is EventKind.PERMANENT_FAILURE or _proves_delivery(event)


def _proves_delivery(event: Event) -> bool:
    """Whether the person answered what was mailed to them."""
    return event.kind is EventKind.CONSENT_GIVEN and event.grade is Grade.A
