"""Suppressions: recorded of an address or a domain, and listed without either."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from mailconsent.errors import Refused
from mailconsent.model import Channel, EventId
from mailconsent.wire.fields import MAX_ADDRESS, Request, Source, Text

#: Of one answer.
MAX_LISTED = 1_000


class SuppressionRequest(Request):
    """Who is not to be mailed any more: one address, or everybody under a domain."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["address"]}, {"required": ["domain"]}]})

    address: Text = ""
    domain: Annotated[
        str,
        Field(
            max_length=MAX_ADDRESS,
            description="Instead of an address: a domain, with all that is under it.",
            json_schema_extra={"example": "partner.example"},
        ),
    ] = ""
    reason: Annotated[str, Field(max_length=4_000, description="Kept apart, erasable.")] = ""
    source: Source = ""

    @property
    def of_domain(self) -> bool:
        """Whether this is about a domain. Raises `Refused` unless it is about an address or a domain, and not both."""
        given = self.model_fields_set & {"address", "domain"}
        if len(given) != 1:
            raise Refused("A suppression needs an address or a domain, and not both.")
        return "domain" in given


def _whole(value: object) -> object:
    # In JSON, 10.0 is an integer too (JSON Schema 2020-12, validation, section 6.1.1).
    return int(value) if isinstance(value, float) and value.is_integer() else value


class SuppressionListRequest(Request):
    """The next of the suppressions that stand."""

    after: Annotated[
        str | None,
        Field(
            pattern=r"^([0-7][0-9a-f]{15}|[0-9a-f]{1,15})-[1-9][0-9]{0,8}$",
            description="The last `event_id` of the page before. Left out, or null: from the beginning.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED), BeforeValidator(_whole)] = MAX_LISTED


class ListedSuppression(TypedDict):
    """A suppression that stands. Whom it is about is not told: ask `check` about an address."""

    event_id: str
    scope: Annotated[str, Field(description="`address` or `domain`.")]
    channel: Channel
    received_at: str
    source: str


class SuppressionList(TypedDict):
    """A page of them, in the order of their ids; the last page is not full."""

    suppressions: list[ListedSuppression]


def listed(
    event_id: EventId, channel: Channel, received_at: datetime, source: str, *, domain: bool
) -> ListedSuppression:
    """A suppression as it is listed."""
    return {
        "event_id": str(event_id),
        "scope": "domain" if domain else "address",
        "channel": channel,
        "received_at": received_at.isoformat(),
        "source": source,
    }
