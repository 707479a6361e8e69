"""
Standing -> decision. Rules, in the order of design 5.3; the first that applies decides:

1. A permanent failure of the address denies all mail; but transactional mail goes on to an address that the customer
   gave for a newer sale.
2. Mail that is not marketing needs no marketing ground, and no marketing no stops it.
3. A no that stands denies.
4. A consent of at least the grade that the policy asks for allows (GDPR Article 6(1)(a), ePrivacy Article 13(1)).
5. A sale of which soft opt-in holds allows (ePrivacy Article 13(2)); where none does, the nearest one says why not.
6. Nothing denies: no ground is claimed without proof.

Nobody else decides.
"""

from mailconsent.model import Decision, EventId, Grade, LegalBasis, MailKind, Reason, Standing
from mailconsent.soft_opt_in import Offer, Sales, judge

NO_LEGAL_BASIS = Decision(allowed=False, reason=Reason.NO_LEGAL_BASIS)
NOT_AN_ADDRESS = Decision(allowed=False, reason=Reason.INVALID_ADDRESS)
TRANSACTIONAL = Decision(allowed=True, reason=Reason.TRANSACTIONAL, legal_basis=LegalBasis.TRANSACTIONAL)

# A bulk check makes millions of decisions, and Python 3.11 takes as long to find a member in its enum as for a call.
_REASONS = {reason.value: reason for reason in Reason}
_PERMANENT_FAILURE = Reason.PERMANENT_FAILURE
_CONSENT, _BY_CONSENT = Reason.CONSENT, LegalBasis.CONSENT
_NO_MARKETING = MailKind.TRANSACTIONAL


def decide(
    standing: Standing | None,
    kind: MailKind,
    minimum_grade: Grade,
    sales: Sales | None = None,
    offer: Offer | None = None,
) -> Decision:
    """
    Whether this mail may be sent, on which legal basis, and which event says so.

    `offer` is the mail as soft opt-in looks at it, `sales` what was sold to the recipient; without both there is none.
    """
    if standing is None:
        return TRANSACTIONAL if kind is _NO_MARKETING else _by_sale(sales, offer)
    recipient_id, failure, denial, denial_event, consent, grade, given_anew = standing
    if failure is not None and (given_anew is None or kind is not _NO_MARKETING):
        return Decision(False, _PERMANENT_FAILURE, None, EventId(recipient_id, failure))
    if kind is _NO_MARKETING:
        return TRANSACTIONAL
    if denial is not None:
        return Decision(False, _REASONS[denial], None, EventId(recipient_id, denial_event or 0))
    if consent is not None and grade is not None and grade <= minimum_grade:
        return Decision(True, _CONSENT, _BY_CONSENT, EventId(recipient_id, consent))
    return _by_sale(sales, offer)


def _by_sale(sales: Sales | None, offer: Offer | None) -> Decision:
    if sales is None or offer is None or not offer.eligible:
        return NO_LEGAL_BASIS
    return judge(sales, offer) or NO_LEGAL_BASIS
