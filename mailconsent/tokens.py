"""
Signed claims in links and mail. Rules (design 5.2):

1. A token carries all it needs: no database row stands behind it, and it never expires (RFC 8058 section 3.1; ePrivacy
   Article 13(2): a refusal must be possible for as long as mail may come).
2. It holds no address, only the keyed digest of one.
3. 35 bytes in lower-case base32 are 56 letters: no padding, no spare bits, any letter case, short enough for an SMTP
   local part (RFC 5321 section 4.5.3.1.1).
4. The text of a token is never a key: the claim in it is.
5. Only the links that give something expire: the one that confirms a consent 72 hours after the request, the one that
   undoes a withdrawal 24 hours after it. Each kind is signed under a salt of its own, so that no link can be taken for
   another. They have 72 letters: generation, digest, topic, number of the request or the withdrawal, expiry.
6. The return path of a mail and its Message-ID say to whom it went, and when. They have a salt of their own, too: who
   got hold of a link can unsubscribe somebody, but not have their address taken for dead.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from mailconsent.address import DIGEST_SIZE
from mailconsent.errors import InvalidToken, TokenExpired
from mailconsent.model import ConfirmClaim, LegalBasis, MailedClaim, ReturnClaim, UndoClaim, UnsubscribeClaim

FORMAT = 1
MAX_GENERATION = 31
MAX_TOPIC = 0x7FFF
LENGTH = 56
SOFT_OPT_IN_BIT = 0x8000
#: How long a consent can be confirmed through the link that was mailed.
CONFIRM_LIFE = timedelta(hours=72)
#: Letters of a link that expires.
EXPIRING_LENGTH = 72

_SALT = "mailconsent.unsubscribe"
_CONFIRM_SALT = "mailconsent.confirm"
_UNDO_SALT = "mailconsent.undo"
_RETURN_SALT = "mailconsent.return"
# From which the days of return paths are counted: two bytes reach to the year 2149.
_FIRST_DAY = date(1970, 1, 1)
_SIGNATURE = 16
# Where the topic, the event's number and the expiry begin.
_TOPIC_AT = 1 + DIGEST_SIZE
_EVENT_AT = _TOPIC_AT + 2
_EXPIRY_AT = _EVENT_AT + 4


class _Hmac128(SigningAlgorithm):
    """HMAC-SHA-256 cut to its first 128 bits (RFC 2104 section 5)."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:_SIGNATURE]


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


