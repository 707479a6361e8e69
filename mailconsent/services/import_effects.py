"""What the rows of an import do, one by one, and what they would do: a dry run and an import ask the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailconsent import wire
from mailconsent.address import match_key, tagless_key
from mailconsent.decision import Mailing, decide
from mailconsent.difference import Difference
from mailconsent.errors import Refused
from mailconsent.facts import fold, untokened
from mailconsent.import_effect import OPT_OUTS, Effect, effect_of_consent, effect_of_opt_out, standing_no
from mailconsent.import_rows import BadRow, Row
from mailconsent.model import ALL_TOPICS, Channel, Decision, Event, EventKind, Evidence, MailKind, Receipt
from mailconsent.policy import Policy, Topic
from mailconsent.policy.mailing import mailing_of
from mailconsent.proof import Route, judge
from mailconsent.seen import Seen
from mailconsent.services import senders
from mailconsent.services.consents import consent_facts, notice_shown, shortcomings
from mailconsent.services.sales import order_reference
from mailconsent.soft_opt_in import sales_of
from mailconsent.store import Transaction
from mailconsent.store.imports import read_histories
from mailconsent.telling import news

#: What makes two rows of one person the same row.
_IDENTITY = {
    wire.ConsentRequest: {"topic", "evidence", "notice", "occurred_at", "language", "country"},
    wire.SaleRequest: {"order", "state", "opted_out"},
    wire.WithdrawalRequest: set[str](),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A row, ready to be done to its recipient."""

    row: Row
    receipt: Receipt
    #: Of a consent.
    consent: Event | None = None

    @property
    def topic(self) -> int:
        """The number of the topic that a consent or an opt-out is about."""
        return self.row.topic.number if self.row.topic else ALL_TOPICS


def prepare(tx: Transaction, row: Row, batch_id: str, *, now: datetime) -> Deed | BadRow:
    """Check what only the database knows of a row, and how well a consent is proven. It writes nothing."""
    asked = row.asked
    receipt = Receipt(
        channel=Channel.IMPORT,
        received_at=now,
        occurred_at=asked.occurred_at,
        source=f"import:{batch_id}/{row.line}",
    )
    try:
        if isinstance(asked, wire.ConsentRequest) and row.topic:
            return _consent(tx, row, asked, row.topic, receipt, batch_id)
    except Refused as fault:
        return BadRow(line=row.line, why=str(fault))
    if receipt.occurred_at and receipt.occurred_at > now:
        receipt = replace(receipt, occurred_at=None)  # a wrong clock must not cost anyone their opt-out
    return Deed(row=row, receipt=receipt)


def _consent(
    tx: Transaction, row: Row, asked: wire.ConsentRequest, topic: Topic, receipt: Receipt, batch_id: str
) -> Deed:
    if receipt.occurred_at and receipt.occurred_at > receipt.received_at:
        raise Refused("occurred_at: the time of the consent lies in the future.")
    details = {**asked.evidence, "batch": batch_id}
    notice = asked.notice.about(topic.key) if asked.notice else None
    proof = judge(Route.IMPORT, details, notice=notice is not None, timed=receipt.occurred_at is not None)
    if not asked.partial and (proof.missing or proof.against):
        raise Refused(shortcomings(proof))
    shown = notice_shown(tx, topic, notice, now=receipt.received_at)
    facts = consent_facts(Route.IMPORT, shown, details, language=asked.language, country=asked.country)
    event = receipt.event(EventKind.CONSENT_GIVEN, topic.number, grade=proof.grade, facts=facts)
    return Deed(row=row, receipt=replace(receipt, evidence=Evidence(details=details)), consent=event)


def unusable(tx: Transaction, rows: Sequence[Row | BadRow], *, now: datetime) -> list[BadRow]:
    """Those of these rows that can't be done. Nothing is written."""
    prepared = (row if isinstance(row, BadRow) else prepare(tx, row, "dry-run", now=now) for row in rows)
    return [row for row in prepared if isinstance(row, BadRow)]


def effect(tx: Transaction, deed: Deed, events: Sequence[Event]) -> Effect:
    """What a row adds to what is recorded of its recipient."""
    asked = deed.row.asked
    if deed.consent:
        return effect_of_consent(deed.consent, events, deed.receipt)
    if isinstance(asked, wire.SaleRequest):
        told = asked.telling(order_reference(tx, asked.order))
        return Effect(added=news(told, events, deed.receipt), denied=standing_no(events, ALL_TOPICS))
    key = match_key(asked.address)
    return effect_of_opt_out(deed.topic, events, deed.receipt, reaching=tagless_key(key) == key)


