"""
Recipients: found by digest, locked, and made when they are new.

Every append locks the recipient's row first; event, fold and standings follow under that lock. Without it PostgreSQL
was seen to lose a withdrawal against a consent committed at the same moment.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

from mailconsent.address import domain_of, match_key, tagless_key
from mailconsent.errors import KeyMissing, StorageUnavailable
from mailconsent.facts import ended, untokened
from mailconsent.model import ConfirmClaim, Event, EventId, ReturnClaim, UndoClaim, UnsubscribeClaim
from mailconsent.store import Transaction
from mailconsent.store.driver import change, rows
from mailconsent.store.generations import STATE_COLUMNS, look_for_domains, state_of
from mailconsent.store.ledger import EVENT_COLUMNS, Recipient, event_of, read_events

# Recipient, state and events at once: each statement less is a round trip less on the way of every click.
_LOCK = f"""
    select r.id, r.digest, r.generation, r.last_seq, r.gone, {STATE_COLUMNS}, {EVENT_COLUMNS}
    from recipients r cross join installation i left join events e on e.recipient_id = r.id
    where r.{{column}} = :value order by e.seq
    """  # noqa: S608 - made of constants
_BY_DIGEST, _BY_ID = _LOCK.format(column="digest"), _LOCK.format(column="id")
# The state of the same moment tells whether all generations were looked for.
_TAGGED = f"""
    select {STATE_COLUMNS}, r.id from installation i
    left join recipients r on r.tagless_digest = :tagless and r.digest <> :tagless
    """  # noqa: S608
_CREATE = """
    insert into recipients (id, digest, generation, tagless_digest, domain_digest)
    values (:id, :digest, :generation, :tagless, :domain) on conflict (digest) do nothing returning id
    """
_DESCRIBE = """
    update recipients set address = coalesce(:address, address), language = coalesce(:language, language) where id = :id
    """


def lock_address(tx: Transaction, address: str) -> Recipient:
    """The recipient of this address, locked; made if new. The address itself is not stored. `InvalidAddress`."""
    key = match_key(address)
    found = _lock_surely(tx, lambda: _all_digests(tx, key))
    if found and found.last_seq:
        return found
    base = tagless_key(key)
    # Its row is locked before the tagged one is made, so that no opt-out of it can miss the one or the other.
    origin = lock_address(tx, base) if base != key else None
    if not found:
        state = tx.settle()
        found = _create(
            tx,
            digest=tx.digester.digest(key, state.newest),
            generation=state.newest,
            tagless=tx.digester.digest(base, state.newest),
            domain=tx.digester.digest(domain_of(key), state.newest),
        )
    return _heir(found, origin) if origin else found


def lock_known(tx: Transaction, address: str) -> Recipient | None:
    """The recipient of this address, locked; None where there is none, and none is made. `InvalidAddress`."""
    key = match_key(address)
    return _lock_surely(tx, lambda: _all_digests(tx, key))


def lock_tagged(tx: Transaction, address: str) -> Iterator[Recipient]:
    """The known recipients of the tagged forms of this address, locked; none if it has a tag itself."""
    key = match_key(address)
    # In the order in which a rotation takes them, so that the two seldom wait for each other.
    for recipient_id in sorted(_tagged(tx, key)) if tagless_key(key) == key else ():
        # One that was erased at this moment, digest and all, is nobody any more.
        if tagged := lock_recipient(tx, recipient_id):
            yield tagged


def lock_copies(tx: Transaction, recipient: Recipient, event_id: EventId) -> Iterator[tuple[Recipient, Event]]:
    """
    What this event of a locked recipient did to the tagged forms of their address, as far as it stands.

    Raises `KeyMissing` while a rotation runs: a digest cannot be lowered to find those that have not moved.
    """
    state = tx.settle()
    if state.oldest < state.newest:
        raise KeyMissing("the digests are being moved to a new key: finish `mailconsent rotate digest`")
    for _, _, _, _, recipient_id in rows(tx.connection, _TAGGED + "order by r.id", {"tagless": recipient.digest}):
        tagged = lock_recipient(tx, recipient_id) if recipient_id is not None else None
        copies = [event for event in tagged.events if event.facts.get("of") == str(event_id)] if tagged else []
        for copy in copies:
            # Anew for each, since every append makes it another one.
            tagged = lock_recipient(tx, recipient_id) or _lost()
            if copy.seq not in ended(tagged.events):
                yield tagged, copy


def lock_recipient(tx: Transaction, recipient_id: int) -> Recipient | None:
    """The recipient of this id, locked; None if there is none."""
    return _lock(tx, _BY_ID, recipient_id)


def lock_domain(tx: Transaction, domain: str) -> Recipient:
    """A domain, given by its key, locked; made if new. It is a recipient like any other, but that it has no address."""
    look_for_domains(tx.connection)
    found = _lock_surely(tx, lambda: _all_digests(tx, domain))
    if found:
        return found
    state = tx.settle()
    digest = tx.digester.digest(domain, state.newest)
    return _create(tx, digest=digest, generation=state.newest, domain=digest)


def lock_known_claim(
    tx: Transaction, claim: UnsubscribeClaim | ConfirmClaim | UndoClaim | ReturnClaim
) -> Recipient | None:
    """
    The recipient of a link, locked; None where there is none, and none is made.

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
    return None


