"""What a policy says, in plain words."""

from collections.abc import Iterator

from mailconsent.country import CountryRule, DoubleOptIn
from mailconsent.model import Grade, MailKind
from mailconsent.policy import Policy
from mailconsent.policy.countries import OTHER
from mailconsent.policy.reports import STRICTEST, Proof
from mailconsent.policy.retention import Beginning, Records
from mailconsent.policy.topic import Topic

_FROM = {
    Beginning.WITHDRAWAL: "from the withdrawal",
    Beginning.LAST_INBOUND_CONTACT: "from the last time the person came to us",
    Beginning.FINANCIAL_YEAR_END: "from the end of the financial year",
    Beginning.TRANSACTION: "from the transaction",
}
_BELIEVED = {
    Proof.RETURN_PATH: "with our token in its return path or Message-ID",
    Proof.LINK: "with any link or token of ours",
    Proof.ADDRESS: "whoever wrote it, about whatever address it names",
}
_WHY = {Records.CONSENTS: ", to settle disputes; then the proof goes, and the opt-out stays as a digest"}


def explain(policy: Policy) -> list[str]:
    """The policy in plain words, a line each."""
    parts = (_controller, _topics, _similar, _countries, _retention, _reports, _notices)
    return [line for part in parts for line in part(policy)]


def _controller(policy: Policy) -> Iterator[str]:
    who = policy.controller
    yield f"{who.name}{f' ({who.register_number})' if who.register_number else ''}, {who.address}"
    yield f"  People write to {who.contact}, and complain to {who.authority or 'nobody that is named here'}."
    yield f"  Days are those of {who.time_zone}; texts are in {who.language} where the reader's language is missing."
    confirmed = policy.minimum_grade is Grade.A
    yield f"  A consent counts when it is {'confirmed (grade A)' if confirmed else 'recorded (grade B) or better'}."


def _topics(policy: Policy) -> Iterator[str]:
    if any(topic.soft_opt_in for topic in policy.topics):
        yield f'  Soft opt-in rests on what was sold by the entity "{policy.controller.entity}".'
    yield "Topics"
    for topic in policy.topics:
        name = topic.names[policy.controller.language]
        yield f"  {topic.number} {topic.key} ({name}): {_grounds(topic)}"


def _grounds(topic: Topic) -> str:
    if topic.kind is MailKind.TRANSACTIONAL:
        return "transactional, needs no marketing ground"
    if topic.soft_opt_in:
        return f"marketing, by consent or soft opt-in; advertises {_and(topic.categories)}"
    return "marketing, by consent alone"


def _similar(policy: Policy) -> Iterator[str]:
    if not policy.similar.version:
        yield "No product is similar to another: there is no map"
        return
    yield f"Similar products (version {policy.similar.version} of the map)"
    for sold, similar in policy.similar.categories.items():
        yield f"  who bought {sold} may hear of {_and(similar)}"


def _countries(policy: Policy) -> Iterator[str]:
    own = policy.controller.country
    if not policy.countries:
        yield "Countries: none, so soft opt-in is off everywhere"
        return
    yield f"Countries, each together with the controller's own, {own}"
    for country in policy.countries:
        if country != OTHER:
            yield f"  {country}: {_rule(policy.rule(country))}"
    yield f"  any other: {_rule(policy.rule(None))}"


def _rule(rule: CountryRule) -> str:
    said = ["no soft opt-in"]
    if rule.soft_opt_in and rule.triggers:
        said = [f"soft opt-in after a {' or '.join(sorted(rule.triggers, reverse=True))}"]
        if rule.max_age_months:
            said.append(f"for {rule.max_age_months} months")
        if rule.window_months:
            said.append(f"and while no {rule.window_months} months pass without a mail")
    said = [" ".join(said)]
    if rule.double_opt_in is not DoubleOptIn.OFF:
        said.append(f"confirmed consent {rule.double_opt_in}")
    if rule.consent_lapse_months:
        said.append(f"a consent lapses after {rule.consent_lapse_months} months without a recorded send")
    if rule.honour_days:
        said.append(f"an opt-out must be honoured within {rule.honour_days} days, and is at once")
    return "; ".join(said)


def _retention(policy: Policy) -> Iterator[str]:
    yield "How long records are kept"
    for records in Records:
        if period := policy.retention.get(records):
            yield f"  {records}: {period.months} months {_FROM[period.beginning]}{_WHY.get(records, '')}"
        else:
            yield f"  {records}: no period, so they are never due"


def _reports(policy: Policy) -> Iterator[str]:
    reports = policy.reports
    if reports != STRICTEST:
        yield "Reports of mail servers"
        yield f"  a bounce counts {_BELIEVED[reports.bounces]}"
        yield f"  complaints without a token of ours are believed of: {_and(reports.reporters)}"


def _notices(policy: Policy) -> Iterator[str]:
    if policy.notices:
        yield "Texts that are shown"
    versions = dict[tuple[str, int], list[str]]()
    for notice in policy.notices:
        versions.setdefault((notice.key, notice.version), []).append(notice.language)
    for (key, version), languages in versions.items():
        yield f"  {key}, version {version}: {', '.join(languages)}"


def _and(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