def compare(
    tx: Transaction, policy: Policy, rows: Sequence[Row | BadRow], seen: Seen, *, now: datetime
) -> tuple[Difference, list[BadRow]]:
    """What these rows would do, and those that can't be done. Nothing is written."""
    prepared = [row if isinstance(row, BadRow) else prepare(tx, row, "dry-run", now=now) for row in rows]
    bad = [row for row in prepared if isinstance(row, BadRow)]
    deeds = [deed for deed in prepared if isinstance(deed, Deed)]
    difference = Difference(rows=len(rows), bad=len(bad))
    people = _People(tx, policy, [deed.row.asked.address for deed in deeds], now=now)
    for place, deed in enumerate(deeds):
        digest, events = people.digests[place], people.events(place)
        done = effect(tx, deed, events)
        if done.denied:
            difference.denied[done.denied] += 1
        if deed.consent and done.denied:
            continue
        # What stands far above in the file is not in the database yet.
        said = deed.row.asked.model_dump_json(include=_IDENTITY[type(deed.row.asked)]).encode()
        if seen.again(b"row" + digest + deed.topic.to_bytes(2) + said) or not done.added:
            difference.repeated += 1
            continue
        difference.new += 1
        after = [*events, *_numbered(done.added, events)]
        for topic in _concerned(policy, deed):
            before, now_allowed = people.decide(place, topic), people.would_decide(place, topic, after)
            mark = digest + topic.number.to_bytes(2)
            if now_allowed.allowed and not before.allowed and before.reason not in OPT_OUTS:
                difference.gained[topic.key] += not seen.again(b"gained" + mark)
            if before.allowed and not now_allowed.allowed:
                difference.lost[topic.key] += not seen.again(b"lost" + mark)
        people.learn(place, after)
    return difference, bad


def _numbered(added: Sequence[Event], events: Sequence[Event]) -> list[Event]:
    last = events[-1].seq if events else 0
    numbered = [replace(event, seq=last + place) for place, event in enumerate(added, 1)]
    return [
        replace(event, ends=event.seq - 1) if event.kind is EventKind.SALE_CANCELLED and event.ends is None else event
        for event in numbered
    ]


def _concerned(policy: Policy, deed: Deed) -> list[Topic]:
    """The topics about which a row may change what is allowed."""
    if deed.row.topic:
        return [deed.row.topic]
    return [topic for topic in policy.topics if topic.kind is MailKind.MARKETING]


class _People:
    """What is recorded of many addresses, read at once, and what rows of the same chunk would add to it."""

    def __init__(self, tx: Transaction, policy: Policy, addresses: Sequence[str], *, now: datetime) -> None:
        self._tx, self._addresses = tx, addresses
        bases = [tagless_key(match_key(address)) for address in addresses]
        asked = [tx.digester.digests([*addresses, *bases], generation) for generation in tx.state.live]
        found = read_histories(tx, list({digest for digests in asked for digest in digests if digest}))
        digests = [
            next((digest for digest in one if digest in found), one[-1]) or b"" for one in zip(*asked, strict=True)
        ]
        #: In the order of the addresses.
        self.digests = digests[: len(addresses)]
        self._ids = [found[digest][0] if digest in found else 0 for digest in self.digests]
        self._events: dict[bytes, list[Event]] = {}
        for digest, base in zip(self.digests, digests[len(addresses) :], strict=True):
            _, events = found.get(digest, (0, []))
            # A tagged form that is new here inherits noes.
            inherited = untokened(found[base][1]) if not events and digest != base and base in found else []
            self._events.setdefault(digest, events or _numbered(inherited, []))
        self._mailings: Mapping[str, Mailing] = {t.key: mailing_of(policy, t, now=now) for t in policy.topics}
        self._decisions: dict[str, list[Decision]] = {}

    def events(self, place: int) -> list[Event]:
        return self._events[self.digests[place]]

    def learn(self, place: int, events: list[Event]) -> None:
        self._events[self.digests[place]] = events

    def decide(self, place: int, topic: Topic) -> Decision:
        """The decision as a sender gets it today."""
        if topic.key not in self._decisions:
            mailing = self._mailings[topic.key]
            self._decisions[topic.key] = senders.check(self._tx, mailing, self._addresses)
        return self._decisions[topic.key][place]

    def would_decide(self, place: int, topic: Topic, events: Sequence[Event]) -> Decision:
        """The decision after these events."""
        recipient_id = self._ids[place]
        standings = fold(recipient_id, events)
        standing = standings.get(topic.number, standings.get(ALL_TOPICS))
        return decide(standing, self._mailings[topic.key], sales_of(recipient_id, events))
