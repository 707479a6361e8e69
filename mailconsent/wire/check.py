"""The question before every send, and its answer."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from mailconsent.model import Decision, LegalBasis, Reason
from mailconsent.wire.fields import Request, SendId, Text, TopicKey

MAX_ADDRESSES = 10_000


class CheckRequest(Request):
    """May these addresses be mailed about this topic? A transactional one needs the scope `check:transactional` too."""

    topic: TopicKey
    addresses: Annotated[list[Text], Field(min_length=1, max_length=MAX_ADDRESSES)]
    send_id: Annotated[
        SendId | None,
        Field(description="Record each marketing yes as sent under this name. Needs the scope `sends`, too."),
    ] = None
    headers: Annotated[bool, Field(description="Add the header fields and the link to every marketing yes.")] = False


class Verdict(TypedDict):
    """The decision on one address. A denial is an answer, not an error."""

    address: str
    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None
    event_id: str | None
    headers: NotRequired[dict[str, str]]
    unsubscribe_url: NotRequired[str]
    message_id: Annotated[NotRequired[str], Field(description="For the field Message-ID, so that replies are known.")]
    return_path: Annotated[
        NotRequired[str], Field(description="For the envelope, as its sender (MAIL FROM), so that bounces are known.")
    ]


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


def carry(
    verdict: Verdict, *, headers: dict[str, str], unsubscribe_url: str, message_id: str, return_path: str | None
) -> None:
    """Add to a yes what the mail must carry."""
    verdict |= {"headers": headers, "unsubscribe_url": unsubscribe_url, "message_id": message_id}
    if return_path:
        verdict["return_path"] = return_path


class CheckAnswer(TypedDict):
    """One verdict per address, in the order of the request."""

    verdicts: list[Verdict]
