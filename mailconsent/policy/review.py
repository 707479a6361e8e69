"""
Where a policy promises more or less than the law, a sentence each. A warning stops nothing: the company answers for its
policy. What no company may promise is a fault already when the file is read.

1. Proof of a consent is kept after the withdrawal only as long as it takes to settle a dispute (GDPR Article 17(3)(e);
   Datatilsynet 2020-431-0075). That is a window, not an archive.
2. Bookkeeping runs five years from the end of the financial year (Bogføringsloven § 12), so that a year counted from
   the transaction is too short.
3. People are told who answers for the mail, and where to complain (GDPR Article 13(1)(a) and (2)(d)).
4. What was read of a country's law ages, and what was never read is no ground to rest on.
5. Anybody can write a report of a bounce: who believes it without proof lets strangers end other people's mail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from mailconsent.country import CountryRule, DoubleOptIn
from mailconsent.model import Grade, MailKind
from mailconsent.policy import Policy
from mailconsent.policy.reports import Proof
from mailconsent.policy.retention import Beginning, Records

#: Months in which a dispute about a withdrawn consent may still arise.
DISPUTE_MONTHS = 12
#: Bogføringsloven § 12; of a Danish company only.
BOOKKEEPING_MONTHS = 60
#: Days after which a row of a country should be read again.
STALE_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that the law of a country allows."""

    country: str
    name: str
    most: int
    law: str
    #: Whether it concerns nobody where soft opt-in is off.
    of_soft_opt_in: bool = False


LIMITS = (
    Limit(country="DK", name="consent_lapse_months", most=12, law="a consent that is not used for a year lapses"),
    Limit(country="IE", name="window_months", most=12, law="SI 336/2011 reg. 13(11)", of_soft_opt_in=True),
    Limit(country="CA", name="max_age_months", most=24, law="CASL s. 10(10)", of_soft_opt_in=True),
    Limit(country="CA", name="honour_days", most=14, law="10 business days, CASL s. 11(3)"),
    Limit(country="US", name="honour_days", most=14, law="10 business days, CAN-SPAM Act"),
)
#: Where only a completed sale makes a customer, of the countries whose law was read: MFL § 10(2), reg. 13(11), ...
SALE_ONLY = frozenset(("DK", "DE", "FR", "IT", "IE"))


def review(policy: Policy, today: date) -> list[str]:
    """The warnings about a policy, in the order of the file; none for one that keeps within the law."""
    return [
        *_of_grade(policy),
        *_of_controller(policy),
        *_of_soft_opt_in(policy),
        *(warning for name, rule in policy.countries.items() for warning in _of_country(name, rule, today)),
        *_of_consents(policy),
        *_of_bookkeeping(policy),
        *_of_bounces(policy),
        *_of_notices(policy),
    ]


def _of_grade(policy: Policy) -> Iterator[str]:
    asking = [name for name, rule in policy.countries.items() if rule.double_opt_in is DoubleOptIn.REQUIRED]
    if asking and policy.minimum_grade is not Grade.A:
        yield (
            f"minimum_grade: {policy.minimum_grade} is less than {', '.join(asking)} ask for: "
            "a consent from there counts only when it is confirmed (grade A)"
        )


def _of_controller(policy: Policy) -> Iterator[str]:
    controller = policy.controller
    missing: Mapping[str, tuple[object, str]] = {
        "register_number": (controller.register_number, "people cannot tell which company it is"),
        "authority": (controller.authority, "people must be told where to complain (GDPR Article 13(2)(d))"),
        "country": (controller.country, "no law is known, so soft opt-in is off everywhere"),
    }
    for name, (value, consequence) in missing.items():
        if not value:
            yield f"controller: {name}: missing: {consequence}"


def _of_soft_opt_in(policy: Policy) -> Iterator[str]:
    eligible = [topic.key for topic in policy.topics if topic.soft_opt_in]
    home = policy.countries.get(policy.controller.country or "")
    if eligible and not (home and home.soft_opt_in):
        yield f"topics: {', '.join(eligible)}: eligible for soft opt-in, which is off in the controller's own country"
    if not policy.countries and any(topic.kind is MailKind.MARKETING for topic in policy.topics):
        yield "countries: missing: mail is judged by consent alone, and no consent lapses"


def _of_country(name: str, rule: CountryRule, today: date) -> Iterator[str]:
    if rule.verified_on is None:
        if rule.soft_opt_in:
            yield f"countries: {name}: soft opt-in rests on a row that was never compared with its source"
    elif rule.verified_on > today:
        yield f"countries: {name}: verified on {rule.verified_on}, a day that has not come yet"
    elif (today - rule.verified_on).days > STALE_DAYS:
        yield f"countries: {name}: verified on {rule.verified_on}, more than a year ago: the law may have changed"
    for limit in LIMITS:
        value = getattr(rule, limit.name)
        applies = limit.country == name and (rule.soft_opt_in or not limit.of_soft_opt_in)
        if applies and (value is None or value > limit.most):
            said = "missing" if value is None else f"{value} is more than the law allows"
            yield f"countries: {name}: {limit.name}: {said}: at most {limit.most} ({limit.law})"
    if name in SALE_ONLY and rule.soft_opt_in and "negotiation" in rule.triggers:
        yield f"countries: {name}: triggers: a negotiation is no sale there, and makes no customer"


def _of_consents(policy: Policy) -> Iterator[str]:
    consents = policy.retention.get(Records.CONSENTS)
    if consents and consents.months > DISPUTE_MONTHS:
        yield (
            f"retention: consents: {consents.months} months after the withdrawal is an archive: proof may be kept to "
            f"settle a dispute, about {DISPUTE_MONTHS} months, and not in case it may be of use (GDPR Article 17(3)(e))"
        )
    for records in Records:
        if records not in policy.retention:
            yield f"retention: {records}: missing: they are never due for deletion (GDPR Article 5(1)(e))"


def _of_bookkeeping(policy: Policy) -> Iterator[str]:
    for records in (Records.CUSTOMERS, Records.TRANSACTIONS):
        period = policy.retention.get(records)
        if period is None:
            continue
        if period.beginning is Beginning.TRANSACTION:
            yield (
                f"retention: {records}: counts from the transaction, and bookkeeping from the end of the financial "
                "year: records may go up to a year too early (Bogføringsloven § 12)"
            )
        if policy.controller.country == "DK" and period.months != BOOKKEEPING_MONTHS:
            more = period.months > BOOKKEEPING_MONTHS
            yield (
                f"retention: {records}: {period.months} months is {'more' if more else 'less'} than the "
                f"{BOOKKEEPING_MONTHS} that bookkeeping asks for (Bogføringsloven § 12)"
            )


def _of_bounces(policy: Policy) -> Iterator[str]:
    if policy.reports.bounces is Proof.ADDRESS:
        yield "bounces: proof: address: anybody can write a bounce, and so end all mail to anybody, invoices too"


def _of_notices(policy: Policy) -> Iterator[str]:
    if not policy.notices:
        yield "notices: missing: a consent is informed only by a text that was shown (GDPR Article 7)"
    own = policy.controller.language
    told = {notice.key: {n.language for n in policy.notices if n.key == notice.key} for notice in policy.notices}
    for key, languages in told.items():
        if own not in languages:
            yield f"notices: {key}: not there in the controller's own language, {own}"
