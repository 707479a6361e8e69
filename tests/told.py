"""
Histories told in lines that a lawyer can read, and what a sender is then told. The notation is explained at the top of
`tests/vectors/decisions.toml`.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from mailconsent.decision import decide
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Grade, LegalBasis
from mailconsent.policy import Policy, read_policy
from mailconsent.policy.mailing import mailing_of
from mailconsent.soft_opt_in import sales_of
from mailconsent.terms import local_day

SHIPPED = tomllib.loads((Path(__file__).parent.parent / "policy.toml").read_text("utf-8"))
RECIPIENT = 7
LEFT_OUT = "left out"
_KINDS = {"consent": EventKind.CONSENT_GIVEN, "requested": EventKind.CONSENT_REQUESTED}
_OF_A_TOPIC = {"withdrawn", "objected", "refused", "complaint", "suppressed", "questioned"}
_OF_AN_EVENT = {"released", "restored", "sale_cancelled"}
_OF_THE_ADDRESS = {"permanent_failure", "owner_changed", "sale"}
_SALE = {
    "categories": "mri",
    "state": "delivered",
    "obtained": "checkout",
    "notice": "soft-opt-in-1",
    "customer": "business",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that was sent, and on what ground."""

    topic: int
    basis: LegalBasis
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the lines of a case say."""

    #: In the order of receipt.
    events: Sequence[Event]
    sent: Sequence[Sent]
    #: The line that told of the event of each `seq`, from 1.
    lines: Mapping[int, int]


def policy_of(changes: Mapping[str, Any]) -> Policy:
    """The shipped policy with these changes; topics by their keys, `left out` for what is not to be there."""
    return read_policy(_toml(_changed(SHIPPED, changes)))


def told(lines: Sequence[str], policy: Policy) -> Told:
    """The events that the lines mean, under this policy's topics."""
    events: list[Event] = []
    sent: list[Sent] = []
    places: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        at, what, *rest = line.split(" ")
        moment = _moment(at)
        said = dict(word.split("=", 1) for word in rest if "=" in word)
        words = [word for word in rest if "=" not in word]
        channel = Channel(words.pop(words.index("by") + 1)) if "by" in words else Channel.API
        words = [word for word in words if word != "by"]
        if what == "sent":
            topic, _, basis = words
            sent.append(Sent(topic=policy.topic(topic).number, basis=LegalBasis(basis), sent_at=moment))
            continue
        assert not events or events[-1].received_at <= moment, f"not in the order of receipt: {line}"
        places[len(events) + 1] = number
        events.append(_event(what, words, said, moment, channel, policy, places, events))
    return Told(events=events, sent=sent, lines=places)


def _event(
    what: str,
    words: list[str],
    said: dict[str, str],
    moment: datetime,
    channel: Channel,
    policy: Policy,
    places: Mapping[int, int],
    before: Sequence[Event],
) -> Event:
    seqs = {line: seq for seq, line in places.items()}
    topic, grade, ends = ALL_TOPICS, None, None
    occurred = _moment(said.pop("occurred")) if "occurred" in said else moment
    if what in _KINDS or what in _OF_A_TOPIC:
        key = words.pop(0)
        topic = ALL_TOPICS if key == "all" else policy.topic(key).number
    if what == "consent":
        grade = Grade(words.pop(0))
    if what in _OF_AN_EVENT:
        ends = seqs[int(words.pop(0))]
        topic = before[ends - 1].topic
    if "ends" in said:
        ends = seqs[int(said.pop("ends"))]
    assert what in _KINDS or what in _OF_A_TOPIC | _OF_AN_EVENT | _OF_THE_ADDRESS, f"not in the notation: {what}"
    if words and re.fullmatch("[A-Z]{2}", words[0]):
        said["country"] = words.pop(0)
    assert not words, f"not in the notation: {words}"
    return Event(
        kind=_KINDS.get(what) or EventKind(what),
        topic=topic,
        channel=channel,
        occurred_at=occurred,
        received_at=moment,
        grade=grade,
        ends=ends,
        facts=_sale(said, moment, len(before), policy) if what == "sale" else said,
        seq=len(before) + 1,
    )


def _sale(said: Mapping[str, str], moment: datetime, place: int, policy: Policy) -> Mapping[str, str]:
    zone = policy.controller.time_zone
    day = date.fromisoformat(said.get("sold_on") or str(local_day(moment, zone)))
    facts = {
        **_SALE,
        "entity": policy.controller.entity,
        "order": f"order-{place}",
        "sold_on": day.isoformat(),
        "offered_at": datetime.combine(day, time(0, 5), zone).isoformat(),
        **said,
    }
    return {**facts, "categories": facts["categories"].replace("+", " ")}


def _moment(text: str) -> datetime:
    if len(text) == len("2026-01-10"):
        return datetime.combine(date.fromisoformat(text), time(12), UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(values)
    for name, change in changes.items():
        if change == LEFT_OUT:
            del changed[name]
        elif name == "topics":
            assert set(change) <= {topic["key"] for topic in values[name]}
            changed[name] = [_changed(topic, change.get(topic["key"], {})) for topic in values[name]]
        elif isinstance(change, dict):
            changed[name] = _changed(values.get(name, {}), change)
        else:
            changed[name] = change
    return changed


def _toml(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def answer(
    events: Sequence[Event], topic: str, policy: Policy, *, now: datetime, sent: Sequence[Sent] = ()
) -> Decision:
    """What a sender is told of this topic: the whole way from the events by the policy to the decision."""
    asked = policy.topic(topic)
    zone = policy.controller.time_zone
    by_consent, by_sale = (
        max((local_day(mail.sent_at, zone) for mail in sent if ground(mail)), default=None)
        for ground in (
            lambda mail: (mail.basis, mail.topic) == (LegalBasis.CONSENT, asked.number),
            lambda mail: mail.basis is LegalBasis.SOFT_OPT_IN,
        )
    )
    standings = fold(RECIPIENT, events)
    standing = standings.get(asked.number, standings.get(ALL_TOPICS))
    sales = sales_of(RECIPIENT, events)
    return decide(
        standing and standing._replace(used_on=by_consent.toordinal() if by_consent else None),
        mailing_of(policy, asked, now=now),
        sales and replace(sales, last_sent_on=by_sale),
    )
