"""
The company's published policy as values: who the controller is, what its mail is about, whom it may be sent to and how
long records are kept.

The file is the operator's own text, so its faults come back all at once, one line each, naming the place. What a file
leaves out has its strictest meaning.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailconsent.country import CountryRule
from mailconsent.errors import ConfigError, UnknownTopic
from mailconsent.model import Grade
from mailconsent.policy.controller import Controller, read_controller
from mailconsent.policy.countries import read_countries, rule_between
from mailconsent.policy.notice import Notice, read_notices
from mailconsent.policy.reports import STRICTEST, Reports, read_reports
from mailconsent.policy.retention import Period, Records, read_retention
from mailconsent.policy.similarity import Similarity, read_similarity
from mailconsent.policy.table import Table
from mailconsent.policy.topic import Topic, read_topics

__all__ = ["Controller", "Policy", "Topic", "read_policy"]


# Compared by identity: what is computed from one policy is remembered for it.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """What the company promises."""

    controller: Controller
    topics: tuple[Topic, ...]
    #: The least proof with which a consent counts.
    minimum_grade: Grade
    similar: Similarity = field(default_factory=Similarity)
    #: Country -> its rule; `other` for those without a row.
    countries: Mapping[str, CountryRule] = field(default_factory=dict)
    retention: Mapping[Records, Period] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    reports: Reports = STRICTEST
    #: The file as it was read, to be recorded.
    text: str = field(default="", repr=False)

    def topic(self, key: str) -> Topic:
        """The topic of this key; `UnknownTopic` if there is none. Never silently "all"."""
        for topic in self.topics:
            if topic.key == key:
                return topic
        raise UnknownTopic

    def name(self, number: int, language: str) -> str | None:
        """What people call the topic of this number; None for "all" and for topics no longer published."""
        for topic in self.topics:
            if topic.number == number:
                return topic.names.get(language) or topic.names[self.controller.language]
        return None

    def rule(self, recipient_country: str | None) -> CountryRule:
        """What holds for a recipient in this country (ISO 3166, capitals); None where the country is not known."""
        return rule_between(self.countries, self.controller.country, recipient_country)


def read_policy(text: str) -> Policy:
    """The policy in the text of a `policy.toml`. Raises `ConfigError` with one line per fault."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"policy: not valid TOML: {fault}") from fault
    file = Table(place="policy", values=values, faults=[])
    controller = read_controller(file)
    topics = read_topics(file, controller.language)
    policy = Policy(
        controller=controller,
        topics=topics,
        minimum_grade=_minimum_grade(file),
        similar=read_similarity(file, topics),
        countries=read_countries(file, controller.country),
        retention=read_retention(file, controller),
        notices=read_notices(file),
        reports=read_reports(file),
        text=text,
    )
    file.close()
    if file.faults:
        raise ConfigError(*file.faults)
    return policy


def _minimum_grade(file: Table) -> Grade:
    grade = file.take("minimum_grade")
    if grade in (None, Grade.A, Grade.B):
        return Grade(str(grade)) if grade else Grade.B
    # GDPR Article 7(1): a consent that is proven in part, or not at all, is no ground.
    file.fault("minimum_grade", 'must be "A" or "B"')
    return Grade.B
