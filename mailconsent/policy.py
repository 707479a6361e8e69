"""
The company's published policy as values: who the controller is, and what its mail is about.

The file is the operator's own text, so its faults come back all at once, one line each, naming the place.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailconsent.errors import ConfigError, UnknownTopic
from mailconsent.model import Grade, MailKind
from mailconsent.tokens import MAX_TOPIC

_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
# It goes into header fields as it is: an address alone, with no name beside it.
_CONTACT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
# RFC 2919 section 2: dot-atom text with a dot, at most 255 octets.
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The company that answers for the mail (GDPR Article 4(7))."""

    name: str
    #: Where people write to; shown on pages as the other way to unsubscribe.
    contact: str
    address: str
    language: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the company promises."""

    controller: Controller
    topics: tuple[Topic, ...]
    #: The least proof with which a consent counts.
    minimum_grade: Grade

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


def read_policy(text: str) -> Policy:
    """The policy in the text of a `policy.toml`. Raises `ConfigError` with one line per fault."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"policy: not valid TOML: {fault}") from fault
    faults: list[str] = []
    controller = _controller(data.get("controller"), faults)
    topics = tuple(
        topic
        for place, entry in enumerate(_list(data, "topics", faults), 1)
        if (topic := _topic(entry, f"topics, entry {place}", controller.language, faults))
    )
    faults += _doubles("number", [str(topic.number) for topic in topics])
    faults += _doubles("key", [topic.key for topic in topics])
    grade = data.get("minimum_grade", Grade.B)
    if grade not in (Grade.A, Grade.B):
        # GDPR Article 7(1): a consent that is proven in part, or not at all, is no ground.
        faults.append('policy: minimum_grade: must be "A" or "B"')
    faults += _unknown(data, {"controller", "topics", "minimum_grade"}, "policy")
    if faults:
        raise ConfigError(*faults)
    return Policy(controller=controller, topics=topics, minimum_grade=Grade(grade))


def _controller(table: object, faults: list[str]) -> Controller:
    if not isinstance(table, dict):
        faults.append("policy: the table [controller] is missing")
        return Controller(name="", contact="", address="", language="")
    shapes = {"name": None, "contact": None, "address": None, "language": _LANGUAGE}
    values = {name: _text(table, name, "controller", faults, shape) for name, shape in shapes.items()}
    if values["contact"] and not _CONTACT.fullmatch(values["contact"]):
        faults.append("policy: controller: contact: must be an e-mail address")
    faults += _unknown(table, set(shapes), "policy: controller")
    return Controller(**values)


def _topic(entry: object, place: str, language: str, faults: list[str]) -> Topic | None:
    if not isinstance(entry, dict):
        faults.append(f"policy: {place}: must be a table")
        return None
    before = len(faults)
    number = entry.get("number")
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_TOPIC:
        faults.append(f"policy: {place}: number: must be a whole number from 1 to {MAX_TOPIC}")
    key = _text(entry, "key", place, faults, _KEY)
    list_id = _text(entry, "list_id", place, faults, _LIST_ID)
    kind = entry.get("kind", MailKind.MARKETING)
    if kind not in list(MailKind):
        faults.append(f'policy: {place}: kind: must be "marketing" or "transactional"')
    names = entry.get("names")
    if not isinstance(names, dict) or not all(_LANGUAGE.fullmatch(k) and _line(v) for k, v in names.items()):
        faults.append(f"policy: {place}: names: must map languages (two or three letters) to a name on one line")
    elif language and language not in names:
        faults.append(f"policy: {place}: names: the controller's own language, {language}, is missing")
    faults += _unknown(entry, {"number", "key", "kind", "list_id", "names"}, f"policy: {place}")
    if len(faults) > before:
        return None
    return Topic(number=number, key=key, kind=MailKind(kind), list_id=list_id, names=names)  # type: ignore[arg-type]


def _text(
    table: Mapping[str, Any], name: str, place: str, faults: list[str], shape: re.Pattern[str] | None = None
) -> str:
    value = table.get(name)
    if not _line(value) or (shape and not shape.fullmatch(str(value))):
        faults.append(f"policy: {place}: {name}: {'missing' if value is None else 'not usable'}")
        return ""
    return str(value)


def _line(value: object) -> bool:
    # Names go into mail headers: a line break there would let the file's author write headers of their own.
    return isinstance(value, str) and bool(value.strip()) and value.isprintable() and len(value) <= 255


def _unknown(table: Mapping[str, Any], known: set[str], place: str) -> list[str]:
    # A misspelt name would leave its default in force, silently.
    unknown = sorted(set(table) - known)
    return [f"{place}: unknown: {', '.join(unknown)}"] if unknown else []


def _list(data: Mapping[str, Any], name: str, faults: list[str]) -> list[object]:
    value = data.get(name)
    if isinstance(value, list) and value:
        return value
    faults.append(f"policy: there is no [[{name}]]")
    return []


def _doubles(what: str, values: list[str]) -> list[str]:
    return [
        f"policy: topics: {what} {value} is used twice" for value in sorted({v for v in values if values.count(v) > 1})
    ]
