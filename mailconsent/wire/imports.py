"""Many rows at once."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from mailconsent.import_effect import Difference
from mailconsent.model import ImportKind
from mailconsent.wire.fields import Request, TopicKey

#: Few enough that whoever unsubscribes meanwhile hardly waits: on SQLite one transaction writes at a time.
MAX_ROWS = 1_000
_Cells = dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=4_000)]]


class ImportRequest(Request):
    """Rows with the columns of a file; see `docs/imports.md`. Nothing is recorded unless `dry_run` is false."""

    kind: Annotated[ImportKind, Field(strict=False)]
    rows: Annotated[
        list[_Cells],
        Field(min_length=1, max_length=MAX_ROWS, json_schema_extra={"example": [{"address": "anna@example.com"}]}),
    ]
    topic: Annotated[TopicKey | None, Field(description="Where a row names none.")] = None
    evidence: Annotated[_Cells, Field(max_length=40, description="Where a row has none of that name.")] = Field(
        default_factory=dict
    )
    partial: Annotated[bool, Field(description="Keep consents with gaps in their proof; they allow no mail.")] = False
    dry_run: bool = True


class RejectedRow(TypedDict):
    """A row that could not be done, by its place from 1."""

    row: int
    why: str


class Counts(TypedDict):
    """Rows, but for `gained` and `lost`, which are people by topic, and of a dry run alone."""

    rows: int
    new: int
    repeated: int
    bad: int
    denied: dict[str, int]
    gained: dict[str, int]
    lost: dict[str, int]


class ImportAnswer(TypedDict):
    """What was done, or would be."""

    #: None for a dry run.
    batch: str | None
    #: These rows were imported before, with this outcome: nothing was added.
    repeated: bool
    counts: Counts
    rejected: list[RejectedRow]


def counts(difference: Difference) -> Counts:
    """The counts, for an answer."""
    return {
        "rows": difference.rows,
        "new": difference.new,
        "repeated": difference.repeated,
        "bad": difference.bad,
        "denied": {reason.value: count for reason, count in difference.denied.items()},
        "gained": dict(difference.gained),
        "lost": dict(difference.lost),
    }
