"""What was really sent."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from mailconsent.model import Reason
from mailconsent.wire.check import MAX_ADDRESSES
from mailconsent.wire.fields import Moment, Request, SendId, Text, TopicKey


class SendsRequest(Request):
    """That a mailing went to these addresses. Repeat it when in doubt: the first telling counts."""

    send_id: SendId
    topic: TopicKey
    addresses: Annotated[list[Text], Field(min_length=1, max_length=MAX_ADDRESSES)]
    sent_at: Annotated[Moment | None, Field(description="Left out, or null: now.")] = None


class WithoutGround(TypedDict):
    """A mail that should not have been sent: its place in the request, from 0, and why."""

    place: int
    reason: Reason


class SendsAnswer(TypedDict):
    """How many are newly recorded, and which had no ground at the time."""

    recorded: int
    without_ground: list[WithoutGround]