def lock_claim(tx: Transaction, claim: UnsubscribeClaim | ConfirmClaim | ReturnClaim) -> Recipient:
    """
    The recipient of a link, locked. One we have no row of (restored from an old backup) is made: the link still works.

    Raises `KeyMissing` as `lock_known_claim` does.
    """
    found = lock_known_claim(tx, claim)
    if found:
        return found
    state = tx.settle()
    digest = tx.digester.nest(claim.digest, claim.generation, state.newest)
    return _create(tx, digest=digest, generation=state.newest)


def describe(tx: Transaction, recipient: Recipient, *, address: str | None = None, language: str | None = None) -> None:
    """Keep the address as given, to which mail goes, and the language, where they are told. Erasable."""
    if address or language:
        change(tx.connection, _DESCRIBE, {"id": recipient.id, "address": address or None, "language": language or None})


def _heir(recipient: Recipient, origin: Recipient) -> Recipient:
    """A tagged form that is new here: who opted out without a token before, opted out of it too."""
    if recipient.last_seq:
        return recipient  # made at this moment by somebody else, who saw to that
    inherited = [(EventId(origin.id, event.seq), event) for event in untokened(origin.events)]
    return replace(recipient, inherited=inherited)


def _tagged(tx: Transaction, key: str) -> set[int]:
    digests = _all_digests(tx, key)
    found: set[int] = set()
    for digest in digests:
        for *state, recipient_id in rows(tx.connection, _TAGGED, {"tagless": digest}):
            tx.learn(state_of(state))
            found |= {recipient_id} - {None}
    # A rotation that began meanwhile may have moved one to a key which we had not: then once more.
    return found if tx.state.newest <= len(digests) else _tagged(tx, key)


def _all_digests(tx: Transaction, key: str) -> list[bytes]:
    return [tx.digester.digest(key, generation) for generation in range(1, tx.digester.generations + 1)]


def _lifted(tx: Transaction, claim: UnsubscribeClaim | ConfirmClaim | UndoClaim | ReturnClaim) -> list[bytes]:
    generations = range(claim.generation, tx.digester.generations + 1)
    return [tx.digester.nest(claim.digest, claim.generation, generation) for generation in generations]


def _lock_surely(tx: Transaction, digests: Callable[[], Sequence[bytes]]) -> Recipient | None:
    """Lock the row of one of these digests. None only if there is none, and no rotation can bring one any more."""
    sure = tx.settled
    found = _lock_first(tx, digests())
    if found or sure:
        return found
    tx.settle()  # a rotation may have begun since, and given us another key
    return _lock_first(tx, digests())


def _lock_first(tx: Transaction, digests: Sequence[bytes]) -> Recipient | None:
    """
    Lock the row of one of these digests, oldest generation first: that is the way rows move in a rotation, so one that
    moves in between is not missed.
    """
    return next((found for digest in digests if (found := _lock(tx, _BY_DIGEST, digest))), None)


def _lock(tx: Transaction, statement: str, value: bytes | int) -> Recipient | None:
    # SQLite's writer has the whole file.
    locking = statement + "for update of r" if tx.connection.dialect.name == "postgresql" else statement
    found = rows(tx.connection, locking, {"value": value})
    if not found:
        return None
    recipient_id, digest, generation, last_seq, gone, *_state_and_event = found[0]
    tx.learn(state_of(found[0][5:9]))
    events = [event_of(row[9:]) for row in found if row[-1] is not None]
    if (events[-1].seq if events else 0) != last_seq or len(events) != last_seq - gone:
        # PostgreSQL waited for somebody else's commit: the row is of after it, and the events of before. An added one
        # shows in the last number, a removed one in the count.
        events = read_events(tx, recipient_id)
    return Recipient(id=recipient_id, digest=digest, generation=generation, last_seq=last_seq, events=events)


def _create(
    tx: Transaction, *, digest: bytes, generation: int, tagless: bytes | None = None, domain: bytes | None = None
) -> Recipient:
    """Add a recipient, or find the one whom somebody else added at this moment."""
    # Random, so that it says nothing about the person and no counter is shared; 63 bits, as BIGINT is signed.
    new = {"id": secrets.randbits(63), "digest": digest, "generation": generation, "tagless": tagless, "domain": domain}
    for (recipient_id,) in rows(tx.connection, _CREATE, new):
        return Recipient(id=recipient_id, digest=digest, generation=generation, last_seq=0, events=[])
    return _lock(tx, _BY_DIGEST, digest) or _lost()


def _lost() -> NoReturn:
    raise StorageUnavailable("a recipient just added is gone")
