"""
The JSON shapes, shared by the API and the client. One set of models checks what comes in, makes what goes out, and
describes both in OpenAPI.

Unknown keys and keys given twice are refused: a typing error must never turn "this topic" into "all".
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import models_json_schema

# pydantic reads the one of the standard library from Python 3.12 on only.
from typing_extensions import TypedDict

from mailconsent.errors import Refused
from mailconsent.model import Decision, Grade, LegalBasis, Reason
from mailconsent.notice import MAX_TEXT, Notice
from mailconsent.proof import Route

MAX_ADDRESSES = 10_000
#: RFC 5321 allows 254 octets; what is longer is still answered, up to here.
MAX_ADDRESS = 1_000


def _written(value: object) -> object:
    # pydantic would take a number, in quotes or not, for the seconds since 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-\d", value)):
        return value
    raise ValueError("must be a time as in 2026-03-01T09:30:00+01:00")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first and the last day there is, in some time zone
        raise ValueError("no such time in UTC") from None


Text = Annotated[str, Field(max_length=MAX_ADDRESS, json_schema_extra={"example": "anna@example.com"})]
TopicKey = Annotated[
    str, Field(max_length=40, description="A topic's key in the policy.", json_schema_extra={"example": "blog"})
]
Moment = Annotated[
    AwareDatetime,
    Field(strict=False, description="RFC 3339, with a time zone."),
    BeforeValidator(_written),
    AfterValidator(_in_utc),
]
Source = Annotated[
    str,
    Field(
        max_length=64,
        pattern=r"^[A-Za-z0-9._:/-]*$",
        description="A reference of yours by which this can be traced back. Never an address.",
    ),
]


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CheckRequest(_Request):
    """May these addresses be mailed about this topic? A transactional one needs the scope `check:transactional` too."""

    topic: TopicKey
    addresses: Annotated[list[Text], Field(min_length=1, max_length=MAX_ADDRESSES)]
    headers: Annotated[bool, Field(description="Add the header fields and the link to every marketing yes.")] = False


class ShownNotice(_Request):
    """The text that the person was shown: itself, with version and language, or the SHA-256 of one told before."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,40}$")] | None = None
    language: Language | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="As a recorded consent gave it.")] | None = None

    def about(self, topic: str) -> Notice | str:
        """The notice, or the hash of one. Raises `Refused` unless it is exactly one of the two."""
        text, version, language = self.text, self.version, self.language
        if text and version and language and not self.sha256:
            return Notice(key=topic, version=version, language=language, text=text)
        if self.sha256 and not (text or version or language):
            return self.sha256
        raise Refused("The notice must have a text, a version and a language, or else the sha256 of one told before.")


class ConsentRequest(_Request):
    """A consent that was asked for elsewhere, with its proof."""

    address: Text
    topic: TopicKey
    evidence: Annotated[
        dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=4_000)]],
        Field(
            min_length=1,
            max_length=40,
            strict=False,  # any mapping
            description="What the person was shown and did: wording, form, page, time, IP. Kept apart, erasable.",
            json_schema_extra={"example": {"wording": "Yes, send me the blog newsletter.", "form": "footer-2"}},
        ),
    ]
    route: Annotated[
        Route | None,
        Field(strict=False, description="How it was given: then what that route must show has to be in the evidence."),
    ] = None
    notice: Annotated[ShownNotice | None, Field(strict=False)] = None
    occurred_at: Moment | None = None
    language: Language | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Of the person, ISO 3166.")] | None = None
    partial: Annotated[bool, Field(description="Keep a record with gaps too; it allows no mail.")] = False
    source: Source = ""


class WithdrawalRequest(_Request):
    """An opt-out that reached the sender: by phone, letter, a form of theirs."""

    address: Text
    topic: Annotated[TopicKey | None, Field(description="Left out, or null: all marketing.")] = None
    occurred_at: Moment | None = None
    source: Source = ""


class Verdict(TypedDict):
    """The decision on one address. A denial is an answer, not an error."""

    address: str
    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None
    event_id: str | None
    headers: NotRequired[dict[str, str]]
    unsubscribe_url: NotRequired[str]


def verdict(address: str, decision: Decision) -> Verdict:
    """The verdict on an address."""
    allowed, reason, legal_basis, event_id = decision
    return {
        "address": address,
        "allowed": allowed,
        "reason": reason,
        "legal_basis": legal_basis,
        "event_id": str(event_id) if event_id else None,
    }


class CheckAnswer(TypedDict):
    """One verdict per address, in the order of the request."""

    verdicts: list[Verdict]


class Recorded(TypedDict):
    """What was recorded, and committed before this was said."""

    event_id: str
    repeated: bool


class ConsentRecorded(Recorded):
    """And what the record is worth: B allows mail where nothing denies it, C and D allow none."""

    grade: Grade
    notice: NotRequired[str]


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
        ours = model.model_fields.keys() | ShownNotice.model_fields.keys()
        place = [str(part) if isinstance(part, int) or part in ours else "…" for part in error["loc"]]
        yield Fault(place=".".join(place), message=error["msg"])


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
