"""
Replaying the journal after a restore. Rules:

1. What the database lacks is recorded anew: with the time at which it happened, and received now, since nothing is
   ever inserted into a past that may be sealed.
2. It never grants anything. What lifted an opt-out after the backup is not in the journal: whoever came back since must
   do so once more.
3. A repeat adds nothing, so it may be broken off and run again.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from mailconsent.facts import is_untokened
from mailconsent.model import Event, EventKind, LegalBasis, Receipt, UnsubscribeClaim
from mailconsent.services.recipients import record_no
from mailconsent.store import Store, Transaction
from mailconsent.store.generations import look_for_domains
from mailconsent.store.journal import Entry, Unreadable
from mailconsent.store.recipients import lock_claim

BATCH = 500
SOURCE = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How far it has come."""

    seen: int = 0
    added: int = 0
    unreadable: Sequence[Unreadable] = ()


class _Undone(Exception):
    """Ends the transaction of a dry run."""


def replay(
    store: Store, entries: Iterable[Entry | Unreadable], *, now: datetime, dry_run: bool = False
) -> Iterator[Replayed]:
    """
    Record the opt-outs of a journal that the database lacks, a batch each step.

    Raises `KeyMissing` for a line of a newer digest key than the backup: rotate first.
    """
    source = iter(entries)
    done = Replayed()
    while batch := list(islice(source, BATCH)):
        added = 0
        with contextlib.suppress(_Undone), store.begin() as tx:
            added = sum(_replay_one(tx, entry, now) for entry in batch if isinstance(entry, Entry))
            if dry_run:
                raise _Undone
        done = Replayed(
            seen=done.seen + len(batch),
            added=done.added + added,
            unreadable=(*done.unreadable, *(line for line in batch if isinstance(line, Unreadable))),
        )
        yield done


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
