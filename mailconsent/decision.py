"""
Standing -> decision. Rules, in the order of design 5.3; the first that applies decides:

1. A permanent failure of the address denies all mail.
2. Mail that is not marketing needs no marketing ground, and no marketing no stops it.
3. A no that stands denies.
4. A consent of at least the grade that the policy asks for allows (GDPR Article 6(1)(a), ePrivacy Article 13(1)).
5. Nothing denies: no ground is claimed without proof.

Nobody else decides.
"""

from mailconsent.model import Decision, EventId, Grade, LegalBasis, MailKind, Reason, Standing

NO_LEGAL_BASIS = Decision(allowed=False, reason=Reason.NO_LEGAL_BASIS)
NOT_AN_ADDRESS = Decision(allowed=False, reason=Reason.INVALID_ADDRESS)
TRANSACTIONAL = Decision(allowed=True, reason=Reason.TRANSACTIONAL, legal_basis=LegalBasis.TRANSACTIONAL)

# A bulk check makes millions of decisions, and Python 3.11 takes as long to find a member in its enum as for a call.
_REASONS = {reason.value: reason for reason in Reason}
_PERMANENT_FAILURE = Reason.PERMANENT_FAILURE
_CONSENT, _BY_CONSENT = Reason.CONSENT, LegalBasis.CONSENT
_NO_MARKETING = MailKind.TRANSACTIONAL


def decide(standing: Standing | None, kind: MailKind, minimum_grade: Grade) -> Decision:
    """Whether this mail may be sent, on which legal basis, and which event says so."""
    if standing is None:
        return TRANSACTIONAL if kind is _NO_MARKETING else NO_LEGAL_BASIS
    recipient_id, failure, denial, denial_event, consent, grade = standing
    if failure is not None:
        return Decision(False, _PERMANENT_FAILURE, None, EventId(recipient_id, failure))
    if kind is _NO_MARKETING:
        return TRANSACTIONAL
    if denial is not None:
        return Decision(False, _REASONS[denial], None, EventId(recipient_id, denial_event or 0))
    if consent is not None and grade is not None and grade <= minimum_grade:
        return Decision(True, _CONSENT, _BY_CONSENT, EventId(recipient_id, consent))
    return NO_LEGAL_BASIS
