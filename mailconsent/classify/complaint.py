"""
Complaints: feedback reports of RFC 5965, and the forms of providers that send none (`complaint_form`).

Rules of this file:

1. Only what a provider sends is a complaint. A person who writes that our mail is spam is read as a person.
2. `not-spam` (RFC 6430) and `auth-failure` (RFC 6591) are reports, but no complaints.
3. Reporters redact the recipient (RFC 6590), so the tokens in the reported message identify before any address does.
   What stands for a redacted address is no address.
4. Nothing here says that the reporter is who it says it is: whether a complaint counts is decided by its token, or by
   who authenticated it.
5. How a text begins, and fields of a report in it, may be a person's. Own words that ask are a request; where it may be
   either, marketing stops until a human has read it.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from mailconsent import mime
from mailconsent.classify import complaint_form, unsubscribe
from mailconsent.classify.bounce import notification, prose
from mailconsent.classify.identity import is_ours, our_keys, requesters
from mailconsent.classify.returned import returned_claims
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
ORIGINAL_NAMES = (complaint_form.HOTMAIL, "to", "x-rcpt-to", "x-original-to", "delivered-to")
#: What reporters put in place of a local part.
REDACTED = frozenset(
    {"redacted", "xxx", "xxxx", "xxxxx", "hidden", "undisclosed", "removed", "x", "anonymous", "user-redacted"}
)
FEEDBACK_TYPE = re.compile(r"^Feedback-Type[ \t]*:", re.MULTILINE | re.IGNORECASE)
REQUIRED = frozenset({"feedback-type", "user-agent", "version"})


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A complaint, if the message carries a feedback report or is known for one by its form."""
    attached = (fields for kind, fields in message.reports if kind == "message/feedback-report")
    report = next(attached, None)
    if report is None:
        report = notification.feedback_report(message)
    if report is not None:
        return read_report(message, report, read_token)
    if (lost := report_in_text(message)) is not None:
        found, is_person = read_report(message, lost, read_token), False
    elif complaint_form.is_form(message):
        return read_form(message, read_token)
    elif complaint_form.begins_as_form(message):
        found, is_person = read_form(message, read_token), not complaint_form.is_desk(message)
    else:  # nearly all mail
        return None
    asks = unsubscribe.detect(message, read_token) is not None
    if asks and (is_person or found.label is not Label.COMPLAINT):
        return None
    return doubt(message, found) if asks or is_person else found


def read_report(message: InboundMessage, report: Fields, read_token: Callable[[str], MailedClaim]) -> Classification:
    """What a feedback report says."""
    kind = report.get("feedback-type", ("other",))[0].partition("(")[0].strip().lower()
    # An unregistered type counts as `other` (RFC 5965 section 3.1), and its text is the reporter's.
    kind = kind if kind in REGISTERED else "other"
    if kind in NO_COMPLAINT:
        return Classification(label=Label.OTHER, detector="complaint", reason=f"feedback-type {kind}", confidence=1.0)
    complainers = reported_recipients(report, message.original_headers)
    return answer(message, read_token, f"feedback-type {kind}", complainers)


def read_form(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification:
    """A complaint without a report."""
    complainers = reported_recipients({}, prose.returned_header(message))
    return answer(message, read_token, "form of a provider", complainers)


def doubt(message: InboundMessage, found: Classification) -> Classification:
    """The same, where a person may have written it: marketing to them stops, too, and a human reads it."""
    ours = our_keys(message)
    return replace(
        found,
        label=Label.UNSURE,
        reason="a provider's complaint, or a person's",
        confidence=0.5,
        addresses=requesters(message),
        named=tuple(address for address in found.addresses if not is_ours(address, ours)),
        returned=(),
    )


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
