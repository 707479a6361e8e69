"""The API for newsletter systems. Addresses stand in bodies only, never in a URL."""

import re
from datetime import UTC, datetime
from functools import wraps

from flask import Blueprint, Response, current_app, jsonify, request

from mailconsent import wire
from mailconsent.errors import KeyRefused, Refused
from mailconsent.services.installation import Installation
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, answered, read_key, remember_answer
from web.errors import problem
from web.openapi import IDEMPOTENCY_KEY, Operation, document
from web.v1 import imports, recipients, reports, sales, senders, sends, suppressions
from web.v1.keys import require

v1 = Blueprint("v1", __name__, url_prefix="/v1")

OPERATIONS = (
    *senders.OPERATIONS,
    *sales.OPERATIONS,
    *sends.OPERATIONS,
    *reports.OPERATIONS,
    *imports.OPERATIONS,
    *suppressions.OPERATIONS,
    *recipients.OPERATIONS,
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
        # Before the transaction: a slow sender must not hold a lock.
        body = request.get_data(cache=False)
        with installation.store.read() as tx:
            # Nobody without a key takes a writer's turn.
            key = _admitted(tx, presented, operation)
            if request.mimetype != "application/json":
                return problem(415, "The body must be application/json.")
            asked = wire.read_request(operation.request, body)
            if not (operation.writes or operation.records(asked)):
                return _said(wire.write(operation.answer, operation.view(tx, key, asked, installation.rules)))
        idempotency_key = _idempotency_key() if operation.writes else None
        with installation.store.begin() as tx:
            key = _admitted(tx, presented, operation)  # it may have been revoked since
            if idempotency_key and (before := answered(tx, key, idempotency_key, body)):
                return _said(before.encode())
            answer = wire.write(operation.answer, operation.view(tx, key, asked, installation.rules))
            if idempotency_key:
                remember_answer(tx, key, idempotency_key, body, answer.decode(), now=datetime.now(UTC))
        return _said(answer)

    v1.add_url_rule(operation.path, operation.view.__name__, view, methods=["POST"], provide_automatic_options=False)


def _admitted(tx: Transaction, presented: str, operation: Operation) -> ApiKey:
    key = read_key(tx, presented)
    require(key, operation.scope)
    return key


def _said(answer: bytes) -> Response:
    return Response(answer, content_type="application/json")


for _operation in OPERATIONS:
    _route(_operation)


def _presented_key() -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise KeyRefused("The API key is missing: send it as `Authorization: Bearer …`.")
    return text.strip()


def _idempotency_key() -> str | None:
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not re.fullmatch(IDEMPOTENCY_KEY, text):
        raise Refused("The Idempotency-Key must have 1 to 200 letters, digits and signs of ASCII, and no blank.")
    return text
