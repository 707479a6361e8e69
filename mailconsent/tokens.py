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

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from mailconsent.address import DIGEST_SIZE
from mailconsent.errors import InvalidToken, TokenExpired
from mailconsent.model import ConfirmClaim, LegalBasis, MailedClaim, ReturnClaim, UndoClaim, UnsubscribeClaim
from mailconsent.signature import Signature

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
# Where the topic, the event's number and the expiry begin.
_TOPIC_AT = 1 + DIGEST_SIZE
_EVENT_AT = _TOPIC_AT + 2
_EXPIRY_AT = _EVENT_AT + 4


class TokenSigner:
    """Signs under the last of the `active` keys, and reads what any key signed. Keys are oldest first."""

    def __init__(self, keys: Sequence[bytes], active: int | None = None) -> None:
        self._unsubscribe = Signature(keys, active, _SALT)
        self._confirm = Signature(keys, active, _CONFIRM_SALT)
        self._undo = Signature(keys, active, _UNDO_SALT)
        self._return = Signature(keys, active, _RETURN_SALT)

    def sign(self, claim: UnsubscribeClaim) -> str:
        """The 56 letters of a claim."""
        head = FORMAT << 5 | claim.generation
        tail = claim.topic | (SOFT_OPT_IN_BIT if claim.basis is LegalBasis.SOFT_OPT_IN else 0)
        payload = bytes([head]) + claim.digest + tail.to_bytes(2, "big")
        return self._unsubscribe.write(payload)

    def read(self, text: str) -> UnsubscribeClaim:
        """The claim in a token. Raises `InvalidToken` if it is not whole or not signed by us."""
        payload = _read(text, LENGTH, self._unsubscribe)
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
        return self._return.write(payload)

    def read_return(self, text: str) -> ReturnClaim:
        """The claim of a return path. Raises `InvalidToken` as `read` does."""
        payload = _read(text, LENGTH, self._return)
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
        return self._confirm.write(_expiring_payload(claim, claim.request))

    def read_confirm(self, text: str, *, now: datetime) -> ConfirmClaim:
        """The claim in a link that confirms. Raises `InvalidToken` as `read` does, and `TokenExpired`."""
        payload, expires_at = _unexpired(text, self._confirm, now)
        return ConfirmClaim(
            digest=payload[1:_TOPIC_AT],
            generation=payload[0] & MAX_GENERATION,
            topic=int.from_bytes(payload[_TOPIC_AT:_EVENT_AT], "big"),
            request=int.from_bytes(payload[_EVENT_AT:_EXPIRY_AT], "big"),
            expires_at=expires_at,
        )

    def sign_undo(self, claim: UndoClaim) -> str:
        """The 72 letters of a link that undoes."""
        return self._undo.write(_expiring_payload(claim, claim.withdrawal))

    def read_undo(self, text: str, *, now: datetime) -> UndoClaim:
        """The claim in a link that undoes. Raises `InvalidToken` as `read` does, and `TokenExpired`."""
        payload, expires_at = _unexpired(text, self._undo, now)
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


def _unexpired(text: str, signature: Signature, now: datetime) -> tuple[bytes, datetime]:
    """What was signed, and until when it holds. Raises `InvalidToken`, `TokenExpired`."""
    payload = _read(text, EXPIRING_LENGTH, signature)
    expires_at = datetime.fromtimestamp(int.from_bytes(payload[_EXPIRY_AT:], "big"), UTC)
    if now >= expires_at:
        raise TokenExpired
    return payload, expires_at


def _read(text: str, length: int, signature: Signature) -> bytes:
    payload = signature.read(text, length)
    if payload[0] >> 5 != FORMAT:
        raise InvalidToken
    return payload
