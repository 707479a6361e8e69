"""Requests by mail are answered: through a real mailbox and a real mail server, once, and never in a circle."""

import contextlib
import email
import email.policy
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.parse import quote

import pytest

from mailconsent.model import Channel, Evidence, Reason, Receipt
from mailconsent.services.installation import Installation
from mailconsent.services.undoing import undo
from tests.doors.mails import mail
from tests.houses import House, ask, consent, inbox_settings, rows, token_for, until
from tests.real.dovecot import Dovecot
from tests.real.smtp import SmtpServer
from worker import Worker

ANNA = "anna@example.com"


def inbox(user: str, dovecot: Dovecot, server: SmtpServer) -> dict[str, str]:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    return inbox_settings(url, SMTP_URL=f"smtp://127.0.0.1:{server.port}", SMTP_SENDER="")


@contextlib.contextmanager
def working(here: Installation) -> Iterator[None]:
    """A worker that has read its mailbox to the end once."""
    worker = Worker(here)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        until(lambda: rows(here, "select 1 from mailboxes where swept_uidvalidity is not null"), "the first sweep")
        yield
    finally:
        worker.stop()
        thread.join(10)
        assert not thread.is_alive(), "the worker did not stop"


def request(sender: str, subject: str, text: str = "", number: int = 1, **fields: str) -> bytes:
    """As `mail`, delivered by a mail server."""
    return mail(sender, subject, text, number, Return_Path=f"<{sender}>", **fields)


def by_post() -> Receipt:
    """The button on our page."""
    support = Evidence(details={"confirm_method": "POST"})
    return Receipt(channel=Channel.PAGE, received_at=datetime.now(UTC), evidence=support)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def said(raw: bytes) -> str:
    text = read(raw).get_content()
    assert isinstance(text, str)
    return text


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def here(house: House, dovecot: Dovecot, user: str, server: SmtpServer) -> Iterator[Installation]:
    with replace(house, environ=inbox(user, dovecot, server)).opened() as installation:
        yield installation


def waiting(here: Installation) -> list[tuple[object, ...]]:
    return sorted(rows(here, "select kind, state, address from outbox"), key=str)


def test_a_request_is_answered_in_its_language_and_what_it_stopped_can_be_undone(
    here: Installation, dovecot: Dovecot, user: str, server: SmtpServer
) -> None:
    consent(here, ANNA)
    with working(here):
        dovecot.append(user, [request(ANNA, "Abmeldung", "Bitte melden Sie mich vom Newsletter ab.")])
        until(lambda: rows(here, "select 1 from outbox where state = 'sent'"), "the answer")

    (letter,) = server.letters
    assert (letter.sender, letter.recipient) == ("", ANNA), "nothing can come back"
    answer = read(letter.raw)
    assert answer["To"] == ANNA
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["In-Reply-To"] == f"<1.{ANNA}>"
    assert answer["Content-Language"] == "de"
    assert waiting(here) == [("acknowledgement", "sent", None)], "the address goes with the letter"
    link = re.search(r"http\S+/r/([a-z2-7]+)", said(letter.raw))
    assert link
    claim = here.store.keyring.read_undo(link[1], now=datetime.now(UTC))
    with here.store.begin() as tx:
        undo(tx, claim, by_post())
    assert ask(here, ANNA)[0].allowed


def test_a_first_sweep_is_not_answered_nor_is_old_mail_nor_a_copy(
    here: Installation, dovecot: Dovecot, user: str, server: SmtpServer
) -> None:
    first = request("cecilia@example.org", "Unsubscribe")
    dovecot.append(user, [first])
    with working(here):
        dovecot.append(user, [request("bo@example.net", "Unsubscribe")], received_at=datetime.now(UTC) - timedelta(4))
        dovecot.append(user, [first])
        dovecot.append(user, [request(ANNA, "Unsubscribe")])
        until(lambda: server.letters, "the answer to the last of them")
        until(lambda: rows(here, "select 1 from outbox where state = 'sent'"))

    assert [letter.recipient for letter in server.letters] == [ANNA]
    addresses = (ANNA, "bo@example.net", "cecilia@example.org")
    assert {answer.reason for answer in ask(here, *addresses)} == {Reason.WITHDRAWN}, "each of them counts"


def test_who_asks_with_somebody_elses_link_is_covered_too_and_told_of_both(
    here: Installation, dovecot: Dovecot, user: str, server: SmtpServer
) -> None:
    consent(here, ANNA)
    token = token_for(here, ANNA)
    with working(here):
        dovecot.append(user, [request("bo@example.net", token)])
        until(lambda: server.letters, "the answer")

    (letter,) = server.letters
    assert letter.recipient == "bo@example.net"
    assert "Blog newsletter" in said(letter.raw)
    assert "to the address that your link belongs to" in said(letter.raw)
    assert [decision.reason for decision in ask(here, ANNA, "bo@example.net")] == [Reason.WITHDRAWN] * 2


def test_without_a_mail_server_nobody_is_answered(
    house: House, dovecot: Dovecot, user: str, server: SmtpServer
) -> None:
    environ = {name: value for name, value in inbox(user, dovecot, server).items() if "SMTP" not in name}
    with replace(house, environ=environ).opened() as here, working(here):
        dovecot.append(user, [request(ANNA, "Unsubscribe")])
        until(lambda: rows(here, "select 1 from inbound_messages"))

        assert waiting(here) == []
