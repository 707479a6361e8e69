"""
Consents that will lapse for want of use, told in time: three months before, and one.

A company that means to go on writes to these people, or asks them again; nobody has to find out on the day on which a
mailing is refused.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mailconsent.model import MailKind
from mailconsent.policy import Policy
from mailconsent.policy.mailing import consent_terms
from mailconsent.store import Transaction
from mailconsent.store.standings import count_alive
from mailconsent.terms import add_months

#: Months before the end at which an operator is warned: of a year, after nine and after eleven.
WARNINGS = (3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsing:
    """How many consents to a topic lapse, unless they are made use of."""

    #: The topic's key.
    topic: str
    within_months: int
    count: int


def lapsing(tx: Transaction, policy: Policy, today: date) -> Sequence[Lapsing]:
    """What lapses soon, topic by topic; those that lapse within one month are among those that do within three."""
    now = _alive(tx, policy, today)
    found = []
    for months in WARNINGS:
        later = _alive(tx, policy, add_months(today, months))
        found += [
            Lapsing(topic=topic.key, within_months=months, count=now[topic.number] - later[topic.number])
            for topic in policy.topics
            if topic.kind is MailKind.MARKETING and now[topic.number] > later[topic.number]
        ]
    return found


def _alive(tx: Transaction, policy: Policy, day: date) -> Mapping[int, int]:
    """Topic number -> consents that will be alive on that day, if nothing more is sent."""
    elsewhere, by_country = consent_terms(policy, day)
    alive = Counter(count_alive(tx, elsewhere, outside=list(by_country)))
    for terms in set(by_country.values()):
        alive.update(count_alive(tx, terms, within=[name for name, its in by_country.items() if its == terms]))
    return alive
