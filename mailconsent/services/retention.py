"""
Retention: deleting what is due. Rules:

1. `due.py` says when, and `retention.py` what still decides: that stays as an event, which names nobody, without its
   evidence. Every later decision is the same as without the deletion.
2. A few recipients a transaction, each under its lock. Broken off anywhere, it is run again and goes on.
3. A legal hold keeps everything of whom it is about; and a restriction of whom it protects (GDPR Article 18(2)).
4. Whatever goes is added to a certificate in the same transaction.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from mailconsent.due import (
    ANSWERS_KEPT,
    DAY,
    Kept,
    Terms,
    address_due,
    event_due,
    kept_as,
    kept_for,
    last_due,
    mail_due,
    terms_of,
)
from mailconsent.model import EventId, Label, LegalBasis
from mailconsent.policy import Policy
from mailconsent.policy.retention import Records
from mailconsent.retention import removable
from mailconsent.rights import restriction
from mailconsent.store import Store, Transaction
from mailconsent.store import retention as store_retention
from mailconsent.store.certificates import Certificate, certify
from mailconsent.store.finished import finished, forget_finished
from mailconsent.store.holds import held, seems_held
from mailconsent.store.rebuilding import rebuild_one
from mailconsent.store.retention import Known, Mail

#: Recipients in one transaction: few enough that nobody waits long for one of them.
BATCH = 50
#: Mail of these labels makes no event that lasts; of the others text is kept only where they made one.
WITHOUT_EFFECT = frozenset({Label.UNSURE, Label.AUTO_REPLY, Label.OTHER})
#: As events, certificates and docs call it.
REASON = "retention"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was found of one kind."""

    #: Deleted, or, in a dry run, to be deleted.
    count: int = 0
    oldest: date | None = None
    newest: date | None = None
    #: Due, and kept for a legal hold or a restriction.
    held: int = 0
    #: Due, and kept as an event that names nobody, because it still decides.
    stays: int = 0


