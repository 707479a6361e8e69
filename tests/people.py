"""Persons of whom much is recorded, and a look into every column of every table."""

from datetime import timedelta

from sqlalchemy import text

from mailconsent.mailbox import Fetched
from mailconsent.model import Channel, EventKind, Evidence, LegalBasis, Reason
from mailconsent.notice import Notice
from mailconsent.services import senders
from mailconsent.services.consents import request_consent
from mailconsent.services.inbox import judge, process
from mailconsent.services.installation import Installation
from mailconsent.store.ledger import append
from mailconsent.store.mailboxes import read_cursor, take_lease
from mailconsent.store.outbox import Letter, LetterKind, add_letter
from mailconsent.store.recipients import lock_address
from mailconsent.store.sends import Send, keep_sends
from tests.cast import NOW, receipt

#: Evidence that would like to be a program, a terminal's command or half a character.
HOSTILE = "</dd><script>alert(1)</script>\x1b[2J\"'{{ 7*7 }}"
SECRETS = ("10.20.30.40", "Mozilla/5.0 (Anna's own)", "Please stop, says Anna")
#: A mail that a human has to judge.
UNCLEAR = "Unsubscribe\n\nPlease do not unsubscribe me."
_LEASE = timedelta(minutes=5)


def live_through(here: Installation, address: str, *, uid: int = 1) -> None:
    """A consent with its proof, another asked for, a sale, a mail sent, mail to the inbox, and an answer that waits."""
    policy, store = here.rules.policy, here.store
    blog, industry = policy.topic("blog"), policy.topic("industry")
    notice = Notice(key="blog", version="3", language="en", text="Yes, send me the blog. I can withdraw at any time.")
    given = receipt(ip=SECRETS[0], agent=SECRETS[1], wording=HOSTILE, form="footer-2", owner=address)
    with store.begin() as tx:
        senders.record_consent(tx, blog, address, given, notice=notice, language="da", country="DK")
    with store.begin() as tx:
        asked = receipt(
            Channel.PAGE,
            minutes=1,
            form="footer-2",
            form_version="7",
            checkbox="news",
            default_state="unchecked",
            bundled="no",
            withdrawal_told="yes",
            action="ticked",
            page_url="https://www.example.com/?who=Anna",
        )
        told = Notice(key="industry", version="1", language="en", text="Yes, industry news. I can withdraw.")
        request_consent(tx, industry, address, asked, notice=told)
    with store.begin() as tx:
        sold = receipt(minutes=2).event(
            EventKind.SALE, 0, facts={"order": "a", "sold_on": "2026-03-01", "categories": "mri", "notice": "1"}
        )
        append(tx, lock_address(tx, address), sold, Evidence(details={"invoice": f"for {address}"}))
    with store.begin() as tx:
        person = lock_address(tx, address)
        sent = Send(recipient_id=person.id, reason=Reason.CONSENT, basis=LegalBasis.CONSENT, seq=1)
        keep_sends(tx, "spring", blog.number, NOW.date(), [sent])
    deliver(here, address, f"Unsubscribe\n\n{SECRETS[2]}", uid=uid)
    deliver(here, address, f"{UNCLEAR} {SECRETS[2]}", uid=uid + 1)
    with store.begin() as tx:
        answer = Letter(
            recipient_id=lock_address(tx, address).id,
            id=f"{uid:032}",
            kind=LetterKind.ACKNOWLEDGEMENT,
            address=address,
            raw=f"To: {address}\r\n\r\nIt is done.\r\n".encode(),
            created_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
        add_letter(tx, answer)


def deliver(here: Installation, sender: str, words: str, *, uid: int) -> None:
    """Mail to the contact inbox, read by the worker: the subject, a blank line, the text."""
    subject, _, body = words.partition("\n\n")
    raw = f"From: {sender}\r\nTo: contact@example.com\r\nSubject: {subject}\r\nMessage-ID: <{uid}@x>\r\n\r\n{body}\r\n"
    fetched = Fetched(uid=uid, raw=raw.encode(), received_at=NOW)
    with here.store.begin() as tx:
        take_lease(tx, "box", "worker", now=NOW, lease=_LEASE)
        cursor = read_cursor(tx, "box", 7)
        process(tx, cursor, "worker", [judge(fetched, here.store.keyring.read_token)], now=NOW, lease=_LEASE)


def everything(here: Installation) -> str:
    """All that stands in the database, in every column of every table."""
    with here.store.read() as tx:
        sqlite = here.store.is_sqlite
        query = (
            "select name from sqlite_master where type = 'table'"
            if sqlite
            else "select table_name from information_schema.tables where table_schema = 'public'"
        )
        tables = tx.connection.execute(text(query)).scalars().all()
        # The policy is the company's own text, and no record of anybody.
        rows = [
            tuple(row)
            for name in tables
            if name != "policies"
            for row in tx.connection.execute(text(f"select * from {name}"))
        ]
    return "\n".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for row in rows
        for value in row
    )
