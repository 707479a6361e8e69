"""One message from the pipe of a mail server. It does what it would do in the inbox; if it comes there too, once."""

import email.utils
import secrets
from datetime import UTC, datetime

from mailconsent.mailbox import Fetched
from mailconsent.message import MAX_MESSAGE, InboundMessage, normalize_line_ends, parse_message
from mailconsent.policy.reports import STRICTEST, Reports
from mailconsent.services.inbox.answers import Answers
from mailconsent.services.inbox.judging import Judged
from mailconsent.services.inbox.processing import take_in
from mailconsent.store import Transaction
from mailconsent.store.inbox import Stored
from mailconsent.store.mailboxes import pipe_cursor

#: Bits of a UID: no more than a name of a mail has digits for (`MailId`), and too many for two to be alike.
UID_BITS = 59


def piped(raw: bytes, *, now: datetime) -> Fetched:
    """
    The message as a server would hold and the worker would fetch it: with CRLF line ends (RFC 5322 section 2.3), and as
    much of it. Where it is the same message, its digests are then the same.
    """
    held = normalize_line_ends(raw[: 2 * MAX_MESSAGE]).replace(b"\n", b"\r\n")[:MAX_MESSAGE]
    # By chance, since a counter would be a lock that all wait for.
    return Fetched(uid=secrets.randbits(UID_BITS), raw=held, received_at=arrival(parse_message(held), now=now))


def arrival(message: InboundMessage, *, now: datetime) -> datetime:
    """
    When our mail server took the message in, as the topmost Received field says (RFC 5321 section 4.4), and no later
    than now. Where no server wrote one, an old mailbox may be fed to us: then Date counts.
    """
    stamp = message.header("received").rpartition(";")[2] or message.date
    try:
        stamped = email.utils.parsedate_to_datetime(stamp)
        stamped = stamped.replace(tzinfo=UTC) if stamped.tzinfo is None else stamped.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # `email` has many ways to say that it is no date
        return now
    return min(stamped, now)


def ingest(
    tx: Transaction,
    judged: Judged,
    *,
    now: datetime,
    reports: Reports = STRICTEST,
    answers: Answers | None = None,
) -> Stored:
    """Store a message from the pipe with what it does, as `process` does it; there is no mailbox to mark it in."""
    return take_in(tx, pipe_cursor(tx), [judged], now=now, reports=reports, answers=answers, marks=False)[0]
