"""No two programs answer each other in a circle, whatever the other one is."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from mailconsent.services.installation import Installation
from tests.doors.mails import mail
from tests.houses import POLICY, build, inbox_settings, rows, until
from tests.real.dovecot import Dovecot
from tests.real.smtp import Letter, SmtpServer
from worker import Worker

#: What an auto-responder says: of the worst kind, the very words of a request.
RESPONSES = [
    ("Automatic reply: {subject}", "I am away until Monday.", {"Auto_Submitted": "auto-replied"}),
    ("Re: {subject}", "Thank you for your mail. We will answer within two days.", {}),
    ("Unsubscribe", "Unsubscribe", {}),
    ("Ticket 4711: unsubscribe", "Please remove me from your list.", {"Precedence": "bulk"}),
]


class Post:
    """A mail server with a mailbox for everybody: it writes the return path down, as the last one on the way does."""

    def __init__(self, dovecot: Dovecot) -> None:
        self.dovecot = dovecot
        #: Who sent what to whom, in order.
        self.carried: list[Letter] = []
        self.responders: dict[str, tuple[str, str, dict[str, str]]] = {}

    def deliver(self, letter: Letter) -> None:
        self.carried.append(letter)
        path = f"Return-Path: <{letter.sender}>\r\n".encode()
        self.dovecot.append(letter.recipient, [path + letter.raw])
        if letter.recipient in self.responders:
            self._respond(letter)

    def _respond(self, letter: Letter) -> None:
        """To the return path as it should, and where there is none, to From, as the bad ones do."""
        subject, text, fields = self.responders[letter.recipient]
        raw = letter.raw.decode("utf-8", "replace")
        names = dict(line.split(": ", 1) for line in raw.partition("\r\n\r\n")[0].split("\r\n") if ": " in line)
        back = letter.sender or names["From"].rpartition("<")[2].rstrip(">")
        number = len(self.carried)
        answer = mail(letter.recipient, subject.format(subject=names["Subject"]), text, number, **fields)
        self.deliver(
            Letter(letter.recipient, back, answer.replace(b"contact@example.com", back.encode()), "", False, "")
        )


@pytest.fixture
def post(dovecot: Dovecot) -> Post:
    return Post(dovecot)


@contextlib.contextmanager
def company(folder: Path, contact: str, dovecot: Dovecot, server: SmtpServer) -> Iterator[Installation]:
    """An installation whose contact inbox is this address, and its worker at work."""
    folder.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(POLICY.read_text("utf-8").replace("contact@example.com", contact), "utf-8")
    environ = inbox_settings(
        f"imap://{quote(contact, safe='')}@127.0.0.1:{dovecot.port}/INBOX",
        SMTP_URL=f"smtp://127.0.0.1:{server.port}",
        POLICY=str(policy),
        MAILTO="",
    )
    with build(folder, f"sqlite:///{folder}/mailconsent.db", environ).opened() as here:
        worker = Worker(here)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            until(lambda: rows(here, "select 1 from mailboxes where swept_uidvalidity is not null"), "the first sweep")
            yield here
        finally:
            worker.stop()
            thread.join(10)


def settled(here: Installation, messages: int) -> bool:
    """Whether so many messages were read, and nothing waits to be sent."""
    read = rows(here, "select count(*) from inbound_messages")[0][0]
    return read == messages and not rows(here, "select 1 from outbox where state = 'waiting'")


def test_two_workers_that_write_to_each_other_come_to_an_end(tmp_path: Path, dovecot: Dovecot, post: Post) -> None:
    one, two = dovecot.new_user(), dovecot.new_user()
    with (
        SmtpServer(deliver=post.deliver) as server,
        company(tmp_path / "one", one, dovecot, server) as first,
        company(tmp_path / "two", two, dovecot, server) as second,
    ):
        # Somebody plays them off against each other: each is told that the other wants no more mail.
        post.deliver(Letter(two, one, mail(two, "Unsubscribe"), "", False, ""))
        post.deliver(Letter(one, two, mail(one, "Unsubscribe"), "", False, ""))

        # Each reads the request, answers it, and reads the other's answer.
        until(lambda: settled(first, 2) and settled(second, 2), "all to be read")

        assert sorted(letter.recipient for letter in server.letters) == sorted([one, two])
        for here in (first, second):
            assert sorted(rows(here, "select label from inbound_messages")) == [("auto_reply",), ("unsubscribe",)]
            assert rows(here, "select count(*) from events") == [(1,)], "an answer is no request"


def test_auto_responders_that_answer_everything_are_answered_once_a_week_at_most(
    tmp_path: Path, dovecot: Dovecot, post: Post
) -> None:
    contact = dovecot.new_user()
    post.responders = {dovecot.new_user(): response for response in RESPONSES}
    with (
        SmtpServer(deliver=post.deliver) as server,
        company(tmp_path / "one", contact, dovecot, server) as here,
    ):
        for responder in post.responders:
            post.deliver(Letter(responder, contact, mail(responder, "Unsubscribe"), "", False, ""))
        until(lambda: settled(here, 8), "the requests and what the responders say")
        # They are not to be stopped, and neither is anybody who writes again.
        for number in range(12):
            sender = list(post.responders)[number % 4]
            post.deliver(Letter(sender, contact, mail(sender, "Unsubscribe", number=100 + number), "", False, ""))
        until(lambda: settled(here, 20), "all to be read")

        assert sorted(letter.recipient for letter in server.letters) == sorted(post.responders)
        assert rows(here, "select count(*) from outbox") == [(4,)]
