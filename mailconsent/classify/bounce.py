"""
Bounces: delivery status notifications of RFC 3464 and RFC 6522, and the formats from before them.

Rules of this file:

1. Only a status code (RFC 3463) makes a bounce hard or soft. What a bounce merely says in words is `bounce_unknown`.
2. A hard bounce says that the address is dead. Where the fault may be ours (5.7.x: policy, reputation, authentication)
   or the message's (5.6.x, 5.3.4), it is `bounce_unknown`, so that nobody is suppressed for our own fault.
3. Only `Action: failed` is a bounce. Delays, relays and receipts are automatic mail.
4. If the reply code of SMTP and the status disagree on the class, SMTP wins (RFC 3463 section 2 leaves it open; mail in
   the wild has `421 5.7.32`).
"""

import re
from collections.abc import Callable

from mailconsent import mime
from mailconsent.classify.token import quoted_claims
from mailconsent.message import InboundMessage
from mailconsent.mime import Fields
from mailconsent.model import Classification, Label, UnsubscribeClaim

#: No such mailbox or domain, moved, disabled; 5.7.13 account disabled, 5.7.17 and 5.7.18 a new owner (RFC 7293).
HARD = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.7.13", "5.7.17", "5.7.18"})
#: Permanent by the first digit, temporary by meaning: mailbox or disk full, and accidents of routing and DNS.
SOFT = frozenset({"5.2.2", "5.3.1", "5.4.3", "5.4.4", "5.4.6", "5.4.7"})
#: Of a report about several recipients the gravest answer is given, and only for those it is about.
GRAVITY = (Label.BOUNCE_HARD, Label.BOUNCE_SOFT, Label.BOUNCE_UNKNOWN)

STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
#: A reply code with a status: `550 5.1.1`, `550-5.1.1`, `552 #5.2.2`, `550 (5.1.1)`.
REPLY = re.compile(r"(?<![\d.])([245])\d\d[- ][ (#]{0,2}[245](\.\d{1,3}\.\d{1,3})(?!\.?\d)")

DAEMON = re.compile(r"mailer-?daemon", re.IGNORECASE)
POSTMASTER = re.compile(r"postmaster|mail ?deliver|mdaemon", re.IGNORECASE)
SUBJECT = re.compile(
    r"undeliver|deliver|returned (?:e-?)?mail|returning (?:message )?to sender|failure notice|(?:mail|message) failed|"
    r"failed (?:mail|message)|(?:mail|message|system) error|user unknown|unknown user|could not be|"
    r"unzustellbar|zustell|leveres|kunne ikke lever|non remis|no entregado|onbestelbaar|mancato recapito",
    re.IGNORECASE,
)
#: What comes before the returned message in a bounce without structure; beyond it, the words are our own.
MAX_EXPLANATION = 3_000


def detect(message: InboundMessage, read_token: Callable[[str], UnsubscribeClaim]) -> Classification | None:
    """A bounce, or other mail about a delivery, if this is one."""
    recipients = [fields for kind, fields in message.reports if is_recipient_block(kind, fields)]
    if recipients:
        return from_report(message, recipients, read_token)
    if is_nonstandard(message):
        return from_text(message, read_token)
    return None


def is_recipient_block(kind: str, fields: Fields) -> bool:
    """Whether a block of a report is about one recipient (RFC 3464 section 2.3)."""
    return kind.endswith("delivery-status") and (
        "final-recipient" in fields or "action" in fields or "status" in fields
    )


def from_report(
    message: InboundMessage, recipients: list[Fields], read_token: Callable[[str], UnsubscribeClaim]
) -> Classification:
    """What the status blocks say. Of several recipients, only those with the answer given are named."""
    failed = [fields for fields in recipients if action(fields) == "failed"]
    if not failed:
        return Classification(
            label=Label.AUTO_REPLY, detector="bounce", reason=f"action {action(recipients[0])}", confidence=1.0
        )
    judged = [(judge(status(fields)), fields) for fields in failed]
    label = min((label for label, _fields in judged), key=GRAVITY.index)
    concerned = [fields for of, fields in judged if of == label]
    return Classification(
        label=label,
        detector="bounce",
        reason=f"status {status(concerned[0]) or 'missing'}",
        confidence=1.0 if label != Label.BOUNCE_UNKNOWN else 0.8,
        addresses=tuple(dict.fromkeys(address for fields in concerned for address in recipient(fields))),
        claims=quoted_claims(message, read_token),
    )


def is_nonstandard(message: InboundMessage) -> bool:
    """Whether this is a bounce without a report: by its sender, or by a null return path and its subject."""
    if message.header("x-failed-recipients"):  # Exim
        return True
    sender = message.header("from")
    if DAEMON.search(sender) or DAEMON.search(message.return_path or ""):
        return True
    return bool((message.return_path == "" or POSTMASTER.search(sender)) and SUBJECT.search(message.subject))


def from_text(message: InboundMessage, read_token: Callable[[str], UnsubscribeClaim]) -> Classification:
    """What the reply codes in the explanation say, if they agree."""
    text = message.text[:MAX_EXPLANATION]
    codes = list(dict.fromkeys(smtp + rest for smtp, rest in REPLY.findall(text)))
    labels = {judge(code) for code in codes}
    label = labels.pop() if len(labels) == 1 else Label.BOUNCE_UNKNOWN
    return Classification(
        label=label,
        detector="bounce",
        reason=f"status {codes[0]} in text" if label != Label.BOUNCE_UNKNOWN else "sender or subject of a bounce",
        confidence=0.7,
        addresses=mime.read_addresses(message.headers.get("x-failed-recipients", ())),
        claims=quoted_claims(message, read_token),
    )


def action(fields: Fields) -> str:
    """The Action of a recipient block (RFC 3464 section 2.3.3); what is no action of the RFC counts as `failed`."""
    value = fields.get("action", ("",))[0].lower()
    return value if value in ("delayed", "delivered", "relayed", "expanded") else "failed"


def status(fields: Fields) -> str:
    """
    The most telling status of a recipient block.

    What the refusing server said stands in the diagnostic; the Status field is the reporting server's reading of it,
    and often just 5.0.0 or 5.1.1.
    """
    reply = REPLY.search(fields.get("diagnostic-code", ("",))[0])
    if reply:
        return reply[1] + reply[2]
    match = STATUS.search(fields.get("status", ("",))[0])
    return match[0] if match else ""


def judge(code: str) -> Label:
    """What a status code means for the address."""
    if code in HARD:
        return Label.BOUNCE_HARD
    return Label.BOUNCE_SOFT if code.startswith("4") or code in SOFT else Label.BOUNCE_UNKNOWN


def recipient(fields: Fields) -> tuple[str, ...]:
    """Whom a block is about: as the sender wrote the address, else as the last server knew it."""
    for name in ("original-recipient", "final-recipient"):
        found = mime.read_addresses(tuple(value.partition(";")[2] or value for value in fields.get(name, ())))
        if found:
            return found
    return ()
