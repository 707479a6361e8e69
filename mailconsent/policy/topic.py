"""
What the mail is about.

1. Soft opt-in is for marketing of similar products alone (ePrivacy Article 13(2)): a topic has it only where the file
   says so, and says which products its mail advertises. A newsletter or industry news never qualify.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailconsent.model import MailKind
from mailconsent.policy.table import KEY, Table
from mailconsent.tokens import MAX_TOPIC

# RFC 2919 section 2: dot-atom text with a dot, at most 255 octets.
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What mail is about. A recipient sees it as a mailing list."""

    #: Stands in links that never expire, so a number is never used for another topic.
    number: int
    #: What senders call it.
    key: str
    kind: MailKind
    list_id: str
    #: Language -> name that people read.
    names: Mapping[str, str]
    #: Language -> what people are told they will get.
    descriptions: Mapping[str, str] = field(default_factory=dict)
    #: Whether its mail may rest on soft opt-in at all.
    soft_opt_in: bool = False
    #: What its mail advertises; the map of similar categories leads here.
    categories: frozenset[str] = frozenset()


def read_topics(file: Table, language: str) -> tuple[Topic, ...]:
    """The topics of a policy file whose controller speaks this language."""
    if not isinstance(file.take("topics"), list) or not file.take("topics"):
        file.faults.append("policy: there is no [[topics]]")
        return ()
    read = [_topic(table, language) for table in file.tables("topics")]
    topics = tuple(topic for topic in read if topic)
    file.faults.extend(_doubles("number", [str(topic.number) for topic in topics]))
    file.faults.extend(_doubles("key", [topic.key for topic in topics]))
    return topics


def _topic(table: Table, language: str) -> Topic | None:
    before = len(table.faults)
    topic = Topic(
        number=table.number("number", 1, MAX_TOPIC),
        key=table.text("key", KEY),
        list_id=table.text("list_id", _LIST_ID),
        kind=table.choice("kind", MailKind, MailKind.MARKETING),
        names=table.by_language("names", "name"),
        descriptions=table.by_language("descriptions", "description") if "descriptions" in table.values else {},
        soft_opt_in=table.truth("soft_opt_in") or False,
        categories=table.words("categories") or frozenset(),
    )
    if topic.names and language and language not in topic.names:
        table.fault("names", f"the controller's own language, {language}, is missing")
    if topic.soft_opt_in and topic.kind is MailKind.TRANSACTIONAL:
        table.fault("soft_opt_in", "a transactional topic needs no marketing ground")
    if topic.soft_opt_in and topic.kind is MailKind.MARKETING and not table.take("categories"):
        table.fault("categories", "missing, though soft_opt_in is on: only similar products may be advertised")
    table.close()
    return topic if len(table.faults) == before else None


def _doubles(what: str, values: list[str]) -> list[str]:
    return [
        f"policy: topics: {what} {value} is used twice" for value in sorted({v for v in values if values.count(v) > 1})
    ]
