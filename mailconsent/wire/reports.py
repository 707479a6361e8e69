"""That mail could not be delivered, and that somebody reported it as spam."""

from typing import Annotated

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from mailconsent.errors import Refused
from mailconsent.failures import Finding
from mailconsent.wire.fields import Moment, Request, Source, Text


class BounceRequest(Request):
    """That mail to this address failed, and why: its status, what the server said, or both. The words are not kept."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["status"]}, {"required": ["said"]}]})

    address: Text
    status: Annotated[
        str | None,
        Field(
            pattern=r"^[45]\.[0-9]{1,3}\.[0-9]{1,3}$", description="RFC 3463.", json_schema_extra={"example": "5.1.1"}
        ),
    ] = None
    said: Annotated[
        str | None,
        Field(
            max_length=4_000,
            description="The last answer of the server.",
            json_schema_extra={"example": "550 5.1.1 No such user here"},
        ),
    ] = None
    occurred_at: Annotated[Moment | None, Field(description="Left out, or null: now.")] = None
    source: Source = ""

    def require_why(self) -> None:
        """Raises `Refused` unless this says why."""
        if self.status is None and self.said is None:
            raise Refused("A bounce needs a status, or what the server said: without, it says nothing of the address.")


class BounceRecorded(TypedDict):
    """What came of it: the event that it made, or the one that says so already; none where it says nothing."""

    effect: Finding
    event_id: str | None
    repeated: bool


class ComplaintRequest(Request):
    """That the recipient reported a mail as spam. Marketing to this address ends."""

    address: Text
    occurred_at: Annotated[Moment | None, Field(description="Left out, or null: now.")] = None
    source: Source = ""
