"""
Standing -> decision. Rules, in the order of design 5.3; the first that applies decides:

1. A permanent failure of the address denies all mail; but transactional mail goes on to an address that the customer
   gave for a newer sale.
2. Mail that is not marketing needs no marketing ground, and no marketing no stops it.
3. A no that stands denies.
4. A consent allows (GDPR Article 6(1)(a), ePrivacy Article 13(1)): one proven as well as the policy and the person's
   country ask, and not lapsed.
5. A sale of which soft opt-in holds allows (ePrivacy Article 13(2)).
6. Nothing denies: no ground is claimed without proof. What came nearest to one says why: the consent, else the sale.

Nobody else decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Decision, Event, EventId, Grade, LegalBasis, MailKind, Reason, Standing
from mailconsent.soft_opt_in import Offer, Sales, judge, sales_of

NO_LEGAL_BASIS = Decision(allowed=False, reason=Reason.NO_LEGAL_BASIS)
NOT_AN_ADDRESS = Decision(allowed=False, reason=Reason.INVALID_ADDRESS)
TRANSACTIONAL = Decision(allowed=True, reason=Reason.TRANSACTIONAL, legal_basis=LegalBasis.TRANSACTIONAL)

# A bulk check makes millions of decisions, and Python 3.11 takes as long to find a member in its enum as for a call.
_REASONS = {reason.value: reason for reason in Reason}
_PERMANENT_FAILURE = Reason.PERMANENT_FAILURE
_CONSENT, _BY_CONSENT = Reason.CONSENT, LegalBasis.CONSENT
_RECORDED = Grade.B.value
_NO_MARKETING = MailKind.TRANSACTIONAL


#: Before all time.
NEVER = -(2**63)


class ConsentTerms(NamedTuple):
    """What a consent must be to count, on the day of the mail."""

    #: The least proof.
    grade: Grade
    #: One that was given before this moment, in seconds since 1970, has lapsed,
    lapsed_before: int = NEVER
    #: unless mail that rested on it was sent on this day or later; as `date.toordinal` counts,
    unused_before: int = NEVER
    #: and not after this day, which is today.
    today: int = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A message to be sent about a topic, as the policy and the laws look at it on that day."""

    #: The topic's number.
    topic: int
    kind: MailKind
    #: Of people elsewhere, or nobody knows where.
    terms: ConsentTerms
    #: Country -> its terms.
    terms_in: Mapping[str, ConsentTerms]
    #: None for a topic that can't rest on soft opt-in.
    offer: Offer | None = None


def decide(standing: Standing | None, mailing: Mailing, sales: Sales | None = None) -> Decision:
    """
    Whether this mail may be sent, on which legal basis, and which event says so.

    `sales` is what was sold to the recipient; where it or the mailing's offer is missing, there is no soft opt-in.
    """
    if standing is None:
        return TRANSACTIONAL if mailing.kind is _NO_MARKETING else _by_sale(sales, mailing.offer)
    if standing.failure is not None and (standing.given_anew is None or mailing.kind is not _NO_MARKETING):
        return Decision(False, _PERMANENT_FAILURE, None, EventId(standing.recipient_id, standing.failure))
    if mailing.kind is _NO_MARKETING:
        return TRANSACTIONAL
    if standing.denial is not None:
        event = EventId(standing.recipient_id, standing.denial_event or 0)
        return Decision(False, _REASONS[standing.denial], None, event)
    # A record with gaps (C or D) is no consent to begin with.
    if standing.consent is None or standing.grade is None or standing.grade > _RECORDED:
        return _by_sale(sales, mailing.offer)
    by_consent = _by_consent(standing, standing.consent, standing.grade, mailing)
    if by_consent.allowed:
        return by_consent
    by_sale = _by_sale(sales, mailing.offer)
    return by_sale if by_sale.allowed else by_consent


def decide_by(
    recipient_id: int, events: Sequence[Event], mailing: Mailing, *, used_on: date | None, last_sent_on: date | None
) -> Decision:
    """
    The decision that these events of one recipient make, whatever is recorded besides; with the last days on which mail
    rested on their consent to the topic, and on a sale.
    """
    standings, sales = fold(recipient_id, events), sales_of(recipient_id, events)
    standing = standings.get(mailing.topic, standings.get(ALL_TOPICS))
    return decide(
        standing._replace(used_on=used_on.toordinal() if used_on else None) if standing else None,
        mailing,
        sales and replace(sales, last_sent_on=last_sent_on),
    )


def _by_consent(standing: Standing, consent: int, grade: str, mailing: Mailing) -> Decision:
    terms = mailing.terms_in.get(standing.country, mailing.terms) if standing.country else mailing.terms
    least, lapsed_before, unused_before, today = terms
    event = EventId(standing.recipient_id, consent)
    if grade > least:
        return Decision(False, Reason.CONSENT_UNCONFIRMED, None, event)
    used = standing.used_on is not None and unused_before <= standing.used_on <= today
    if used or (standing.consent_at or NEVER) >= lapsed_before:
        return Decision(True, _CONSENT, _BY_CONSENT, event)
    # The best proven consent lapsed; a newer one may do where less proof is asked for.
    if standing.newer is not None and least >= Grade.B and (standing.newer_at or NEVER) >= lapsed_before:
        return Decision(True, _CONSENT, _BY_CONSENT, EventId(standing.recipient_id, standing.newer))
    return Decision(False, Reason.CONSENT_LAPSED, None, event)


def _by_sale(sales: Sales | None, offer: Offer | None) -> Decision:
    if sales is None or offer is None or not offer.eligible:
        return NO_LEGAL_BASIS
    return judge(sales, offer) or NO_LEGAL_BASIS
