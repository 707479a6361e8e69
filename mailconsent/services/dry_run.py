"""What an import would do, to whom it is about and to what a sender may mail them. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from mailconsent import wire
from mailconsent.address import match_key, tagless_key
from mailconsent.bloom import Seen
from mailconsent.decision import Mailing, decide_by
from mailconsent.facts import untokened
from mailconsent.import_effect import Difference
from mailconsent.import_rows import BadRow, Row
from mailconsent.model import Decision, Event, EventKind, MailKind, Reason
from mailconsent.policy import Policy, Topic
from mailconsent.policy.mailing import mailing_of
from mailconsent.services import senders
from mailconsent.services.import_row import Deed, effect, prepare
from mailconsent.store import Transaction
from mailconsent.store.imports import read_histories
from mailconsent.store.sends import read_uses_until
from mailconsent.terms import local_day

#: What makes two rows of one person the same row.
_IDENTITY = {
    wire.ConsentRequest: {"topic", "evidence", "notice", "occurred_at", "language", "country"},
    wire.SaleRequest: {"order", "state", "opted_out"},
    wire.WithdrawalRequest: set[str](),
}


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
            # The suppression of a domain is in no event of theirs.
            if now_allowed.allowed and not before.allowed and before.reason is not Reason.SUPPRESSED:
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
        self._today = local_day(now, policy.controller.time_zone)
        self._decisions: dict[str, list[Decision]] = {}
        self._uses: dict[str, Mapping[int, tuple[date | None, date | None]]] = {}

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
        if topic.key not in self._uses:
            self._uses[topic.key] = read_uses_until(self._tx, sorted(set(self._ids)), topic.number, self._today)
        used_on, last_sent_on = self._uses[topic.key].get(self._ids[place], (None, None))
        mailing = self._mailings[topic.key]
        return decide_by(self._ids[place], events, mailing, used_on=used_on, last_sent_on=last_sent_on)
