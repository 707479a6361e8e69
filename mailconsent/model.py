"""
The vocabulary: enums and frozen values that several rooms share.

Enum values are the strings that stand in the database and on the wire, so renaming a member is harmless and changing a
value is a migration. Times are aware and in UTC everywhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from mailconsent.errors import Refused

#: The topic number that stands for all marketing, in tokens, events and standings.
ALL_TOPICS = 0


class MailKind(StrEnum):
    """What a topic's mail is: the policy says so, never the sender of a request."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class LegalBasis(StrEnum):
    """The ground on which a mail may be sent."""

    CONSENT = "consent"  #: GDPR Article 6(1)(a) and ePrivacy Article 13(1)
    SOFT_OPT_IN = "soft_opt_in"  #: ePrivacy Article 13(2): similar products, to an existing customer
    TRANSACTIONAL = "transactional"  #: not marketing, so no marketing ground is needed


class EventKind(StrEnum):
    """What can happen to a recipient."""

    CONSENT_REQUESTED = "consent_requested"  #: pending: the person has yet to confirm it, and nothing is allowed
    CONSENT_GIVEN = "consent_given"
    WITHDRAWN = "withdrawn"  #: GDPR Article 7(3)
    OBJECTED = "objected"  #: GDPR Article 21(2)
    REFUSED = "refused"  #: the statutory refusal of soft opt-in, made through the link of such a mail
    SALE = "sale"  #: something was sold to them; its facts say what soft opt-in asks of a sale
    SALE_CANCELLED = "sale_cancelled"  #: refunded or void: takes back the one sale it names
    COMPLAINT = "complaint"  #: reported as spam, RFC 5965
    SUPPRESSED = "suppressed"  #: by an operator
    QUESTIONED = "questioned"  #: an unclear request; marketing stops until a human answers
    PERMANENT_FAILURE = "permanent_failure"  #: the address does not work, RFC 3463 class 5
    TRANSIENT_FAILURE = "transient_failure"  #: mail could not be delivered, which may pass; it counts with others
    OWNER_CHANGED = "owner_changed"  #: the mailbox is somebody else's now, RFC 7293
    RELEASED = "released"  #: an operator ends the one event it names
    RESTORED = "restored"  #: the person undoes the one withdrawal it names


class Channel(StrEnum):
    """The door an event came in by."""

    ONE_CLICK = "one_click"  #: RFC 8058, posted by a mail client
    PAGE = "page"  #: the button on our page
    INBOX = "inbox"  #: mail to the contact inbox
    API = "api"
    IMPORT = "import"  #: one of many rows, all of which can be reverted together
    OPERATOR = "operator"


class ImportKind(StrEnum):
    """What the rows of an import are."""

    CONSENTS = "consents"
    SALES = "sales"
    OPT_OUTS = "opt-outs"


class Grade(StrEnum):
    """How well a consent is proven; `A` sorts before `B`."""

    A = "A"  #: confirmed by the person's own POST to our confirm page
    B = "B"  #: recorded single opt-in, or signed paper
    C = "C"  #: partial record
    D = "D"  #: no record


class Reason(StrEnum):
    """Why a decision is what it is. A closed list: every value has a row in `docs/concepts.md`."""

    CONSENT = "consent"
    SOFT_OPT_IN = "soft_opt_in"
    TRANSACTIONAL = "transactional"
    NO_LEGAL_BASIS = "no_legal_basis"
    CONSENT_UNCONFIRMED = "consent_unconfirmed"  #: it is recorded, and the policy or the country asks for more
    CONSENT_LAPSED = "consent_lapsed"  #: nobody made use of it for as long as the country's rule says
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    OBJECTED = "objected"
    COMPLAINT = "complaint"
    SUPPRESSED = "suppressed"
    QUESTIONED = "questioned"
    PERMANENT_FAILURE = "permanent_failure"
    INVALID_ADDRESS = "invalid_address"
    # Why a sale is no ground for soft opt-in, in the order in which it is asked; see `soft_opt_in.py`.
    SALE_CANCELLED = "sale_cancelled"
    SALE_INCOMPLETE = "sale_incomplete"
    ADDRESS_NOT_GIVEN = "address_not_given"
    OTHER_ENTITY = "other_entity"
    NOT_SIMILAR = "not_similar"
    OPT_OUT_NOT_OFFERED = "opt_out_not_offered"
    SOFT_OPT_IN_BARRED = "soft_opt_in_barred"
    MAIL_WITHOUT_OPT_OUT = "mail_without_opt_out"
    SALE_TOO_OLD = "sale_too_old"
    LIST_NOT_CONSULTED = "list_not_consulted"
    COUNTRY_WITHOUT_SOFT_OPT_IN = "country_without_soft_opt_in"


