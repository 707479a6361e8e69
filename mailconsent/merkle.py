"""
The root of a set of events: one hash that changes when any of them does. Rules:

1. Hashes of leaves and of nodes begin with different bytes, so that no node can pass for a leaf, and a tree that is not
   full is split at the largest power of two (RFC 9162 section 2.1.1; RFC 6962 section 2.1 is the same).
2. What is hashed of an event is its nonce, then every field that it has, its own name included. The nonce goes with the
   event, so whoever guesses the fields of one that was erased can't tell from its leaf whether the guess is right.
3. A field without a value is not hashed: a column added later leaves older leaves as they are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

#: Bytes of a leaf hash and of a root: SHA-256.
HASH_SIZE = 32
NONCE_SIZE = 16


def event_leaf(nonce: bytes, fields: Mapping[str, object]) -> bytes:
    """The leaf hash of an event. Total: fields that somebody filled with nonsense have a leaf hash, too."""
    return leaf_hash(nonce + canonical(fields))


def canonical(fields: Mapping[str, object]) -> bytes:
    """The one way to write fields: JSON in ASCII, sorted by name, without blanks and nulls; times in UTC."""
    given = {name: _plain(value) for name, value in fields.items() if value is not None}
    return json.dumps(given, sort_keys=True, separators=(",", ":"), default=_nonsense).encode("ascii")


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds these bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """
    The root over leaf hashes in the order given. It holds one hash for each level of the tree, whatever their number.

    Who has a set without an order of its own gives the leaf hashes sorted.
    """
    subtrees: list[tuple[int, bytes]] = []  # each larger than the next, as the bits of the count
    for leaf in leaves:
        size, top = 1, leaf
        while subtrees and subtrees[-1][0] == size:
            top = _node(subtrees.pop()[1], top)
            size *= 2
        subtrees.append((size, top))
    if not subtrees:
        return hashlib.sha256(b"").digest()
    _, top = subtrees.pop()
    while subtrees:
        top = _node(subtrees.pop()[1], top)
    return top


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _plain(value: object) -> object:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _nonsense(value: object) -> object:
    # In a list, which no field is, so that it can't be taken for the text that it looks like.
    return [repr(value)]
