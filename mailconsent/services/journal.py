"""
Replaying the journal after a restore. Rules:

1. What the database lacks is recorded anew: with the time at which it happened, and received now, since nothing is
   ever inserted into a past that may be sealed.
2. It never grants anything. What lifted an opt-out after the backup is not in the journal: whoever came back since must
   do so once more.
3. What was erased after the backup is erased again, first: of whom even the digest went, no older opt-out comes back.
4. A repeat adds nothing, so it may be broken off and run again.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from mailconsent.facts import is_untokened
from mailconsent.model import Channel, Event, EventKind, LegalBasis, Receipt, UnsubscribeClaim
from mailconsent.services.erasure import erase_again
from mailconsent.services.recipients import record_no
from mailconsent.store import Store, Transaction
from mailconsent.store.generations import look_for_domains
from mailconsent.store.journal import Entry, Erasure, Unreadable
from mailconsent.store.recipients import lock_claim

BATCH = 500
SOURCE = "journal"
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How far it has come."""

    seen: int = 0
    added: int = 0
    #: People erased again.
    erased: int = 0
    unreadable: Sequence[Unreadable] = ()


class _Undone(Exception):
    """Ends the transaction of a dry run."""


def replay(
    store: Store, read: Callable[[], Iterable[Entry | Erasure | Unreadable]], *, now: datetime, dry_run: bool = False
) -> Iterator[Replayed]:
    """
    Erase again what a journal says was erased, and record the opt-outs that the database lacks, a batch each step. The
    lines are read twice.

    Raises `KeyMissing` for a line of a newer digest key than the backup: rotate first.
    """
    erasures = [line for line in read() if isinstance(line, Erasure)]
    forgotten: dict[bytes, datetime] = {}
    for erasure in erasures:
        if erasure.wholly:
            name = _name(store, erasure)
            forgotten[name] = max(erasure.received_at, forgotten.get(name, NEVER))
    done = Replayed(erased=_erase_again(store, erasures, now, dry_run=dry_run))
    source = iter(read())
    while batch := list(islice(source, BATCH)):
        added = 0
        with contextlib.suppress(_Undone), store.begin() as tx:
            entries = (line for line in batch if isinstance(line, Entry))
            added = sum(
                _replay_one(tx, entry, now)
                for entry in entries
                if not (forgotten and entry.received_at <= forgotten.get(_name(store, entry), NEVER))
            )
            if dry_run:
                raise _Undone
        done = replace(
            done,
            seen=done.seen + len(batch),
            added=done.added + added,
            unreadable=(*done.unreadable, *(line for line in batch if isinstance(line, Unreadable))),
        )
        yield done


def _name(store: Store, line: Entry | Erasure) -> bytes:
    """The same for one person, under whichever keys a line was written."""
    digester = store.keyring.digester
    return digester.nest(line.digest, line.generation, digester.generations)


def _erase_again(store: Store, erasures: Sequence[Erasure], now: datetime, *, dry_run: bool) -> int:
    receipt = Receipt(channel=Channel.OPERATOR, received_at=now, source=SOURCE)
    count = 0
    for start in range(0, len(erasures), BATCH):
        with contextlib.suppress(_Undone), store.begin() as tx:
            count += sum(erase_again(tx, erasure, receipt) for erasure in erasures[start : start + BATCH])
            if dry_run:
                raise _Undone
    return count


def _replay_one(tx: Transaction, entry: Entry, now: datetime) -> bool:
    """Whether it was lacking."""
    claim = UnsubscribeClaim(
        digest=entry.digest, generation=entry.generation, topic=entry.topic, basis=LegalBasis.CONSENT
    )
    if entry.kind is EventKind.SUPPRESSED:
        look_for_domains(tx.connection)  # it may be of a domain: the digest does not tell
    recipient = lock_claim(tx, claim)
    if any(_is_of(event, entry) for event in recipient.events):
        return False  # also one that was lifted since
    receipt = Receipt(channel=entry.channel, received_at=now, occurred_at=entry.occurred_at, source=SOURCE)
    event = receipt.event(entry.kind, entry.topic, facts=entry.facts)
    return not record_no(tx, recipient, event, receipt.evidence, reaching=is_untokened(event)).repeated


def _is_of(event: Event, entry: Entry) -> bool:
    return (event.kind, event.topic, event.occurred_at) == (entry.kind, entry.topic, entry.occurred_at)