class Label(StrEnum):
    """What an inbound message is."""

    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto_reply"  #: an automatic response, RFC 3834
    BOUNCE_HARD = "bounce_hard"
    BOUNCE_SOFT = "bounce_soft"
    BOUNCE_UNKNOWN = "bounce_unknown"
    COMPLAINT = "complaint"
    UNSURE = "unsure"  #: left to a human
    OTHER = "other"  #: none of our business


# No more than the database's integers hold.
_EVENT_ID = re.compile(r"([0-7][0-9a-f]{15}|[0-9a-f]{1,15})-([1-9][0-9]{0,8})", re.ASCII)


class EventId(NamedTuple):
    """The name of an event: whose it is, and its place in that recipient's own order of receipt."""

    recipient_id: int
    seq: int

    def __str__(self) -> str:
        return f"{self.recipient_id:x}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> "EventId":
        """The name that this text is. Raises `Refused` for what is none."""
        shape = _EVENT_ID.fullmatch(text.strip())
        if not shape:
            raise Refused("This is not the id of an event, such as 2f1c8a5b7d3e9046-1.")
        return cls(int(shape[1], 16), int(shape[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one recipient. It holds no address and no prose: those are evidence, kept apart."""

    kind: EventKind
    #: A topic number, or `ALL_TOPICS`.
    topic: int
    channel: Channel
    #: When it happened, as far as known. Never used to order events: `seq` is.
    occurred_at: datetime
    #: When we received it.
    received_at: datetime
    #: What it can be traced back to: an API key's id, an inbound message's id, a send id. Never an address.
    source: str = ""
    #: Of a consent only.
    grade: Grade | None = None
    #: Of `RELEASED`, `RESTORED` and `SALE_CANCELLED`: the `seq` of the event that it ends. Of a confirmed consent: the
    #: request's.
    ends: int | None = None
    #: What else an event of this kind says, of a closed list of names for each kind; nothing that identifies a person.
    facts: Mapping[str, str] = field(default_factory=dict)
    #: The place in the recipient's own order of receipt, from 1; 0 before the ledger gave one.
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What supports an event: wording shown, form, sender line of a mail. Personal, erasable, never in an event."""

    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How an act reached us: by which door, when, and what supports it."""

    channel: Channel
    received_at: datetime
    #: When the person acted, where the door knows; otherwise when we received it.
    occurred_at: datetime | None = None
    #: What it can be traced back to; see `Event.source`.
    source: str = ""
    evidence: Evidence = field(default_factory=Evidence)

    def event(
        self,
        kind: EventKind,
        topic: int,
        *,
        grade: Grade | None = None,
        ends: int | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> Event:
        """The event that this act makes."""
        return Event(
            kind=kind,
            topic=topic,
            channel=self.channel,
            occurred_at=self.occurred_at or self.received_at,
            received_at=self.received_at,
            source=self.source,
            grade=grade,
            ends=ends,
            facts=facts or {},
        )


class Standing(NamedTuple):
    """
    What a recipient's events add up to for one topic. A named tuple: a bulk check makes one of each row it reads.

    The events are named by their `seq`.
    """

    recipient_id: int
    #: The permanent failure of the address that no later act has lifted.
    failure: int | None
    #: The strongest no that stands, as the value of a `Reason`, and the event behind it.
    denial: str | None
    denial_event: int | None
    #: The best consent not withdrawn since, and its grade as the value of a `Grade`.
    consent: int | None
    grade: str | None
    #: The sale since that failure for which the customer gave the address: it lifts it for transactional mail.
    given_anew: int | None = None
    #: When that consent was given, or last of those that are as good; in whole seconds since 1970.
    consent_at: int | None = None
    #: A consent told since then that is proven less well (grade B), and when it was given.
    newer: int | None = None
    newer_at: int | None = None
    #: Of the person, as both of them say.
    country: str | None = None
    #: The day of the last mail that rested on these consents, as `date.toordinal` counts. Events do not tell: what was
    #: sent does, and `fold` leaves it out.
    used_on: int | None = None


class Decision(NamedTuple):
    """The answer to "may I mail this address about this topic?". A denial is a value, not an error."""

    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None = None
    #: The event that decided. None where none did: no legal basis, or not an address.
    event_id: EventId | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What an inbound message is, and what made us say so."""

    label: Label
    #: The detector that answered: `token`, `complaint`, `bounce`, `auto_reply`, `unsubscribe`; `other` when none did.
    detector: str
    #: The rule, header name or phrase that decided. Never text of the writer, never an address.
    reason: str
    #: 0 to 1.
    confidence: float
    #: Whom it is about, as far as the message says so itself; empty when it does not.
    addresses: tuple[str, ...] = ()
    #: Others whom the writer names as those to act for. Nothing is done for them unless the sender is authenticated.
    named: tuple[str, ...] = ()
    #: The token of ours that is the request (in the unsubscribe local part or the subject) or identifies the recipient.
    claims: tuple[MailedClaim, ...] = ()
    #: Of a bounce: the status code to go by (RFC 3463), or the one that its words stand for; empty where neither tells.
    status: str = ""
