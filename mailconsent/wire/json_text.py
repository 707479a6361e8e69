"""
JSON text in and out. Keys given twice are refused, as unknown keys are: a typing error must never turn "this topic"
into "all".
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NotRequired, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.json_schema import models_json_schema

# pydantic reads the one of the standard library from Python 3.12 on only.
from typing_extensions import TypedDict


class Fault(TypedDict):
    """What is wrong with one place of a request."""

    place: str
    message: str


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    errors: NotRequired[list[Fault]]


class BadRequest(Exception):
    """The body is not what this call takes. Holds where and why, and nothing of what stood there."""

    def __init__(self, *, is_json: bool, faults: Sequence[Fault] = ()) -> None:
        super().__init__("bad request")
        self.is_json = is_json
        self.faults = faults


_Model = TypeVar("_Model", bound=BaseModel)


# Every `BadRequest` is raised outside the `except` block: an exception keeps the one that it was raised under, and the
# text of that one quotes what it could not read, addresses and all.


def read_request(model: type[_Model], body: bytes) -> _Model:
    """A request from its JSON text, in UTF-8 (RFC 8259 section 8.1). Raises `BadRequest`."""
    try:
        data = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _DoubleKey:
        bad = BadRequest(is_json=True, faults=[Fault(place="", message="a key is given twice")])
    except (ValueError, RecursionError):
        bad = BadRequest(is_json=False)
    else:
        return make_request(model, data)
    raise bad


def make_request(model: type[_Model], values: object) -> _Model:
    """A request from a mapping of values. Raises `BadRequest`."""
    try:
        return model.model_validate(values)
    except ValidationError as fault:
        faults = list(_faults(model, fault))
    raise BadRequest(is_json=True, faults=faults)


class _DoubleKey(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _DoubleKey
    return result


def _no_constant(_name: str) -> object:
    raise ValueError("not JSON (RFC 8259)")


def _faults(model: type[BaseModel], fault: ValidationError) -> Iterable[Fault]:
    for error in fault.errors(include_url=False, include_context=False, include_input=False)[:20]:
        # A key that we do not know is the caller's own text and might be anything, an address too.
        ours = _names(model)
        place = [str(part) if isinstance(part, int) or part in ours else "…" for part in error["loc"]]
        yield Fault(place=".".join(place), message=error["msg"].removeprefix("Value error, "))


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    """Every key that a request of this shape may have, at whatever depth."""
    schema = model.model_json_schema()
    shapes = (schema, *schema.get("$defs", {}).values())
    return frozenset(name for shape in shapes for name in shape.get("properties", ()))


_answers: dict[Any, TypeAdapter[Any]] = {}


def write(shape: Any, value: Any) -> bytes:
    """An answer as JSON text."""
    return _adapter(shape).dump_json(value)


def read_answer(shape: Any, body: bytes) -> Any:
    """An answer from its JSON text. Raises `BadRequest` if it is not of that shape."""
    try:
        return _adapter(shape).validate_json(body, strict=True)
    except ValidationError:
        pass
    raise BadRequest(is_json=True)


def _adapter(shape: Any) -> TypeAdapter[Any]:
    if shape not in _answers:
        _answers[shape] = TypeAdapter(shape)
    return _answers[shape]


def schemas(requests: Iterable[type[BaseModel]], answers: Iterable[Any]) -> dict[str, Any]:
    """JSON Schemas of these shapes by name, for OpenAPI."""
    template = "#/components/schemas/{model}"
    _, asked = models_json_schema([(model, "validation") for model in requests], ref_template=template)
    adapters: list[Any] = [(shape.__name__, "serialization", _adapter(shape)) for shape in answers]
    _, answered = TypeAdapter.json_schemas(adapters, ref_template=template)
    return dict(asked.get("$defs", {})) | dict(answered.get("$defs", {}))
