"""
Delivery status notifications (RFC 3464): what the block of each recipient says.

Rules of this file:

1. Of several recipients the gravest answer is given, and only those are named whom it is about.
2. A report that lost its MIME structure on the way is still one: its fields are looked for in the text.
3. The final recipient is named, unless that is a name from inside somebody's network, which nobody can have given us:
   then the one we wrote to (RFC 3464 section 2.3.1).
"""

import re
from collections.abc import Callable, Iterator

from mailconsent import mime
from mailconsent.classify.bounce.prose import explain, recipients_in_text, returned_header
from mailconsent.classify.bounce.status import VAGUE, judge, read_status, weigh
from mailconsent.classify.returned import returned_claims
from mailconsent.classify.token import quoted_claims
from mailconsent.message import MAX_BLOCKS, InboundMessage, first
from mailconsent.mime import Fields
from mailconsent.model import Classification, Label, MailedClaim

#: Characters of a field that are read, since this is done for each recipient: no server says more to one.
MAX_ANSWER = 1_000
GRAVITY = (Label.BOUNCE_HARD, Label.BOUNCE_SOFT, Label.BOUNCE_UNKNOWN)
#: What is no failure (RFC 3464 section 2.3.3). Any other value counts as one: mail in the wild has `expired`.
#: `deliverable` is the answer of Postfix to a probe.
NO_FAILURES = frozenset({"delayed", "delivered", "relayed", "expanded", "deliverable"})
#: The fields of a recipient's block where they stand in prose.
RECIPIENT_FIELD = re.compile(
    r"^(?:Final-Recipient|Original-Recipient|Action|Status)[ \t]*:", re.MULTILINE | re.IGNORECASE
)
BLANK_LINE = re.compile(r"\n[ \t]*\n")
ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


def is_recipient_block(kind: str, fields: Fields) -> bool:
    """Whether a block of a report is about one recipient (RFC 3464 section 2.3)."""
    return kind.endswith("delivery-status") and (
        "final-recipient" in fields or "action" in fields or "status" in fields
    )


def blocks_in_text(text: str) -> list[Fields]:
    """The recipients' blocks of a report that stands in a text."""
    return list(find_blocks(text))[:MAX_BLOCKS]


def find_blocks(text: str) -> Iterator[Fields]:
    """The recipients' blocks in a text: paragraphs with a recipient and what happened."""
    for paragraph in BLANK_LINE.split(text):
        start = RECIPIENT_FIELD.search(paragraph)
        if start is None:
            continue
        fields = mime.parse_header(paragraph[start.start() :].encode("utf-8", "surrogateescape")).fields
        if "final-recipient" in fields and ("action" in fields or "status" in fields):
            yield fields


def classify(
    message: InboundMessage, recipients: list[Fields], read_token: Callable[[str], MailedClaim]
) -> Classification:
    """What the blocks of the recipients say."""
    failed = [fields for fields in recipients if action(fields) == "failed"]
    if not failed:
        return Classification(
            label=Label.AUTO_REPLY, detector="bounce", reason=f"action {action(recipients[0])}", confidence=1.0
        )
    beside = explain(message) if len(failed) == 1 else ""
    weighed = [(*weigh_block(fields, beside), fields) for fields in failed]
    label = min((judge(code) for code, _by_words, _fields in weighed), key=GRAVITY.index)
    concerned = [(code, by_words, fields) for code, by_words, fields in weighed if judge(code) == label]
    code, by_words, _fields = concerned[0]
    named = tuple(dict.fromkeys(address for *_, fields in concerned for address in recipient(fields)))
    return Classification(
        label=label,
        detector="bounce",
        reason=f"words for status {code}" if by_words else f"status {code or 'missing'}",
        confidence=0.8 if by_words or label == Label.BOUNCE_UNKNOWN else 1.0,
        addresses=named or recipients_in_text(message),
        claims=quoted_claims(message, read_token),
        returned=returned_claims(message, returned_header(message), read_token),
        status=code,
    )


def action(fields: Fields) -> str:
    """The Action of a recipient block (RFC 3464 section 2.3.3); what is no action of the RFC counts as `failed`."""
    value = first(fields, "action").partition("(")[0].strip().lower()
    return value if value in NO_FAILURES else "failed"


def weigh_block(fields: Fields, beside: str) -> tuple[str, bool]:
    """The status to go by for one recipient; the text `beside` the report counts where the report gives no reason."""
    status, diagnostic = (first(fields, name)[:MAX_ANSWER] for name in ("status", "diagnostic-code"))
    code = read_status(status, diagnostic.partition(";")[2] or diagnostic)
    found, by_words = weigh(code, f"{diagnostic} {status}")
    if by_words or not beside or (found and not VAGUE.fullmatch(found)) or found.startswith("4"):
        return found, by_words
    told = read_status("", beside) or found
    return weigh(told if told[:1] == found[:1] or not found else found, beside)


def recipient(fields: Fields) -> tuple[str, ...]:
    """Whom a block is about."""
    final, original = (read_recipient(fields, name) for name in ("final-recipient", "original-recipient"))
    return (original or final) if not final or is_internal(final[0]) else final


def read_recipient(fields: Fields, name: str) -> tuple[str, ...]:
    """The address of a recipient field, whose type comes before it: `rfc822;`, or `utf-8;` (RFC 6533 section 3)."""
    values = []
    for value in (text[:MAX_ANSWER] for text in fields.get(name, ())):
        kind, _, address = value.partition(";")
        # RFC 6533 section 3, utf-8-addr-xtext: \x{5BF6} for a letter that ASCII lacks.
        values.append(ESCAPED.sub(unescape, address) if kind.strip().lower() == "utf-8" else address or value)
    return mime.read_addresses(tuple(values))


def unescape(match: re.Match[str]) -> str:
    """The letter that an escape of RFC 6533 stands for."""
    code = int(match[1], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]


def is_internal(address: str) -> bool:
    """Whether a domain is the name of one machine, which means something inside one network only."""
    return "." not in address.rpartition("@")[2].rstrip(".")
