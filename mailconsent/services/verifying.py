"""
Verifying the ledger: that since a day was sealed no event of it was altered, inserted or removed without a word.

What this proves rests on the signing keys. Who has them can write the history anew from some day on and sign it; that
shows only against an export of the seals kept elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from mailconsent.errors import Refused
from mailconsent.keyring import Purpose
from mailconsent.merkle import root
from mailconsent.model import EventId
from mailconsent.seal import NO_SEAL, Seal, hash_of, is_signed, read_seal
from mailconsent.services.sealing import DAY, MARGIN, end_of
from mailconsent.store import Transaction
from mailconsent.store.seals import Covered, covered, gap_of, old_unsealed, read_seals, stray_seal


class Tamper(StrEnum):
    """What is wrong with the ledger."""

    NO_SEAL = "no_seal"  #: nothing is sealed yet, so nothing is proven
    NUMBER = "number"  #: a seal is missing between two others
    DAY = "day"  #: a seal is not of the day after the seal before it
    LINK = "link"  #: a seal does not follow from the one before it
    SIGNATURE = "signature"  #: a seal is not signed by a signing key of ours
    EXPORT = "export"  #: a seal is not the exported one
    ALTERED = "altered"  #: an event is not what was sealed
    GONE = "gone"  #: an event is not there, and was not removed as the ledger allows
    REMOVED = "removed"  #: what is written down of a removal is not of the event that was sealed
    INSERTED = "inserted"  #: an event says that it was received before a day was sealed that does not cover it
    ROOT = "root"  #: what is there under a seal does not add up to its root
    STRAY = "stray"  #: events were sealed under a seal that is not there


_SAID = {
    Tamper.NO_SEAL: "nothing is sealed yet: run `mailconsent ledger seal`",
    Tamper.NUMBER: "a seal is missing before this one",
    Tamper.DAY: "this seal is not of the day after the seal before it",
    Tamper.LINK: "this seal does not follow from the seal before it",
    Tamper.SIGNATURE: "this seal is not signed by a signing key of this installation",
    Tamper.EXPORT: "this seal is in the export, and in the database it is missing or another one",
    Tamper.ALTERED: "this event was altered after it was sealed",
    Tamper.GONE: "this event is gone, and no removal of it was written down",
    Tamper.REMOVED: "this event is gone, and what was written down of its removal is not true of it",
    Tamper.INSERTED: "this event was added after the day on which it says it was received",
    Tamper.ROOT: "the events under this seal are not those that were sealed: some were added, or taken away",
    Tamper.STRAY: "events were sealed under a seal of this number, which is missing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first thing that is wrong."""

    tamper: Tamper
    seal: int | None = None
    day: date | None = None
    event: EventId | None = None

    def __str__(self) -> str:
        event = f"event {self.event}" if self.event else ""
        seal = f"seal {self.seal}" + (f" of {self.day}" if self.day else "") if self.seal else ""
        place = ", ".join(part for part in (event, seal) if part)
        return f"{place}: {_SAID[self.tamper]}" if place else _SAID[self.tamper]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was checked, up to the first fault or to the end."""

    seals: int
    events: int
    #: The last day that is proven.
    through: date | None
    fault: Fault | None


class _Found(Exception):
    """Ends the search at the first fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def read_export(lines: Iterable[str]) -> dict[int, Seal]:
    """The seals of an export by number. Raises `Refused`, naming the line, where it is not one."""
    exported: dict[int, Seal] = {}
    for place, line in enumerate(lines, 1):
        try:
            seal = read_seal(line)
        except Refused:
            raise Refused(f"The export is broken: line {place} is not a seal.") from None
        if exported.setdefault(seal.number, seal) != seal:
            raise Refused(f"The export is broken: line {place} has the number of another seal.")
    if not exported:
        raise Refused("The export holds no seal, so there is nothing to compare with.")
    return exported


def verify_ledger(
    tx: Transaction, *, against: Mapping[int, Seal] | None = None, advance: Callable[[int], None] = lambda _seen: None
) -> Verified:
    """Check everything, and stop at the first fault. `advance` gets the number of events seen so far."""
    search = _Search(tx, against or {}, advance)
    fault = None
    try:
        search.run()
    except _Found as found:
        fault = found.fault
    last = search.last
    return Verified(seals=search.seals, events=search.seen, through=last.day if last else None, fault=fault)


class _Search:
    def __init__(self, tx: Transaction, against: Mapping[int, Seal], advance: Callable[[int], None]) -> None:
        self.tx = tx
        self.keys = tx.keyring.keys(Purpose.SIGNING)
        self.against = against
        self.advance = advance
        self.last: Seal | None = None
        self.seals = 0
        self.seen = 0

    def run(self) -> None:
        seals = read_seals(self.tx)
        for seal in seals:
            self._check_seal(seal)
            self._check_events(seal)
            self.last = seal
            self.seals += 1
        for number, exported in sorted(self.against.items()):
            if number > len(seals):
                raise _Found(Fault(tamper=Tamper.EXPORT, seal=number, day=exported.day))
        self._check_rest()

    def _check_seal(self, seal: Seal) -> None:
        last = self.last
        checks = {
            Tamper.NUMBER: seal.number == (last.number + 1 if last else 1),
            Tamper.EXPORT: self.against.get(seal.number, seal) == seal,
            Tamper.SIGNATURE: is_signed(seal, self.keys),
            Tamper.DAY: last is None or seal.day == last.day + DAY,
            Tamper.LINK: seal.previous == (hash_of(last) if last else NO_SEAL),
        }
        for tamper, is_well in checks.items():
            if not is_well:
                raise _Found(Fault(tamper=tamper, seal=seal.number, day=seal.day))

    def _check_events(self, seal: Seal) -> None:
        before = self.seen
        oldest = end_of(self.last.day) - MARGIN if self.last else None
        if root(self._leaves(seal, oldest)) != seal.root or self.seen - before != seal.count:
            raise _Found(Fault(tamper=Tamper.ROOT, seal=seal.number, day=seal.day))

    def _leaves(self, seal: Seal, oldest: datetime | None) -> Iterator[bytes]:
        for page in covered(self.tx, seal.number):
            for row in page:
                if tamper := _tamper_of(row, oldest):
                    raise _Found(Fault(tamper=tamper, seal=seal.number, day=seal.day, event=row.event))
                yield row.leaf
            self.seen += len(page)
            self.advance(self.seen)

    def _check_rest(self) -> None:
        last = self.last
        if last is None:
            raise _Found(Fault(tamper=Tamper.NO_SEAL))
        if stray := stray_seal(self.tx, last.number):
            raise _Found(Fault(tamper=Tamper.STRAY, seal=stray))
        if event := old_unsealed(self.tx, last.number, end_of(last.day) - MARGIN):
            raise _Found(Fault(tamper=Tamper.INSERTED, event=event))
        if event := gap_of(self.tx):
            raise _Found(Fault(tamper=Tamper.GONE, event=event))


def _tamper_of(row: Covered, oldest: datetime | None) -> Tamper | None:
    if row.now is None:
        if row.removed is None:
            return Tamper.GONE
        return None if row.removed == row.leaf else Tamper.REMOVED
    if row.now != row.leaf:
        return Tamper.ALTERED
    # Also one that a seal covers by now: the next seal takes in whatever it finds.
    if oldest and row.received_at and row.received_at < oldest:
        return Tamper.INSERTED
    return None