#: What was found of each kind.
Tallies = Mapping[Kept, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What of one recipient is to go now."""

    known: Known
    #: What goes of each kind, by the days of it.
    going: Mapping[Kept, Sequence[date]]
    #: The events that go, and those that stay without their evidence.
    events: frozenset[int]
    stripped: frozenset[int]
    description: bool
    sends: Sequence[str]
    #: Whether no event is left.
    empties: bool
    #: Of each kind, the events that are due and stay.
    stays: Mapping[Kept, int]

    def __bool__(self) -> bool:
        return bool(self.going) or self.empties


def plan(known: Known, terms: Terms, *, now: datetime) -> Plan:
    """What of one recipient is to go now, held or not."""
    today = terms.day(now)
    told = known.events, terms, known.used_on
    due = {event.seq for event in known.events if _is_due(event_due(event, *told), today)}
    events = removable(known.events, due, now=now)
    stripped = frozenset((due & known.supported) - events)
    going: dict[Kept, list[date]] = defaultdict(list)
    stays: dict[Kept, int] = defaultdict(int)
    for event in known.events:
        if event.seq in events | stripped:
            going[kept_as(event, known.events)].append(terms.day(event.received_at))
        if event.seq in due - events:
            stays[kept_as(event, known.events)] += 1
    description = known.described and _is_due(address_due(*told), today)
    if description:
        going[Kept.ADDRESS].append(today)
    there = {event.seq for event in known.events} - events
    sends = [send for send in known.sends if send.last_of not in there]
    if sends:
        going[Kept.SEND] += [send.day for send in sends]
    empties = len(events) == len(known.events) and description == known.described
    return Plan(
        known=known,
        going=going,
        events=events,
        stripped=stripped,
        description=description,
        sends=[send.send_id for send in sends],
        empties=empties,
        stays=stays,
    )


def _is_due(day: date | None, today: date) -> bool:
    return day is not None and day <= today


def _is_restricted(made: Plan) -> bool:
    return restriction(made.known.events) is not None


class Run:
    """One look through everything that is kept: what is due goes, or in a dry run is counted."""

    def __init__(self, store: Store, policy: Policy, *, now: datetime, dry_run: bool = False) -> None:
        self.tallies: defaultdict[Kept, Tally] = defaultdict(Tally)
        #: Recipients whom somebody else had locked: the next run sees to them.
        self.busy = 0
        self._store = store
        self._terms = terms_of(policy)
        self._days = {
            basis: last_due(kept_for(basis), self._terms, self._terms.day(now)) for basis in (*LegalBasis, None)
        }
        self._policy = hashlib.sha256(policy.text.encode()).digest()
        self._now = now
        self._dry = dry_run

    def steps(self) -> Iterator[int]:
        """Go through everything, a batch each step: how many recipients were seen so far. May be broken off."""
        after: int | None = None
        seen = 0
        # First, as a request names somebody of whom nothing else may be left.
        for _ in self._settle_finished():
            yield seen
        while page := self._page(after):
            plans = [plan(known, self._terms, now=self._now) for known in page]
            self._note_stays(plans)
            due = [made for made in plans if made]
            for start in range(0, len(due), BATCH):
                self._settle(due[start : start + BATCH])
                yield seen
            after = page[-1].id
            seen += len(page)
            yield seen
        last: Mail | None = None
        while mails := self._mails(last):
            self._settle_mail(mails)
            last = mails[-1]
            yield seen

    def _page(self, after: int | None) -> Sequence[Known]:
        with self._store.read() as tx:
            return store_retention.page_of_recipients(tx, self._days, after=after)

    def _mails(self, after: Mail | None) -> Sequence[Mail]:
        with self._store.read() as tx:
            return store_retention.page_of_mail(tx, after=after)

    def _note_stays(self, plans: Sequence[Plan]) -> None:
        for made in plans:
            for kept, count in made.stays.items():
                self.tallies[kept].stays += count

    def _settle(self, plans: Sequence[Plan]) -> None:
        if self._dry:
            self._foresee(plans)
            return
        gone: defaultdict[Kept, list[date]] = defaultdict(list)
        blocked: defaultdict[Kept, list[date]] = defaultdict(list)
        with self._store.begin() as tx:
            # What was planned is of a moment ago: under the lock it is planned anew.
            locked = store_retention.lock_recipients(tx, [made.known.id for made in plans], self._days)
            for made in [plan(known, self._terms, now=self._now) for known in locked]:
                place = blocked if made and (_is_restricted(made) or held(tx, made.known.id)) else gone
                if place is gone and made:
                    self._remove(tx, made, gone)
                for kept, days in made.going.items():
                    place[kept] += days
            self._certify(tx, gone)
        self.busy += len(plans) - len(locked)
        self._count(gone)
        self._count(blocked, held=True)

    def _foresee(self, plans: Sequence[Plan]) -> None:
        with self._store.read() as tx:
            for made in plans:
                is_held = _is_restricted(made) or seems_held(tx, made.known.id)
                self._count(made.going, held=is_held)
                if made.empties:
                    self._count({Kept.DIGEST: [self._terms.day(self._now)]}, held=is_held)

    def _remove(self, tx: Transaction, made: Plan, gone: defaultdict[Kept, list[date]]) -> None:
        known = made.known
        if made.events:
            store_retention.remove(tx, known, made.events, REASON)
        for seq in sorted(made.stripped):
            store_retention.remove_evidence(tx, EventId(known.id, seq))
        if made.sends:
            store_retention.remove_sends(tx, known.id, made.sends)
        if made.events or made.sends:
            rebuild_one(tx, known.id, known.digest)
        if made.description:
            store_retention.remove_description(tx, known.id)
        if made.empties and store_retention.remove_recipient(tx, known.id):
            gone[Kept.DIGEST].append(self._terms.day(self._now))

    def _settle_mail(self, mails: Sequence[Mail]) -> None:
        today = self._terms.day(self._now)
        due: dict[Kept, list[Mail]] = defaultdict(list)
        for mail in mails:
            kept = Kept.ENQUIRY_MAIL if mail.label in WITHOUT_EFFECT else Kept.OPT_OUT_MAIL
            moment = mail.stored_at if kept is Kept.OPT_OUT_MAIL else mail.received_at
            if _is_due(mail_due(kept, moment, self._terms), today):
                due[kept].append(mail)
        if not due:
            return
        with self._store.read() if self._dry else self._store.begin() as tx:
            kept_back = store_retention.held_mail(tx, locked=not self._dry)
            going = {kept: [mail for mail in found if mail.place not in kept_back] for kept, found in due.items()}
            days = {kept: [self._terms.day(mail.received_at) for mail in found] for kept, found in going.items()}
            if not self._dry:
                store_retention.remove_mail(tx, [mail.place for found in going.values() for mail in found])
                self._certify(tx, days)
        self._count(days)
        for kept, found in due.items():
            self.tallies[kept].held += len(found) - len(going[kept])

    def _settle_finished(self) -> Iterator[None]:
        before: dict[Kept, date] = dict.fromkeys((Kept.ANSWER, Kept.LETTER), self._now - ANSWERS_KEPT)
        if last := last_due(Records.CONSENTS, self._terms, self._terms.day(self._now)):
            before[Kept.RIGHTS_REQUEST] = last + DAY
            before[Kept.ERASURE] = datetime.combine(last + DAY, time(), self._terms.zone)
        for kept, end in before.items():
            with self._store.read() as tx:
                for held_now in (True, False) if self._dry else (True,):
                    for found in finished(tx, kept, end, held=held_now):
                        self._count({kept: self._days_of(found)}, held=held_now)
            while not self._dry:
                with self._store.begin() as tx:
                    gone = {kept: self._days_of(forget_finished(tx, kept, end))}
                    self._certify(tx, gone)
                self._count(gone)
                if not gone[kept]:
                    break
                yield

    def _days_of(self, moments: Sequence[date]) -> Sequence[date]:
        return [self._terms.day(found) if isinstance(found, datetime) else found for found in moments]

    def _certify(self, tx: Transaction, gone: Mapping[Kept, Sequence[date]]) -> None:
        for kept, days in gone.items():
            if days:
                certify(
                    tx,
                    Certificate(
                        made_on=self._terms.day(self._now),
                        records=kept.value,
                        reason=REASON,
                        policy=self._policy,
                        count=len(days),
                        oldest=min(days),
                        newest=max(days),
                    ),
                )

    def _count(self, days_of: Mapping[Kept, Sequence[date]], *, held: bool = False) -> None:
        for kept, days in days_of.items():
            if not days:
                continue
            tally = self.tallies[kept]
            if held:
                tally.held += len(days)
                continue
            tally.count += len(days)
            tally.oldest = min(*days, tally.oldest or days[0])
            tally.newest = max(*days, tally.newest or days[0])
