"""One row of an import: checked, weighed and done. A dry run and an import ask the same of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailconsent import wire
from mailconsent.address import match_key, tagless_key
from mailconsent.errors import Refused
from mailconsent.import_effect import Difference, Effect, effect_of_consent, effect_of_opt_out, standing_no
from mailconsent.import_rows import BadRow, Row
from mailconsent.model import ALL_TOPICS, Channel, Event, EventKind, Evidence, Receipt
from mailconsent.policy import Topic
from mailconsent.proof import Route, judge
from mailconsent.sale_telling import news
from mailconsent.services.consents import consent_facts, notice_shown, shortcomings
from mailconsent.services.recipients import withdraw
from mailconsent.services.sales import order_reference, record_telling
from mailconsent.store import Transaction
from mailconsent.store.ledger import append
from mailconsent.store.recipients import describe, lock_address


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
    key = match_key(asked.address)
    reaching = tagless_key(key) == key
    if isinstance(asked, wire.SaleRequest):
        told = asked.telling(order_reference(tx, asked.order))
        added = news(told, events, deed.receipt, reaching=reaching)
        return Effect(added=added, denied=standing_no(events, ALL_TOPICS))
    return effect_of_opt_out(deed.topic, events, deed.receipt, reaching=reaching)


def do(tx: Transaction, deed: Deed, difference: Difference) -> None:
    """Record what a row adds, and count it."""
    asked = deed.row.asked
    if isinstance(asked, wire.WithdrawalRequest):
        repeated = withdraw(tx, asked.address, deed.receipt, topic=deed.topic).repeated
        difference.new += not repeated
        difference.repeated += repeated
        return
    recipient = lock_address(tx, asked.address)
    # A tagged form that is new here inherits noes, which its first event will bring with it.
    inherited = [replace(no, seq=recipient.last_seq + place) for place, (_, no) in enumerate(recipient.inherited, 1)]
    done: Effect = effect(tx, deed, [*recipient.events, *inherited])
    if done.denied:
        difference.denied[done.denied] += 1
    if deed.consent and done.denied:
        return
    difference.new += bool(done.added)
    difference.repeated += not done.added
    if isinstance(asked, wire.SaleRequest):
        record_telling(tx, asked.address, recipient, done.added, language=asked.language)
    for consent in done.added if deed.consent else ():
        describe(tx, recipient, address=asked.address, language=asked.language)
        append(tx, recipient, consent, deed.receipt.evidence)
