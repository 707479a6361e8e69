"""
Bytes and their signature as the letters of a link: HMAC-SHA-256 cut to its first 128 bits (RFC 2104 section 5), and all
of it in lower-case base32.

Each salt is a kind of its own: what is signed under one is not read under another.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from mailconsent.errors import InvalidToken

_SIZE = 16


class Signature:
    """Signs under the last of the `active` keys, and reads what any key signed. Keys are oldest first."""

    def __init__(self, keys: Sequence[bytes], active: int | None, salt: str) -> None:
        self._reader, self._writer = _signer(keys, salt), _signer(keys[: active or len(keys)], salt)

    def write(self, payload: bytes) -> str:
        """The letters of these bytes and their signature."""
        signature = base64.urlsafe_b64decode(self._writer.get_signature(payload) + b"==")
        return base64.b32encode(payload + signature).decode("ascii").lower()

    def read(self, text: str, length: int) -> bytes:
        """
        The bytes that were signed, of a text of so many letters. Raises `InvalidToken`.

        Letter case does not matter, and a `.`, `=` or `>` that a mail client took for a part of the link is dropped.
        """
        letters = text.strip().rstrip(".=>").lower()
        if not re.fullmatch(rf"[a-z2-7]{{{length}}}", letters):
            raise InvalidToken
        try:
            whole = base64.b32decode(letters.upper())
        except binascii.Error as fault:  # pragma: no cover - the shape leaves no such text
            raise InvalidToken from fault
        payload, signature = whole[:-_SIZE], whole[-_SIZE:]
        if not self._reader.verify_signature(payload, base64.urlsafe_b64encode(signature).rstrip(b"=")):
            raise InvalidToken
        return payload


class _Hmac128(SigningAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:_SIZE]


def _signer(keys: Sequence[bytes], salt: str) -> Signer:
    """A signer under keys that are derived once; itsdangerous would derive them anew for every token."""

    def under(secrets: Sequence[bytes], derivation: str) -> Signer:
        return Signer(
            list(secrets),
            salt=salt,
            key_derivation=derivation,
            digest_method=hashlib.sha256,
            algorithm=_Hmac128(),
            sep=".",
        )

    deriving = under(keys, "hmac")
    return under([deriving.derive_key(key) for key in keys], "none")
