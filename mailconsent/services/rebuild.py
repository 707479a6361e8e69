"""Proving that every standing is the fold of its recipient's events, and making it so."""

from collections.abc import Iterator

from mailconsent.store import Store
from mailconsent.store.generations import count_recipients as count
from mailconsent.store.rebuilding import rebuild_batch


def count_recipients(store: Store) -> int:
    """How many recipients there are."""
    with store.read() as tx:
        return count(tx.connection)


def rebuild_all(store: Store) -> Iterator[tuple[int, int]]:
    """Check every recipient, a batch each step: (seen so far, mended so far). It may be broken off at any time."""
    last: int | None = None
    seen = mended = 0
    while True:
        with store.begin() as tx:
            batch = rebuild_batch(tx, after=last)
        if batch is None:
            return
        last = batch.last
        seen += batch.seen
        mended += batch.mended
        yield seen, mended
