"""What the requests are made of: texts, times, keys of the policy."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

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
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Of the person, ISO 3166.")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,40}$")]


SendId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._:/-]{1,64}$", description="Your own name of the mailing. Never an address."),
]


class Request(BaseModel):
    """What comes in: no key that we do not know, and every value of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True)
