"""
Moving to a new secret key while web and worker run.

A rotation goes through states that each are safe to stay in: the key is in the file; the database knows it; rows move,
in batches, while every look-up asks under both generations; all have moved. Killed anywhere, it goes on when run again.

Where keys come from the environment, the operator first gives the new key to every process, then runs this.
"""

from collections.abc import Iterator

from mailconsent.errors import ConfigError, StorageUnavailable
from mailconsent.keyring import Purpose, append_key
from mailconsent.store import Store
from mailconsent.store.generations import (
    begin_rotation,
    end_rotation,
    register_keys,
    rotate_batch,
    set_signing,
)
from mailconsent.tokens import MAX_GENERATION

RETRIES = 20


def rotate_signing(store: Store) -> int:
    """Sign links under a new key from now on; its number. Links signed before work as before."""
    with store.read() as tx:
        current = tx.state.signing
    _provide_key(store, Purpose.SIGNING, current)
    with store.begin() as tx:
        register_keys(tx.connection, Purpose.SIGNING, tx.keyring.keys(Purpose.SIGNING)[: current + 1])
        set_signing(tx.connection, current + 1)
    return current + 1


def begin_digest_rotation(store: Store) -> int:
    """Write new rows under a new digest key from now on; its generation. Goes on with one that was broken off."""
    with store.read() as tx:
        state = tx.state
    if state.oldest < state.newest:
        return state.newest
    if state.newest >= MAX_GENERATION:
        raise ConfigError(f"digest keys: a link can name no more than {MAX_GENERATION} generations")
    _provide_key(store, Purpose.DIGEST, state.newest)
    with store.begin() as tx:
        register_keys(tx.connection, Purpose.DIGEST, tx.keyring.keys(Purpose.DIGEST)[: state.newest + 1])
        begin_rotation(tx.connection, state.newest + 1)
    return state.newest + 1


def move_recipients(store: Store, generation: int) -> Iterator[int]:
    """Move all rows to the newest generation, a batch each step; gives back how many recipients were seen so far."""
    last: int | None = None
    seen = 0
    while True:
        step = _move(store, generation, last)
        if step is None:
            break
        last, count = step
        seen += count
        yield seen
    with store.begin() as tx:
        end_rotation(tx.connection, generation)


def _move(store: Store, generation: int, after: int | None) -> tuple[int, int] | None:
    # On PostgreSQL a batch may meet the locks of another in reverse order, and one of the two is sent back.
    for _ in range(RETRIES):
        try:
            with store.begin() as tx:
                return rotate_batch(tx.connection, tx.digester, generation, after)
        except StorageUnavailable as fault:
            trouble = fault
    raise trouble


def _provide_key(store: Store, purpose: Purpose, current: int) -> None:
    """See to it that there is one key more than those in use: one given already, or a new one in the file."""
    source = store.keyring.source(purpose)
    store.keyring.refresh()
    if len(source.keys) > current:
        return
    if source.path is None:
        raise ConfigError(f"{source.name}: add the new key at the end, give it to every process, and run this again")
    # Never add to a file that lost its keys: it would hold the new one alone.
    source.check()
    append_key(source.path)
    store.keyring.refresh()
