"""Reports of mail servers about mail of ours, and their way through the contact inbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mailconsent.mailbox import Fetched
from mailconsent.model import Event
from mailconsent.policy.mailing import mailing_of
from mailconsent.policy.reports import STRICTEST, Reports
from mailconsent.services import senders
from mailconsent.services.inbox import judge, process
from mailconsent.services.installation import Installation
from mailconsent.services.senders import Permit
from mailconsent.store.ledger import read_events
from mailconsent.store.mailboxes import read_cursor, take_lease
from mailconsent.store.recipients import lock_address
from tests.houses import rows

#: When the mail was allowed that the reports are about.
SENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
_LEASE = timedelta(minutes=5)
TRUSTED = frozenset({"mx.shop.example"})


def permit_of(here: Installation, address: str, *, topic: str = "blog", now: datetime = SENT) -> Permit:
    """What a mail to somebody who may be mailed carries."""
    about = here.rules.policy.topic(topic)
    with here.store.read() as tx:
        decisions = senders.check(tx, mailing_of(here.rules.policy, about, now=now), [address])
        permit = senders.permits(tx, here.rules, about, [address], decisions, now=now)[0]
    assert permit, "nothing without a yes"
    return permit


def bounce(
    status: str,
    final: str,
    *,
    to: str = "contact@example.com",
    action: str = "failed",
    returned: str = "",
    note: str = "",
) -> bytes:
    """A delivery status notification (RFC 3464), with the header of the returned message."""
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: Undelivered Mail\r\n"
        f"Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{status}.{action}.{note}@mx.example.net>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {final}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: contact@example.com\r\nTo: {final}\r\n"
        f"Subject: News\r\n{returned}\r\n\r\n--b--\r\n"
    ).encode()


def complaint(
    *, sender: str = "fbl@arf.example.net", kind: str = "abuse", named: str = "", returned: str = "", top: str = ""
) -> bytes:
    """A feedback report (RFC 5965), with the header of the reported message."""
    recipient = f"Original-Rcpt-To: {named}\r\n" if named else ""
    return (
        f"{top}From: {sender}\r\nTo: contact@example.com\r\nSubject: FW: News\r\n"
        f"Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{kind}.{named}@arf.example.net>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: FBL/1.0\r\nVersion: 1\r\n{recipient}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"From: contact@example.com\r\nSubject: News\r\n{returned}\r\n\r\n--b--\r\n"
    ).encode()


def with_ours_attached(text: str, *, sender: str, returned: str = "", to: str = "") -> bytes:
    """What somebody writes who attaches mail of ours."""
    return (
        f"Return-Path: <{sender}>\r\nFrom: {sender}\r\nTo: contact@example.com\r\nSubject: Your mail\r\n"
        f"Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nMessage-ID: <attached@{sender}>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: contact@example.com\r\nTo: {to or sender}\r\nSubject: News\r\n{returned}\r\n\r\nNews.\r\n--b--\r\n"
    ).encode()


def deliver(
    here: Installation,
    *mails: bytes,
    at: datetime = SENT + DAY,
    reports: Reports = STRICTEST,
    now: datetime | None = None,
    marks: bool = False,
) -> None:
    """Have the worker read mails that were delivered at that time, and then read them at once or at another."""
    with here.store.begin() as tx:
        take_lease(tx, "box", "worker", now=at, lease=_LEASE)
        cursor = read_cursor(tx, "box", 7)
        fetched = [Fetched(uid=cursor.last_uid + n, raw=raw, received_at=at) for n, raw in enumerate(mails, 1)]
        batch = [judge(one, here.store.keyring.read_mailed, TRUSTED) for one in fetched]
        process(tx, cursor, "worker", batch, now=now or at, lease=_LEASE, reports=reports, marks=marks)


def to_be_marked(here: Installation) -> list[bool]:
    """Of each mail whether it is to be marked as handled."""
    return [bool(lacks) for (lacks,) in rows(here, "select unmarked from inbound_messages order by uid")]


def told_of(here: Installation, address: str) -> list[Event]:
    """The events of one person."""
    with here.store.begin() as tx:
        return read_events(tx, lock_address(tx, address).id)


def states(here: Installation) -> Sequence[tuple[object, ...]]:
    """What became of each mail: its label and its state."""
    return rows(here, "select label, state from inbound_messages order by uid")
