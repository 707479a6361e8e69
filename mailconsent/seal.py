"""
Seals: what is signed of a day of the ledger. Rules:

1. A seal names its number, its day, how many leaves it covers and their root, the hash of the seal before it, and the
   signing key; all of it is signed. Whoever changes one seal must sign it and every later one anew.
2. It holds nothing about a person, so that copies can be kept where the operator of the database has no hand.
3. Signatures have a salt of their own: no token can be passed off as a seal, nor a seal as a token.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from itsdangerous import Signer

from mailconsent.errors import Refused
from mailconsent.merkle import HASH_SIZE, canonical

#: What the first seal names as the hash of the seal before it.
NO_SEAL = bytes(HASH_SIZE)

_SALT = "mailconsent.seal"
_FIELDS = ("number", "day", "count", "root", "previous", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """One day of the ledger."""

    #: From 1, without gaps.
    number: int
    #: The last day, in UTC, of which it covers events: one day after that of the seal before it.
    day: date
    #: How many leaves it covers.
    count: int
    root: bytes
    #: The hash of the seal before it.
    previous: bytes
    #: The place of the signing key in the list, from 1.
    key: int
    #: HMAC-SHA-256, as itsdangerous writes it.
    signature: str = ""


def sign(seal: Seal, keys: Sequence[bytes]) -> str:
    """The signature of a seal under the key that it names; keys oldest first."""
    return _signer(keys[seal.key - 1]).get_signature(_statement(seal)).decode("ascii")


def is_signed(seal: Seal, keys: Sequence[bytes]) -> bool:
    """Whether the key that it names, one of these, signed this seal."""
    if not 1 <= seal.key <= len(keys):
        return False
    signature = seal.signature.encode("utf-8", "replace")
    return _signer(keys[seal.key - 1]).verify_signature(_statement(seal), signature)


def hash_of(seal: Seal) -> bytes:
    """What the next seal names as the one before it."""
    return hashlib.sha256(_statement(seal) + seal.signature.encode("utf-8", "replace")).digest()


def write_seal(seal: Seal) -> str:
    """A seal as one line of JSON."""
    return canonical(_spelled(seal) | {"signature": seal.signature}).decode("ascii")


def read_seal(line: str) -> Seal:
    """The seal in a line of an export. Raises `Refused` if there is none."""
    try:
        given = json.loads(line)
        return Seal(
            number=_whole(given["number"]),
            day=date.fromisoformat(given["day"]),
            count=_whole(given["count"]),
            root=bytes.fromhex(given["root"]),
            previous=bytes.fromhex(given["previous"]),
            key=_whole(given["key"]),
            signature=str(given["signature"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Refused("not a seal") from None


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a number")
    return value


def _spelled(seal: Seal) -> dict[str, object]:
    values = {name: getattr(seal, name) for name in _FIELDS}
    return values | {"day": seal.day.isoformat(), "root": seal.root.hex(), "previous": seal.previous.hex()}


def _statement(seal: Seal) -> bytes:
    return canonical(_spelled(seal))


def _signer(key: bytes) -> Signer:
    return Signer(key, salt=_SALT, sep=".", key_derivation="hmac", digest_method=hashlib.sha256)
