"""The closed lists: what can happen, how it reaches us, and why a decision is what it is."""

from enum import StrEnum

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
