"""
The rows of an import -> what the API takes one by one. Rules:

1. A column that is not known is refused, and so is one that is named twice: a typing error must never turn "this topic"
   into "all", or drop an opt-out.
2. A row that cannot be read costs that row alone, and says why; nothing of it is repeated.
3. A time without a zone, and a day, are of the company's own time zone: old systems write them so.
4. An opt-out counts also where its time cannot be read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from mailconsent import wire
from mailconsent.address import match_key, validated
from mailconsent.errors import Refused
from mailconsent.model import ImportKind, MailKind
from mailconsent.policy import Policy, Topic
from mailconsent.proof import REQUIRED, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be imported, and what holds for every row."""

    kind: ImportKind
    #: Of consents and opt-outs, where a row names none: a topic's key.
    topic: str | None = None
    #: Of consents, where a row does not say otherwise.
    evidence: Mapping[str, str] = field(default_factory=dict)
    #: Keep consents with gaps in their proof as the grade C or D that they are.
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row that could be read."""

    line: int
    asked: wire.ConsentRequest | wire.SaleRequest | wire.WithdrawalRequest
    #: What a consent or an opt-out is about; None is all marketing.
    topic: Topic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not."""

    line: int
    why: str


_PERSON = frozenset({"address", "occurred_at", "language", "country"})
_SALE = (
    "order",
    "sold_on",
    "state",
    "entity",
    "categories",
    "obtained",
    "notice",
    "offered_at",
    "customer",
    "opted_out",
)
#: The names of what a consent's proof consists of, whatever its route; the batch names itself.
EVIDENCE = frozenset({"wording", "withdrawal_told"}.union(*REQUIRED.values())) - {"batch"}
COLUMNS: Mapping[ImportKind, frozenset[str]] = {
    ImportKind.CONSENTS: _PERSON | EVIDENCE | {"topic", "notice_sha256"},
    ImportKind.SALES: _PERSON.union(_SALE),
    ImportKind.OPT_OUTS: frozenset({"address", "topic", "occurred_at"}),
}
NEEDED: Mapping[ImportKind, tuple[str, ...]] = {
    ImportKind.CONSENTS: ("address",),
    ImportKind.SALES: ("address", "order", "sold_on", "state"),
    ImportKind.OPT_OUTS: ("address",),
}
#: What a file of bad rows has before the columns of its own, so that it can be mended and imported as it is.
REJECTED = ("line", "why")
_OTHER_EVIDENCE = re.compile(r"evidence\.\S{1,71}")
_TRUTHS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}
#: PostgreSQL stores no NUL; no other control character but a line break belongs in a cell either.
_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def read_header(kind: ImportKind, fields: Sequence[str]) -> list[str]:
    """The columns that a header names. Raises `Refused`, naming places and never what stands there."""
    names = [name.strip().lower() for name in fields]
    known = COLUMNS[kind]
    for place, name in enumerate(names, 1):
        other = kind is ImportKind.CONSENTS and _OTHER_EVIDENCE.fullmatch(name)
        if name not in known and name not in REJECTED and not other:
            raise Refused(f"Column {place} has a name that {kind} do not have. They have: {', '.join(sorted(known))}.")
        if name in names[: place - 1]:
            raise Refused(f"Columns {names.index(name) + 1} and {place} have the same name.")
    if missing := [name for name in NEEDED[kind] if name not in names]:
        raise Refused(f"The column {', '.join(missing)} is missing.")
    return names


def read_named(wanted: Wanted, policy: Policy, values: Mapping[str, str], line: int) -> Row | BadRow:
    """The row of these values by the names of their columns, or why it is none."""
    try:
        columns = read_header(wanted.kind, list(values))
    except Refused as fault:
        return BadRow(line=line, why=str(fault))
    return read_row(wanted, policy, columns, list(values.values()), line)


