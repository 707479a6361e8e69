"""
Bounces that a sending service tells of in JSON (Amazon SES by way of SNS), as the blocks that RFC 3464 would have.

Rules of this file:

1. What cannot be read as the service writes it is no notification, whatever it looks like.
2. A service's own "Permanent" and "Transient" count where it passes on no status.
"""

import json
from collections.abc import Iterator
from typing import Any

from mailconsent.message import MAX_BLOCKS, InboundMessage
from mailconsent.mime import Fields

#: What the type of a bounce stands for; "Undetermined" says nothing.
STATUS_OF = {"Permanent": "5.0.0", "Transient": "4.0.0"}


def read_json(message: InboundMessage) -> dict[str, Any]:
    """The JSON object with which a text begins, or an empty one."""
    if not message.text.startswith("{"):
        return {}
    try:
        found, _end = json.JSONDecoder().raw_decode(message.text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def notification_type(notice: dict[str, Any]) -> str:
    """`Bounce`, `Complaint` or `Delivery`, or nothing. Two versions of the service name it differently."""
    kind = notice.get("notificationType", notice.get("eventType"))
    return kind if isinstance(kind, str) else ""


def recipient_blocks(message: InboundMessage) -> list[Fields]:
    """The recipients' blocks of a notification of a bounce."""
    notice = read_json(message)
    bounce = notice.get("bounce")
    if notification_type(notice) != "Bounce" or not isinstance(bounce, dict):
        return []
    status = STATUS_OF.get(str(bounce.get("bounceType")), "")
    return list(read_recipients(bounce.get("bouncedRecipients"), status))


def read_recipients(recipients: object, status: str) -> Iterator[Fields]:
    """The block of each recipient that is named as such."""
    for recipient in recipients[:MAX_BLOCKS] if isinstance(recipients, list) else ():
        if isinstance(recipient, dict) and isinstance(recipient.get("emailAddress"), str):
            yield {
                "final-recipient": (f"rfc822; {recipient['emailAddress']}",),
                "action": ("failed",),
                "status": (str(recipient.get("status") or status),),
                "diagnostic-code": (str(recipient.get("diagnosticCode") or ""),),
            }
