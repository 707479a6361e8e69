"""What newsletter systems ask and tell."""

from dataclasses import asdict
from datetime import UTC, datetime

from mailconsent import wire
from mailconsent.model import Evidence, Grade, MailKind
from mailconsent.policy.mailing import mailing_of
from mailconsent.services import Rules, senders
from mailconsent.services.sends import record_permitted
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from mailconsent.store.ledger import read_event
from web.openapi import Operation
from web.v1.keys import receipt_of, require


def check(tx: Transaction, key: ApiKey, asked: wire.CheckRequest, rules: Rules) -> wire.CheckAnswer:
    """One verdict per address."""
    topic = rules.policy.topic(asked.topic)
    if topic.kind is MailKind.TRANSACTIONAL:
        require(key, Scope.CHECK_TRANSACTIONAL)
    if asked.send_id is not None:
        require(key, Scope.SENDS)
        # This transaction writes, so it sees no one moment: a rotation that begins in its midst would hide noes.
        tx.settle()
    now = datetime.now(UTC)
    decisions = senders.check(tx, mailing_of(rules.policy, topic, now=now), asked.addresses)
    if asked.send_id is not None:
        record_permitted(tx, rules.policy, topic, asked.send_id, decisions, now=now)
    verdicts = [wire.verdict(address, decision) for address, decision in zip(asked.addresses, decisions, strict=True)]
    if asked.headers:
        permits = senders.permits(tx, rules, topic, asked.addresses, decisions, now=now)
        for verdict, permit in zip(verdicts, permits, strict=True):
            if permit:
                wire.carry(verdict, **asdict(permit))
    return {"verdicts": verdicts}


def record_consent(tx: Transaction, key: ApiKey, asked: wire.ConsentRequest, rules: Rules) -> wire.ConsentRecorded:
    """A consent with its proof."""
    topic = rules.policy.topic(asked.topic)
    receipt = receipt_of(key, asked.source, asked.occurred_at, evidence=Evidence(details=asked.evidence))
    event_id = senders.record_consent(
        tx,
        topic,
        asked.address,
        receipt,
        route=asked.route,
        notice=asked.notice.about(topic.key) if asked.notice else None,
        language=asked.language,
        country=asked.country,
        partial=asked.partial,
    )
    recorded = read_event(tx, event_id)
    answer: wire.ConsentRecorded = {
        "event_id": str(event_id),
        "repeated": False,
        "grade": recorded.grade or Grade.D,
    }
    return answer | {"notice": recorded.facts["notice"]} if "notice" in recorded.facts else answer


def record_withdrawal(tx: Transaction, key: ApiKey, asked: wire.WithdrawalRequest, rules: Rules) -> wire.Recorded:
    """An opt-out that reached the sender."""
    topic = rules.policy.topic(asked.topic) if asked.topic is not None else None
    outcome = senders.record_withdrawal(tx, topic, asked.address, receipt_of(key, asked.source, asked.occurred_at))
    return {"event_id": str(outcome.event_id), "repeated": outcome.repeated}


OPERATIONS = (
    Operation(
        path="/check",
        summary="May these addresses be mailed about this topic?",
        request=wire.CheckRequest,
        answer=wire.CheckAnswer,
        scope=Scope.CHECK,
        view=check,
        writes=False,
        records=lambda asked: asked.send_id is not None,
    ),
    Operation(
        path="/consents",
        summary="Record a consent with its proof",
        request=wire.ConsentRequest,
        answer=wire.ConsentRecorded,
        scope=Scope.CONSENTS,
        view=record_consent,
        writes=True,
    ),
    Operation(
        path="/withdrawals",
        summary="Record an opt-out",
        request=wire.WithdrawalRequest,
        answer=wire.Recorded,
        scope=Scope.WITHDRAWALS,
        view=record_withdrawal,
        writes=True,
    ),
)
