"""The API's operations as data, and the OpenAPI 3.1 document made of the same data, so that the two cannot differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from mailconsent import wire
from mailconsent.store.access import Scope

PROBLEM = "application/problem+json"
#: With or without the quotes that the draft asks for; they count as a part of it.
IDEMPOTENCY_KEY = r"^[!-~]{1,200}$"
#: Every call can end so: no key, a key without the scope, too large, storage down.
COMMON = (401, 403, 413, 503)
#: And one with a body so: not JSON, not of the right shape.
WITH_BODY = (400, 415, 422)
#: And one that takes an Idempotency-Key so.
WRITING = (409,)
TEXTS = {
    400: "The body is not JSON.",
    401: "The API key is missing, unknown or revoked.",
    403: "The API key lacks the scope.",
    409: "A request with this Idempotency-Key is under way: repeat it.",
    413: "The body is too large.",
    415: "The body must be application/json.",
    422: "The body is not what this call takes; or, of a repeated Idempotency-Key, not what it was before.",
    503: "Try again later. Until there is an answer, do not send.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API."""

    path: str
    summary: str
    request: Any
    answer: Any
    scope: Scope
    view: Callable[..., Any]
    #: Takes an Idempotency-Key: the same call again has no second effect.
    writes: bool
    #: Of a question: whether it is to be recorded as well.
    records: Callable[[Any], bool] = lambda _asked: False


def document(operations: Sequence[Operation], prefix: str) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    components = wire.schemas(
        [operation.request for operation in operations],
        [*(operation.answer for operation in operations), wire.Problem],
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailconsent",
            "version": version("mailconsent"),
            "description": "May I mail this address about this topic, and on what ground? No answer is a no.",
        },
        "paths": {prefix + operation.path: {"post": _describe(operation)} for operation in operations},
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`mailconsent key create`"}},
        },
        "security": [{"key": []}],
    }


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.view.__name__,
        "summary": operation.summary,
        "description": f"Needs the scope `{operation.scope.value}`.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(operation.request)}}},
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": _ref(operation.answer)}}},
            **{
                str(status): {"description": TEXTS[status], "content": {PROBLEM: {"schema": _ref(wire.Problem)}}}
                for status in sorted(COMMON + WITH_BODY + (WRITING if operation.writes else ()))
            },
        },
    }
    if operation.writes:
        described["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Any text of at most 200 characters, new for each new fact. Repeat it when in doubt.",
                "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY},
            }
        ]
    return described


def _ref(shape: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
