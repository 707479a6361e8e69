"""
Recipients: found by digest, locked, and made when they are new.

Every append locks the recipient's row first; event, fold and standings follow under that lock. Without it PostgreSQL
was seen to lose a withdrawal against a consent committed at the same moment.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.address import domain_of, match_key, tagless_key
from mailconsent.errors import KeyMissing, StorageUnavailable
from mailconsent.model import ConfirmClaim, UnsubscribeClaim
from mailconsent.store import Transaction
from mailconsent.store.driver import rows
from mailconsent.store.generations import State
from mailconsent.store.ledger import EVENT_COLUMNS, Recipient, event_of, read_events
from mailconsent.store.tables import recipients

# Recipient, state and events at once: each statement less is a round trip less on the way of every click.
_LOCK = f"""
    select r.id, r.digest, r.last_seq, i.oldest_digest_generation, i.digest_generation, i.signing_generation,
        {EVENT_COLUMNS}
    from recipients r cross join installation i left join events e on e.recipient_id = r.id
    where r.digest = :digest order by e.seq
    """  # noqa: S608 - made of constants


def lock_known(tx: Transaction, address: str) -> Recipient | None:
    """The recipient of this address, locked; None where nothing is recorded of it. `InvalidAddress`."""
    key = match_key(address)
    return _lock_surely(tx, lambda: _all_digests(tx, key))


def lock_address(tx: Transaction, address: str) -> Recipient:
    """The recipient of this address, locked; made if new. The address itself is not stored. `InvalidAddress`."""
    found = lock_known(tx, address)
    if found:
        return found
    key = match_key(address)
    state = tx.settle()
    return _create(
        tx,
        digest=tx.digester.digest(key, state.newest),
        generation=state.newest,
        tagless_digest=tx.digester.digest(tagless_key(key), state.newest),
        domain_digest=tx.digester.digest(domain_of(key), state.newest),
    )


def lock_claim(tx: Transaction, claim: UnsubscribeClaim | ConfirmClaim) -> Recipient:
    """
    The recipient of a link, locked. One we have no row of (restored from an old backup) is made: the link still works.

    Raises `KeyMissing` for a link of a newer generation than the rows may be of: finish the rotation.
    """
    found = _lock_surely(tx, lambda: _lifted(tx, claim))
    if found:
        return found
    state = tx.settle()
    if not 1 <= claim.generation <= state.newest:
        raise KeyMissing("the database is under an older digest key than this link: run `mailconsent rotate digest`")
    if claim.generation > state.oldest:
        # The recipient may stand under an older generation, to which this digest cannot be lowered: a second row for
        # one person would hide the opt-out from the first.
        raise KeyMissing("the digests are being moved to this link's key: finish `mailconsent rotate digest`")
    digest = tx.digester.nest(claim.digest, claim.generation, state.newest)
    return _create(tx, digest=digest, generation=state.newest)


def describe(tx: Transaction, recipient: Recipient, *, address: str | None = None, language: str | None = None) -> None:
    """Keep the address as given, to which mail goes, and the language, where they are told. Erasable."""
    told = {name: value for name, value in (("address", address), ("language", language)) if value}
    if told:
        tx.connection.execute(recipients.update().where(recipients.c.id == recipient.id).values(told))


def _all_digests(tx: Transaction, key: str) -> list[bytes]:
    return [tx.digester.digest(key, generation) for generation in range(1, tx.digester.generations + 1)]


def _lifted(tx: Transaction, claim: UnsubscribeClaim | ConfirmClaim) -> list[bytes]:
    generations = range(claim.generation, tx.digester.generations + 1)
    return [tx.digester.nest(claim.digest, claim.generation, generation) for generation in generations]


def _lock_surely(tx: Transaction, digests: Callable[[], Sequence[bytes]]) -> Recipient | None:
    """Lock the row of one of these digests. None only if there is none, and no rotation can bring one any more."""
    sure = tx.settled
    found = _lock(tx, digests())
    if found or sure:
        return found
    tx.settle()  # a rotation may have begun since, and given us another key
    return _lock(tx, digests())


def _lock(tx: Transaction, digests: Sequence[bytes]) -> Recipient | None:
    """
    Lock the row of one of these digests, oldest generation first: that is the way rows move in a rotation, so one that
    moves in between is not missed.
    """
    # SQLite's writer has the whole file.
    statement = _LOCK + "for update of r" if tx.connection.dialect.name == "postgresql" else _LOCK
    for digest in digests:
        found = rows(tx.connection, statement, {"digest": digest})
        if found:
            recipient_id, kept, last_seq, oldest, newest, signing, *_event = found[0]
            tx.learn(State(oldest=oldest, newest=newest, signing=signing))
            events = [event_of(row[6:]) for row in found if row[-1] is not None]
            if (events[-1].seq if events else 0) != last_seq:
                # PostgreSQL waited for somebody else's commit: the row is of after it, and the events of before.
                events = read_events(tx, recipient_id)
            return Recipient(id=recipient_id, digest=kept, last_seq=last_seq, events=events)
    return None


def _create(tx: Transaction, *, digest: bytes, **values: Any) -> Recipient:
    """Add a recipient, or find the one whom somebody else added at this moment."""
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    # Random, so that it says nothing about the person and no counter is shared; 63 bits, as BIGINT is signed.
    new = {"id": secrets.randbits(63), "digest": digest, **values}
    added = tx.connection.execute(
        dialect.insert(recipients)
        .values(new)
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(recipients.c.id)
    ).first()
    if added:
        return Recipient(id=added.id, digest=digest, last_seq=0, events=[])
    return _lock(tx, [digest]) or _lost()


def _lost() -> NoReturn:
    raise StorageUnavailable("a recipient just added is gone")
