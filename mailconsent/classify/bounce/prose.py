"""
Bounces in prose: the forms of qmail, Exim, sendmail, Exchange, Domino, gateways and providers that have no report.

Rules of this file:

1. The explanation ends where the returned message begins; beyond it, the words are our own.
2. What it says decides only where all of it agrees; else the bounce is `bounce_unknown`.
3. A notice that a message is late is automatic mail, unless it says as well that it failed; so is one that it was
   delivered, or that somebody has to let it in.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from mailconsent import mime
from mailconsent.classify.bounce import mentioned, notification
from mailconsent.classify.bounce.status import VAGUE, find_statuses, judge, read_words, weigh
from mailconsent.classify.machine_text import whole_text
from mailconsent.classify.returned import returned_claims
from mailconsent.classify.sayings import Sayings, gather, hear, load_table, says
from mailconsent.classify.token import quoted_claims
from mailconsent.message import InboundMessage
from mailconsent.mime import Fields
from mailconsent.model import Classification, Label, MailedClaim

#: What comes before the returned message; nothing longer explains anything.
MAX_EXPLANATION = 6_000
MAX_RETURNED_HEADER = 8_000

HEADER_START = re.compile(r"^(?:Return-Path|Received|X-Original-To|Message-ID|MIME-Version)[ \t]*:", re.M | re.I)


class BounceForms(NamedTuple):
    """What is known of the forms of bounces, from `forms.toml`."""

    subjects: Sayings
    beginnings: Sayings
    failures: Sayings
    delays: Sayings
    no_failures: Sayings
    returned: tuple[str, ...]


@cache
def load_bounce_forms() -> BounceForms:
    """The forms in this package."""
    table = load_table("bounce/forms.toml")
    return BounceForms(
        subjects=gather(table["subjects"]),
        beginnings=gather(table["beginnings"]),
        failures=gather(table["failures"]),
        delays=gather(table["delays"]),
        no_failures=gather(table["no_failures"]),
        returned=tuple(map(str.lower, table["returned"])),
    )


def classify(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification:
    """What the codes and the words of the explanation say, if they agree."""
    text = explain(message)
    code, by_words = weigh_text(text)
    if judge(code) != Label.BOUNCE_HARD and is_late(message, text):
        return Classification(label=Label.AUTO_REPLY, detector="bounce", reason="words of a delay", confidence=0.8)
    # Words that stand for a code are about somebody, if they are about a failure.
    is_vague = not code or (by_words and not recipients_in_text(message))
    if is_vague and says(hear(text), load_bounce_forms().no_failures):
        return Classification(label=Label.AUTO_REPLY, detector="bounce", reason="nothing failed", confidence=0.8)
    label = judge(code)
    reason = f"words for status {code}" if by_words else f"status {code} in text"
    return Classification(
        label=label,
        detector="bounce",
        reason=reason if code else "sender or subject of a bounce",
        confidence=0.7,
        addresses=recipients_in_text(message),
        claims=quoted_claims(message, read_token),
        returned=returned_claims(message, returned_header(message), read_token),
        status=code,
    )


def weigh_text(text: str) -> tuple[str, bool]:
    """The status on which an explanation agrees with itself, or nothing; and whether its words decided."""
    codes = find_statuses(text)
    telling = [code for code in codes if not VAGUE.fullmatch(code)]
    # Of several codes nobody knows which one the words are about.
    weighed = [weigh(code, text if len(telling) == 1 else "") for code in telling]
    if weighed:
        return weighed[0] if len({judge(code) for code, _by_words in weighed}) == 1 else ("", False)
    meaning = read_words(text)
    if meaning is not None:
        return meaning.status, True
    return (codes[0], False) if len({judge(code) for code in codes}) == 1 else ("", False)


def is_late(message: InboundMessage, text: str) -> bool:
    """Whether prose says that a message is late, and will be tried again."""
    delays = load_bounce_forms().delays
    return says(hear(message.subject), delays) or says(hear(text), delays)


def explain(message: InboundMessage) -> str:
    """What a bounce says before the message that it returns."""
    return split_returned(whole_text(message))[0]


def split_returned(text: str) -> tuple[str, str]:
    """The explanation, and the message that is returned below it."""
    text = text[: 2 * MAX_EXPLANATION + MAX_RETURNED_HEADER]
    lower = text.lower()
    # Looking for each as it stands takes a tenth of the time of one pattern with all of them.
    ends = [at for mark in load_bounce_forms().returned if (at := lower.find(mark, 1)) > 0]
    ends += [match.start()] if (match := HEADER_START.search(text, 1)) else []
    end = min(ends, default=len(text))
    return text[: min(end, MAX_EXPLANATION)], text[end:]


def returned_header(message: InboundMessage) -> Fields:
    """The header of the returned message, attached or below the explanation."""
    if message.original_headers:
        return message.original_headers
    if told := notification.returned_header(message):
        return told
    below = split_returned(whole_text(message))[1]
    start = HEADER_START.search(below)
    if start is None:
        return {}
    block = below[start.start() :][:MAX_RETURNED_HEADER].partition("\n\n")[0]
    return mime.parse_header(block.encode("utf-8", "surrogateescape")).fields


def recipients_in_text(message: InboundMessage) -> tuple[str, ...]:
    """Whom a bounce names as the one it could not reach; else to whom the message was that it returns."""
    failed = mime.read_addresses(message.headers.get("x-failed-recipients", ()))
    if failed:
        return failed
    header = returned_header(message)
    sent_to = mime.read_addresses(header.get("to", ()) + header.get("cc", ()))
    ours = (
        *message.recipient_addresses,
        *message.from_addresses,
        *mime.read_addresses(header.get("from", ()) + header.get("sender", ()) + header.get("return-path", ())),
    )
    return mentioned.find_recipients(explain(message), sent_to, frozenset(map(str.lower, ours)))
