"""What a token of ours says, once its signature is verified; see `tokens.py`."""

from dataclasses import dataclass
from datetime import date, datetime

from mailconsent.model.kinds import LegalBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeClaim:
    """What a link says: whose it is, and the mail it went out with. See design 5.2."""

    #: Keyed digest of the address, under the keys of `generation`.
    digest: bytes
    generation: int
    #: Topic number of the mail, or `ALL_TOPICS`.
    topic: int
    #: The legal basis of that mail: `CONSENT` or `SOFT_OPT_IN`.
    basis: LegalBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmClaim:
    """What the link in a confirmation mail says: whose request it is, and until when it can be confirmed."""

    #: Keyed digest of the address, under the keys of `generation`.
    digest: bytes
    generation: int
    topic: int
    #: The `seq` of the `CONSENT_REQUESTED`.
    request: int
    #: In whole seconds.
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoClaim:
    """What a link that undoes says: whose withdrawal it is, which one, and until when it can be undone."""

    #: Keyed digest of the address, under the keys of `generation`.
    digest: bytes
    generation: int
    #: Of the withdrawal, as its `seq` is in `withdrawal`.
    topic: int
    withdrawal: int
    #: In whole seconds. It also tells the withdrawal from another that a restored database gave the same number.
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnClaim:
    """What the return path and the Message-ID of a mail say: to whom it went, and on which day it was allowed."""

    #: Keyed digest of the address, under the keys of `generation`.
    digest: bytes
    generation: int
    #: In UTC.
    sent_on: date


#: What a mail that comes in may carry of ours.
MailedClaim = UnsubscribeClaim | ReturnClaim