def read_row(wanted: Wanted, policy: Policy, columns: Sequence[str], fields: Sequence[str], line: int) -> Row | BadRow:
    """The row of these fields, or why it is none."""
    try:
        return _read(wanted, policy, columns, fields, line)
    except wire.BadRequest as fault:
        why = "; ".join(f"{place['place']}: {place['message']}" for place in fault.faults)
    except Refused as fault:
        why = str(fault)
    return BadRow(line=line, why=why)


def _read(wanted: Wanted, policy: Policy, columns: Sequence[str], fields: Sequence[str], line: int) -> Row:
    if len(fields) != len(columns):
        raise Refused(f"The row has {len(fields)} fields, and the first line names {len(columns)}.")
    if any(_UNUSABLE.search(text) for text in fields):
        raise Refused("The row has a NUL or another control character.")
    cells = {name: text.strip() for name, text in zip(columns, fields, strict=True) if name not in REJECTED}
    values: dict[str, object] = {"address": cells["address"]}
    match_key(cells["address"])
    values |= _person(cells, policy.controller.time_zone, lenient=wanted.kind is ImportKind.OPT_OUTS)
    if wanted.kind is ImportKind.SALES:
        return Row(line=line, asked=wire.make_request(wire.SaleRequest, values | _sale(cells, policy)))
    topic = _topic(cells.get("topic") or wanted.topic, policy)
    if wanted.kind is ImportKind.OPT_OUTS:
        return Row(line=line, asked=wire.make_request(wire.WithdrawalRequest, values), topic=topic)
    if topic is None:
        raise Refused("topic: a consent is to one topic.")
    validated(cells["address"])
    values |= {"topic": topic.key, "route": Route.IMPORT.value, "evidence": _evidence(cells, wanted.evidence)}
    values |= {"partial": wanted.partial}
    if cells.get("notice_sha256"):
        values["notice"] = {"sha256": cells["notice_sha256"].lower()}
    return Row(line=line, asked=wire.make_request(wire.ConsentRequest, values), topic=topic)


def _person(cells: Mapping[str, str], zone: tzinfo, *, lenient: bool) -> dict[str, object]:
    told: dict[str, object] = {}
    if cells.get("occurred_at"):
        try:
            told["occurred_at"] = _moment("occurred_at", cells["occurred_at"], zone)
        except Refused:
            if not lenient:
                raise
    if cells.get("language"):
        told["language"] = cells["language"].lower()
    if cells.get("country"):
        told["country"] = cells["country"].upper()
    return told


def _sale(cells: Mapping[str, str], policy: Policy) -> dict[str, object]:
    told: dict[str, object] = {name: cells[name] for name in _SALE if cells.get(name)}
    told |= {name: str(told[name]).lower() for name in ("state", "obtained", "customer") if name in told}
    if "categories" in told:
        told["categories"] = re.split(r"[\s,;|]+", str(told["categories"]).strip(" ,;|"))
    if "offered_at" in told:
        told["offered_at"] = _moment("offered_at", cells["offered_at"], policy.controller.time_zone)
    answer = cells.get("opted_out", "").lower()
    if answer not in _TRUTHS:
        raise Refused("opted_out: must be yes or no.")
    return told | {"opted_out": _TRUTHS[answer]}


def _topic(key: str | None, policy: Policy) -> Topic | None:
    if not key:
        return None
    topic = policy.topic(key)
    if topic.kind is not MailKind.MARKETING:
        raise Refused("topic: it is transactional, so there is nothing to agree to, and nothing to end.")
    return topic


def _evidence(cells: Mapping[str, str], for_all: Mapping[str, str]) -> dict[str, str]:
    names = {name: name.removeprefix("evidence.") for name in cells if name in EVIDENCE or "." in name}
    return {**for_all, **{names[name]: cells[name] for name in names if cells[name]}}


def _moment(place: str, text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # the first day there is, by which some systems say "never", is none in UTC
        raise Refused(f"{place}: must be a time as in 2026-03-01T09:30:00+01:00, or a day.") from None