class TokenSigner:
    """Signs under the last of the `active` keys, and reads what any key signed. Keys are oldest first."""

    def __init__(self, keys: Sequence[bytes], active: int | None = None) -> None:
        active_keys = keys[: active or len(keys)]
        self._reader, self._writer = _signer(keys, _SALT), _signer(active_keys, _SALT)
        self._confirm_reader, self._confirm_writer = _signer(keys, _CONFIRM_SALT), _signer(active_keys, _CONFIRM_SALT)
        self._undo_reader, self._undo_writer = _signer(keys, _UNDO_SALT), _signer(active_keys, _UNDO_SALT)
        self._return_reader, self._return_writer = _signer(keys, _RETURN_SALT), _signer(active_keys, _RETURN_SALT)

    def sign(self, claim: UnsubscribeClaim) -> str:
        """The 56 letters of a claim."""
        head = FORMAT << 5 | claim.generation
        tail = claim.topic | (SOFT_OPT_IN_BIT if claim.basis is LegalBasis.SOFT_OPT_IN else 0)
        payload = bytes([head]) + claim.digest + tail.to_bytes(2, "big")
        return _written(payload, self._writer)

    def read(self, text: str) -> UnsubscribeClaim:
        """
        The claim in a token. Raises `InvalidToken` if it is not whole or not signed by us.

        Letter case does not matter, and a `.`, `=` or `>` that a mail client took for a part of the link is dropped.
        """
        payload = _payload(text, LENGTH, self._reader)
        tail = int.from_bytes(payload[-2:], "big")
        return UnsubscribeClaim(
            digest=payload[1:-2],
            generation=payload[0] & MAX_GENERATION,
            topic=tail & MAX_TOPIC,
            basis=LegalBasis.SOFT_OPT_IN if tail & SOFT_OPT_IN_BIT else LegalBasis.CONSENT,
        )

    def sign_return(self, claim: ReturnClaim) -> str:
        """The 56 letters in the return path and the Message-ID of a mail."""
        day = (claim.sent_on - _FIRST_DAY).days
        payload = bytes([FORMAT << 5 | claim.generation]) + claim.digest + day.to_bytes(2, "big")
        return _written(payload, self._return_writer)

    def read_return(self, text: str) -> ReturnClaim:
        """The claim of a return path. Raises `InvalidToken` as `read` does."""
        payload = _payload(text, LENGTH, self._return_reader)
        return ReturnClaim(
            digest=payload[1:_TOPIC_AT],
            generation=payload[0] & MAX_GENERATION,
            sent_on=_FIRST_DAY + timedelta(days=int.from_bytes(payload[_TOPIC_AT:], "big")),
        )

    def read_mailed(self, text: str) -> MailedClaim:
        """The claim in what a mail carries, whether of a link or of a return path. Raises `InvalidToken`."""
        try:
            return self.read(text)
        except InvalidToken:
            return self.read_return(text)

    def sign_confirm(self, claim: ConfirmClaim) -> str:
        """The 72 letters of a link that confirms."""
        return _written(_expiring_payload(claim, claim.request), self._confirm_writer)

    def read_confirm(self, text: str, *, now: datetime) -> ConfirmClaim:
        """The claim in a link that confirms. Raises `InvalidToken` as `read` does, and `TokenExpired`."""
        payload, expires_at = _unexpired(text, self._confirm_reader, now)
        return ConfirmClaim(
            digest=payload[1:_TOPIC_AT],
            generation=payload[0] & MAX_GENERATION,
            topic=int.from_bytes(payload[_TOPIC_AT:_EVENT_AT], "big"),
            request=int.from_bytes(payload[_EVENT_AT:_EXPIRY_AT], "big"),
            expires_at=expires_at,
        )

    def sign_undo(self, claim: UndoClaim) -> str:
        """The 72 letters of a link that undoes."""
        return _written(_expiring_payload(claim, claim.withdrawal), self._undo_writer)

    def read_undo(self, text: str, *, now: datetime) -> UndoClaim:
        """The claim in a link that undoes. Raises `InvalidToken` as `read` does, and `TokenExpired`."""
        payload, expires_at = _unexpired(text, self._undo_reader, now)
        return UndoClaim(
            digest=payload[1:_TOPIC_AT],
            generation=payload[0] & MAX_GENERATION,
            topic=int.from_bytes(payload[_TOPIC_AT:_EVENT_AT], "big"),
            withdrawal=int.from_bytes(payload[_EVENT_AT:_EXPIRY_AT], "big"),
            expires_at=expires_at,
        )


def _expiring_payload(claim: ConfirmClaim | UndoClaim, event: int) -> bytes:
    return (
        bytes([FORMAT << 5 | claim.generation])
        + claim.digest
        + claim.topic.to_bytes(2, "big")
        + event.to_bytes(4, "big")
        + int(claim.expires_at.timestamp()).to_bytes(6, "big")
    )


def _unexpired(text: str, signer: Signer, now: datetime) -> tuple[bytes, datetime]:
    """What was signed, and until when it holds. Raises `InvalidToken`, `TokenExpired`."""
    payload = _payload(text, EXPIRING_LENGTH, signer)
    expires_at = datetime.fromtimestamp(int.from_bytes(payload[_EXPIRY_AT:], "big"), UTC)
    if now >= expires_at:
        raise TokenExpired
    return payload, expires_at


def _written(payload: bytes, signer: Signer) -> str:
    signature = base64.urlsafe_b64decode(signer.get_signature(payload) + b"==")
    return base64.b32encode(payload + signature).decode("ascii").lower()


def _payload(text: str, length: int, signer: Signer) -> bytes:
    """What was signed. Raises `InvalidToken`."""
    letters = text.strip().rstrip(".=>").lower()
    if not re.fullmatch(rf"[a-z2-7]{{{length}}}", letters):
        raise InvalidToken
    try:
        whole = base64.b32decode(letters.upper())
    except binascii.Error as fault:  # pragma: no cover - the shape leaves no such text
        raise InvalidToken from fault
    payload, signature = whole[:-_SIGNATURE], whole[-_SIGNATURE:]
    if not signer.verify_signature(payload, base64.urlsafe_b64encode(signature).rstrip(b"=")):
        raise InvalidToken
    if payload[0] >> 5 != FORMAT:
        raise InvalidToken
    return payload
