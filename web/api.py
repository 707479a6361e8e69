"""The API for newsletter systems. Addresses stand in bodies only, never in a URL."""

import re
from datetime import UTC, datetime
from functools import wraps

from flask import Blueprint, Response, current_app, jsonify, request

from mailconsent import wire
from mailconsent.errors import KeyRefused, Refused
from mailconsent.model import Channel, Evidence, Grade, MailKind, Receipt
from mailconsent.services import Rules, senders
from mailconsent.services.installation import Installation
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope, answered, read_key, remember_answer
from mailconsent.store.ledger import read_event
from web.errors import Forbidden, problem
from web.openapi import IDEMPOTENCY_KEY, Operation, document

v1 = Blueprint("v1", __name__, url_prefix="/v1")


def check(tx: Transaction, key: ApiKey, asked: wire.CheckRequest, rules: Rules) -> wire.CheckAnswer:
    """One verdict per address."""
    topic = rules.policy.topic(asked.topic)
    if topic.kind is MailKind.TRANSACTIONAL:
        _require(key, Scope.CHECK_TRANSACTIONAL)
    decisions = senders.check(tx, rules.policy, topic, asked.addresses)
    verdicts = [wire.verdict(address, decision) for address, decision in zip(asked.addresses, decisions, strict=True)]
    if asked.headers:
        permits = senders.permits(tx, rules, topic, asked.addresses, decisions)
        for verdict, permit in zip(verdicts, permits, strict=True):
            if permit:
                verdict |= {"headers": permit.headers, "unsubscribe_url": permit.unsubscribe_url}
    return {"verdicts": verdicts}


def record_consent(tx: Transaction, key: ApiKey, asked: wire.ConsentRequest, rules: Rules) -> wire.ConsentRecorded:
    """A consent with its proof."""
    topic = rules.policy.topic(asked.topic)
    receipt = _receipt(key, asked.source, asked.occurred_at, evidence=Evidence(details=asked.evidence))
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
    outcome = senders.record_withdrawal(tx, topic, asked.address, _receipt(key, asked.source, asked.occurred_at))
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


@v1.get("/openapi.json")
def openapi() -> Response:
    """What this API takes and gives, in OpenAPI 3.1."""
    return jsonify(document(OPERATIONS, "/v1"))


def _route(operation: Operation) -> None:
    @wraps(operation.view)
    def view() -> Response:
        installation: Installation = current_app.extensions["mailconsent"]
        presented = _presented_key()
        store = installation.store
        # Before the transaction: a slow sender must not hold a lock.
        body = request.get_data(cache=False)
        with store.begin() if operation.writes else store.read() as tx:
            key = read_key(tx, presented)
            _require(key, operation.scope)
            if request.mimetype != "application/json":
                return problem(415, "The body must be application/json.")
            asked = wire.read_request(operation.request, body)
            idempotency_key = _idempotency_key() if operation.writes else None
            if idempotency_key and (before := answered(tx, key, idempotency_key, body)):
                return Response(before, content_type="application/json")
            answer = wire.write(operation.answer, operation.view(tx, key, asked, installation.rules))
            if idempotency_key:
                remember_answer(tx, key, idempotency_key, body, answer.decode(), now=datetime.now(UTC))
        return Response(answer, content_type="application/json")

    v1.add_url_rule(operation.path, operation.view.__name__, view, methods=["POST"], provide_automatic_options=False)


for _operation in OPERATIONS:
    _route(_operation)


def _presented_key() -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise KeyRefused("The API key is missing: send it as `Authorization: Bearer …`.")
    return text.strip()


def _require(key: ApiKey, scope: Scope) -> None:
    if scope.value not in key.scopes:
        raise Forbidden(f"This API key lacks the scope {scope.value}.")


def _idempotency_key() -> str | None:
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not re.fullmatch(IDEMPOTENCY_KEY, text):
        raise Refused("The Idempotency-Key must have 1 to 200 letters, digits and signs of ASCII, and no blank.")
    return text


def _receipt(key: ApiKey, source: str, occurred_at: datetime | None, *, evidence: Evidence | None = None) -> Receipt:
    return Receipt(
        channel=Channel.API,
        received_at=datetime.now(UTC),
        occurred_at=occurred_at,
        source=source or f"key:{key.id}",
        evidence=evidence or Evidence(),
    )
