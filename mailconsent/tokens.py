"""
Signed claims in links and mail. Rules (design 5.2):

1. A token carries all it needs: no database row stands behind it, and it never expires (RFC 8058 section 3.1; ePrivacy
   Article 13(2): a refusal must be possible for as long as mail may come).
2. It holds no address, only the keyed digest of one.
3. 35 bytes in lower-case base32 are 56 letters: no padding, no spare bits, any letter case, short enough for an SMTP
   local part (RFC 5321 section 4.5.3.1.1).
4. The text of a token is never a key: the claim in it is.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from mailconsent.address import DIGEST_SIZE
from mailconsent.errors import InvalidToken
from mailconsent.model import LegalBasis, UnsubscribeClaim

FORMAT = 1
MAX_GENERATION = 31
MAX_TOPIC = 0x7FFF
LENGTH = 56
PAYLOAD = 1 + DIGEST_SIZE + 2
SOFT_OPT_IN_BIT = 0x8000

_SALT = "mailconsent.unsubscribe"
_SHAPE = re.compile(rf"[a-z2-7]{{{LENGTH}}}")


class _Hmac128(SigningAlgorithm):
    """HMAC-SHA-256 cut to its first 128 bits (RFC 2104 section 5)."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:16]


def _signer(keys: Sequence[bytes]) -> Signer:
    """A signer under keys that are derived once; itsdangerous would derive them anew for every token."""

    def under(secrets: Sequence[bytes], derivation: str) -> Signer:
        return Signer(
            list(secrets),
            salt=_SALT,
            key_derivation=derivation,
            digest_method=hashlib.sha256,
            algorithm=_Hmac128(),
            sep=".",
        )

    deriving = under(keys, "hmac")
    return under([deriving.derive_key(key) for key in keys], "none")


class TokenSigner:
    """Signs under the last of the `active` keys, and reads what any key signed. Keys are oldest first."""

    def __init__(self, keys: Sequence[bytes], active: int | None = None) -> None:
        self._reader = _signer(keys)
        self._writer = _signer(keys[: active or len(keys)])

    def sign(self, claim: UnsubscribeClaim) -> str:
        """The 56 letters of a claim."""
        head = FORMAT << 5 | claim.generation
        tail = claim.topic | (SOFT_OPT_IN_BIT if claim.basis is LegalBasis.SOFT_OPT_IN else 0)
        payload = bytes([head]) + claim.digest + tail.to_bytes(2, "big")
        signature = base64.urlsafe_b64decode(self._writer.get_signature(payload) + b"==")
        return base64.b32encode(payload + signature).decode("ascii").lower()

    def read(self, text: str) -> UnsubscribeClaim:
        """
        The claim in a token. Raises `InvalidToken` if it is not whole or not signed by us.

        Letter case does not matter, and a `.`, `=` or `>` that a mail client took for a part of the link is dropped.
        """
        letters = text.strip().rstrip(".=>").lower()
        if not _SHAPE.fullmatch(letters):
            raise InvalidToken
        try:
            whole = base64.b32decode(letters.upper())
        except binascii.Error as fault:  # pragma: no cover - the shape leaves no such text
            raise InvalidToken from fault
        payload, signature = whole[:PAYLOAD], whole[PAYLOAD:]
        if not self._reader.verify_signature(payload, base64.urlsafe_b64encode(signature).rstrip(b"=")):
            raise InvalidToken
        if payload[0] >> 5 != FORMAT:
            raise InvalidToken
        tail = int.from_bytes(payload[-2:], "big")
        return UnsubscribeClaim(
            digest=payload[1:-2],
            generation=payload[0] & MAX_GENERATION,
            topic=tail & MAX_TOPIC,
            basis=LegalBasis.SOFT_OPT_IN if tail & SOFT_OPT_IN_BIT else LegalBasis.CONSENT,
        )
