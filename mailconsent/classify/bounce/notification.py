"""
Bounces and complaints that a sending service tells of in JSON (Amazon SES by way of SNS), as the blocks that RFC 3464
and RFC 5965 would have.

Rules of this file:

1. What cannot be read as the service writes it is no notification, whatever it looks like.
2. A service's own "Permanent" and "Transient" count where it passes on no status.
"""

import json
from collections.abc import Iterator
from typing import Any

from mailconsent.message import MAX_BLOCKS, InboundMessage
from mailconsent.mime import MAX_HEADER, Fields

#: With this sendmail cuts lines of more than 990 letters.
CUT_LINE = "!\n "
#: What the type of a bounce stands for; "Undetermined" says nothing.
STATUS_OF = {"Permanent": "5.0.0", "Transient": "4.0.0"}


def read_json(message: InboundMessage) -> dict[str, Any]:
    """The JSON object with which a text begins, or an empty one."""
    if not message.text.startswith("{"):
        return {}
    try:
        found, _end = json.JSONDecoder(strict=False).raw_decode(message.text.replace(CUT_LINE, ""))
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


def returned_header(message: InboundMessage) -> Fields:
    """What a notification says of the mail that it is about: the sender of its envelope, and its header."""
    mail = read_json(message).get("mail")
    if not isinstance(mail, dict):
        return {}
    listed = mail.get("headers")
    fields: dict[str, tuple[str, ...]] = {"return-path": (plain(mail.get("source") or ""),)}
    for field in listed[:MAX_BLOCKS] if isinstance(listed, list) else ():
        if isinstance(field, dict) and isinstance(field.get("name"), str):
            name = field["name"].lower()
            fields[name] = (*fields.get(name, ()), plain(field.get("value") or ""))
    return fields


def read_recipients(recipients: object, status: str) -> Iterator[Fields]:
    """The block of each recipient that is named as such."""
    for recipient in recipients[:MAX_BLOCKS] if isinstance(recipients, list) else ():
        if isinstance(recipient, dict) and isinstance(recipient.get("emailAddress"), str):
            yield {
                "final-recipient": (f"rfc822; {plain(recipient['emailAddress'])}",),
                "action": ("failed",),
                "status": (plain(recipient.get("status") or status),),
                "diagnostic-code": (plain(recipient.get("diagnosticCode") or ""),),
            }


def plain(value: object) -> str:
    """A value as text, without the halves of letters that JSON can name and no database takes."""
    return str(value)[:MAX_HEADER].encode("utf-8", "replace").decode("utf-8")


def feedback_report(message: InboundMessage) -> Fields | None:
    """A notification of a complaint, as the report of RFC 5965 that it stands for, or None where this is none."""
    notice = read_json(message)
    complaint = notice.get("complaint")
    if notification_type(notice) != "Complaint" or not isinstance(complaint, dict):
        return None
    blocks = read_recipients(complaint.get("complainedRecipients"), "")
    return {
        # The service passes on the type that the provider gave, if it gave any.
        "feedback-type": (plain(complaint.get("complaintFeedbackType") or "other"),),
        "original-rcpt-to": tuple(block["final-recipient"][0] for block in blocks),
    }
