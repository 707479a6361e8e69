"""
Complaints: feedback reports of RFC 5965, and the forms of providers that send none.

Rules of this file:

1. Only what a provider sends is a complaint. A person who writes that our mail is spam is read as a person.
2. `not-spam` (RFC 6430) and `auth-failure` (RFC 6591) are reports, but no complaints.
3. Reporters redact the recipient (RFC 6590), so the tokens in the reported message identify before any address does.
   What stands for a redacted address is no address.
4. Nothing here says that the reporter is who it says it is: whether a complaint counts is decided by its token, or by
   who authenticated it.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from mailconsent import mime
from mailconsent.classify.bounce import notification, prose
from mailconsent.classify.returned import returned_claims
from mailconsent.classify.sayings import Sayings, beginning_of, begins, gather, hear, load_table, says
from mailconsent.classify.subject import split_prefixes
from mailconsent.classify.token import quoted_claims
from mailconsent.message import InboundMessage
from mailconsent.mime import MAX_HEADER, Fields
from mailconsent.model import Classification, Label, MailedClaim

NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})
#: `opt-out` and `opt-out-list` stood in the drafts of RFC 5965, and are still sent.
REGISTERED = frozenset({"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", "miscategorized", *NO_COMPLAINT})
#: The fields that name whom the reported message was sent to, RFC 5965 section 3.2 and what reporters add.
RECIPIENT_NAMES = ("original-rcpt-to", "removal-recipient", "redacted-address", "original-recipient")
#: The same in the header of the reported message, as far as providers write it there themselves.
ORIGINAL_NAMES = ("x-hmxmroriginalrecipient", "to", "x-rcpt-to", "x-original-to", "delivered-to")
#: What reporters put in place of a local part.
REDACTED = frozenset(
    {"redacted", "xxx", "xxxx", "xxxxx", "hidden", "undisclosed", "removed", "x", "anonymous", "user-redacted"}
)

#: Hotmail and Outlook.com write it into what they report, and it is in no other mail.
HOTMAIL = "x-hmxmroriginalrecipient"
FEEDBACK_TYPE = re.compile(r"^Feedback-Type[ \t]*:", re.MULTILINE | re.IGNORECASE)
REQUIRED = frozenset({"feedback-type", "user-agent", "version"})


class Forms(NamedTuple):
    """What is known of complaints without a report, from `complaints.toml`."""

    senders: tuple[str, ...]
    subjects: Sayings
    beginnings: Sayings


@cache
def load_forms() -> Forms:
    """The forms in this package."""
    table = load_table("complaints.toml")
    return Forms(
        senders=tuple(table["senders"]), subjects=gather(table["subjects"]), beginnings=gather(table["beginnings"])
    )


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A complaint, if the message carries a feedback report or is known for one by its form."""
    attached = (fields for kind, fields in message.reports if kind == "message/feedback-report")
    report = next(attached, None) or report_in_text(message)
    if report is not None:
        kind = report.get("feedback-type", ("other",))[0].partition("(")[0].strip().lower()
        # An unregistered type counts as `other` (RFC 5965 section 3.1), and its text is the reporter's.
        kind = kind if kind in REGISTERED else "other"
        if kind in NO_COMPLAINT:
            return Classification(
                label=Label.OTHER, detector="complaint", reason=f"feedback-type {kind}", confidence=1.0
            )
        return answer(
            message, read_token, f"feedback-type {kind}", reported_recipients(report, message.original_headers)
        )
    if (complainers := notification.complainers(message)) is not None:
        return answer(message, read_token, "notification of a complaint", complainers)
    if is_form(message):
        complainers = reported_recipients({}, prose.returned_header(message))
        return answer(message, read_token, "form of a provider", complainers)
    return None


def answer(
    message: InboundMessage, read_token: Callable[[str], MailedClaim], reason: str, addresses: tuple[str, ...]
) -> Classification:
    """The classification of a complaint."""
    header = message.original_headers or notification.returned_header(message)
    return Classification(
        label=Label.COMPLAINT,
        detector="complaint",
        reason=reason,
        confidence=0.8 if reason == "form of a provider" else 1.0,
        addresses=addresses,
        claims=quoted_claims(message, read_token),
        returned=returned_claims(message, header, read_token),
    )


def report_in_text(message: InboundMessage) -> Fields | None:
    """A report that lost its MIME structure on the way: all the fields that it must have (RFC 5965 section 3.1)."""
    start = FEEDBACK_TYPE.search(message.text)
    if start is None:
        return None
    block = message.text[: start.start()].rpartition("\n\n")[2] + message.text[start.start() :].partition("\n\n")[0]
    fields = mime.parse_header(block[:MAX_HEADER].encode("utf-8", "surrogateescape")).fields
    return fields if fields.keys() >= REQUIRED else None


def is_form(message: InboundMessage) -> bool:
    """Whether this is a complaint without a report: by its sender and what it says, or by its beginning."""
    forms = load_forms()
    is_reply, subject = split_prefixes(message.subject)
    if HOTMAIL in message.original_headers:
        return True
    began = begins(hear(beginning_of(message.text)), forms.beginnings)
    if began and not is_reply and not message.in_reply_to and prose.returned_header(message):
        return True
    sent = any(address.lower().endswith(forms.senders) for address in message.from_addresses)
    return sent and (began or says(hear(subject), forms.subjects))


def reported_recipients(report: Fields, original: Fields) -> tuple[str, ...]:
    """Whom the reported message was sent to: by the report, else by what the provider or we wrote in its header."""
    named = tuple(value.partition(";")[2] or value for name in RECIPIENT_NAMES for value in report.get(name, ()))
    found = unredacted(mime.read_addresses(named))
    for name in ORIGINAL_NAMES:
        if found:
            break
        found = unredacted(mime.read_addresses(original.get(name, ())))
    return found


def unredacted(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses that were not redacted."""
    return tuple(address for address in addresses if not is_redacted(address.lower()))


def is_redacted(address: str) -> bool:
    """Whether an address stands for one that the reporter does not tell."""
    local, _, domain = address.partition("@")
    kept = local.strip("[]()*.-_")
    return not kept or kept in REDACTED or "*" in kept or "redacted" in domain.split(".")
