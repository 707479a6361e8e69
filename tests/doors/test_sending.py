"""Letters on their way from the outbox to a real mail server: sent once, tried again, given up."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from mailconsent.errors import PostboxRefused, PostboxUnavailable, StorageUnavailable
from mailconsent.loops import sending
from mailconsent.loops.sending import Sender
from mailconsent.postbox import Fate, Verdict
from mailconsent.services.installation import Installation
from mailconsent.services.outbox import LEASE, LONGEST_PAUSE, conclude, pause_after, take
from mailconsent.smtp_url import Encryption, MailServer
from mailconsent.store.outbox import Letter, LetterKind, LetterState, add_letter
from mailconsent.store.recipients import lock_address
from tests.houses import build, inbox_settings, rows, until
from tests.real.dovecot import Dovecot
from tests.real.ports import free_port
from tests.real.smtp import SmtpServer
from worker import Worker

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NOT_NOW, NEVER = Verdict(Fate.DEFERRED, "450 4.2.1"), Verdict(Fate.REFUSED, "550 5.1.1")


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def write(here: Installation, *addresses: str, at: datetime = NOW) -> None:
    with here.store.begin() as tx:
        for number, address in enumerate(addresses):
            add_letter(
                tx,
                Letter(
                    recipient_id=lock_address(tx, address).id,
                    id=f"{number:032}",
                    kind=LetterKind.ACKNOWLEDGEMENT,
                    address=address,
                    raw=f"Message-ID: <{number}@example.com>\r\nTo: {address}\r\n\r\nDone.\r\n".encode(),
                    created_at=at,
                    expires_at=at + DAY,
                ),
            )


def sender(here: Installation, server: SmtpServer | int) -> Sender:
    port = server if isinstance(server, int) else server.port
    return Sender(here, MailServer(host="127.0.0.1", port=port, encryption=Encryption.NONE), threading.Event())


def states(here: Installation) -> list[tuple[object, ...]]:
    return sorted(rows(here, "select state, status, attempts from outbox"), key=str)


def hurry(here: Installation) -> None:
    """Let the time pass for which letters rest."""
    with here.store.begin() as tx:
        tx.connection.execute(text("update outbox set due_at = created_at"))


def conclude_one(here: Installation, verdict: Verdict | None, *, now: datetime) -> LetterState | None:
    with here.store.begin() as tx:
        letter = take(tx, "one", now=now)
        return conclude(tx, letter, "one", verdict, now=now) if letter else None


def test_all_that_is_due_is_sent_over_one_connection_and_only_once(
    installation: Installation, server: SmtpServer
) -> None:
    write(installation, "anna@example.com", "bo@example.net")

    for _ in range(2):
        sender(installation, server).send_all()

    assert sorted(letter.recipient for letter in server.letters) == ["anna@example.com", "bo@example.net"]
    assert server.verbs.count("EHLO") == 1
    assert states(installation) == [("sent", "250 2.0.0", 1)] * 2


def test_one_that_is_refused_keeps_no_other_back(installation: Installation, server: SmtpServer) -> None:
    write(installation, "anna@example.com", "bo@example.net")
    server.answers["RCPT"] = "550 5.1.1 no"
    here = sender(installation, server)
    here.send_all()

    assert states(installation) == [("refused", "550 5.1.1", 1)] * 2
    assert rows(installation, "select 1 from outbox where address is not null or raw is not null") == []


def test_one_that_is_put_off_is_the_same_message_when_it_is_tried_again(
    installation: Installation, server: SmtpServer
) -> None:
    write(installation, "anna@example.com")
    server.answers["letter"] = "451 4.3.0 try later"
    here = sender(installation, server)
    here.send_all()
    here.send_all()
    assert states(installation) == [("waiting", "451 4.3.0", 1)], "not before its time"

    del server.answers["letter"]
    hurry(installation)
    here.send_all()

    assert states(installation) == [("sent", "250 2.0.0", 2)]
    assert len({letter.raw for letter in server.letters}) == 1


def test_a_mail_server_that_is_away_costs_time_and_no_letter(installation: Installation) -> None:
    write(installation, "anna@example.com", "bo@example.net")

    with pytest.raises(PostboxUnavailable):
        sender(installation, free_port()).send_all()

    assert states(installation) == [("waiting", None, 0), ("waiting", None, 1)], "the others are not even tried"
    hurry(installation)
    with SmtpServer() as back:
        sender(installation, back).send_all()
        assert len(back.letters) == 2


def test_what_the_server_accepted_is_not_sent_again_when_the_database_was_away(
    installation: Installation, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(installation, "anna@example.com")
    here = sender(installation, server)
    real = conclude

    def away(*_args: object, **_named: object) -> LetterState:
        raise StorageUnavailable

    monkeypatch.setattr(sending, "conclude", away)
    with pytest.raises(StorageUnavailable):
        here.send_all()
    monkeypatch.setattr(sending, "conclude", real)
    hurry(installation)
    here.send_all()

    assert len(server.letters) == 1
    assert states(installation) == [("sent", "250 2.0.0", 1)]


def test_a_letter_whose_use_is_over_is_given_up(installation: Installation, server: SmtpServer) -> None:
    write(installation, "anna@example.com", at=NOW - DAY)

    sender(installation, server).send_all()

    assert server.letters == []
    assert states(installation) == [("expired", None, 1)]


def test_a_letter_is_tried_again_after_longer_and_longer_pauses_until_its_use_is_over(
    installation: Installation,
) -> None:
    write(installation, "anna@example.com")
    now, tries = NOW, 0
    while state := conclude_one(installation, NOT_NOW if tries % 2 else None, now=now):
        tries += 1
        assert conclude_one(installation, NOT_NOW, now=now + pause_after(tries) / 2) is None, "it rests"
        now += pause_after(tries)
        if state is LetterState.EXPIRED:
            break

    assert [(state, attempts) for state, _, attempts in states(installation)] == [("expired", tries)]
    assert 12 < tries < 24
    assert now - NOW <= DAY + LONGEST_PAUSE


@pytest.mark.parametrize(("verdict", "state"), [(NEVER, "refused"), (Verdict(Fate.ACCEPTED, "250"), "sent")])
def test_a_verdict_that_is_noted_twice_is_as_noted_once(
    installation: Installation, verdict: Verdict, state: str
) -> None:
    write(installation, "anna@example.com")
    with installation.store.begin() as tx:
        letter = take(tx, "one", now=NOW)
        assert letter
        for _ in range(2):
            conclude(tx, letter, "one", verdict, now=NOW)

    assert states(installation) == [(state, verdict.status, 1)]


@pytest.mark.parametrize(
    ("verdict", "state"), [(Verdict(Fate.ACCEPTED, "250"), "sent"), (NEVER, "waiting"), (NOT_NOW, "waiting")]
)
def test_what_another_took_meanwhile_is_theirs_unless_a_server_has_it(
    installation: Installation, verdict: Verdict, state: str
) -> None:
    write(installation, "anna@example.com")
    late = NOW + LEASE
    with installation.store.begin() as tx:
        ours = take(tx, "one", now=NOW)
    with installation.store.begin() as tx:
        theirs = take(tx, "two", now=late)
        assert ours
        assert theirs
        assert conclude(tx, ours, "one", verdict, now=late) == state, "and nothing else is told"
    with installation.store.begin() as tx:
        conclude(tx, theirs, "two", None, now=late)
        again = take(tx, "three", now=late + LONGEST_PAUSE)

    assert (again is None) == (state == "sent")


def test_of_a_letter_that_nobody_remembers_nothing_is_told(installation: Installation) -> None:
    write(installation, "anna@example.com")
    with installation.store.begin() as tx:
        letter = take(tx, "one", now=NOW)
        tx.connection.execute(text("delete from outbox"))
        assert letter
        assert conclude(tx, letter, "one", NEVER, now=NOW) is None


def test_the_pauses_double_up_to_the_longest() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 40)]
    assert [pause.total_seconds() / 60 for pause in pauses[:8]] == [1, 2, 4, 8, 16, 32, 64, 120]
    assert set(pauses[8:]) == {LONGEST_PAUSE}


def test_a_server_that_lets_nobody_in_is_left_alone_for_a_while(installation: Installation, server: SmtpServer) -> None:
    write(installation, "anna@example.com")
    server.answers["MAIL"] = "550 5.7.60 not this sender"
    here = sender(installation, server)

    with pytest.raises(PostboxRefused):
        here.send_all()
    assert here.pause_after(PostboxRefused()) == sending.LONGEST_PAUSE
    assert here.pause_after(PostboxUnavailable()) < sending.LONGEST_PAUSE


def test_a_worker_without_a_mailbox_sends_what_the_pipe_of_a_mail_server_asked_for(
    tmp_path: Path, server: SmtpServer
) -> None:
    environ = {"MAILCONSENT_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", environ).opened() as here:
        write(here, "anna@example.com", at=datetime.now(UTC))
        worker = Worker(here)
        thread = threading.Thread(target=worker.run)
        thread.start()
        until(lambda: rows(here, "select 1 from outbox where state = 'sent'"), "the letter")
        assert thread.is_alive()
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_the_worker_ends_in_time_while_a_server_is_silent_and_its_letter_is_sent_by_the_next(
    tmp_path: Path, dovecot: Dovecot, server: SmtpServer
) -> None:
    url = f"imap://{quote(dovecot.new_user(), safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    environ = inbox_settings(url, SMTP_URL=f"smtp://127.0.0.1:{server.port}")
    home = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", environ)
    server.answers["letter"] = "..."
    with home.opened() as here:
        write(here, "anna@example.com", at=datetime.now(UTC))
        with home.running("worker") as process:
            until(lambda: server.letters, "the letter to be handed in")
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - begun < 5 + 2
        assert rows(here, "select state from outbox") == [("waiting",)]
        del server.answers["letter"]
        hurry(here)
        with home.running("worker", log="second.log"):
            until(lambda: rows(here, "select 1 from outbox where state = 'sent'"), "the next to send it")

    assert len({letter.raw for letter in server.letters}) == 1, "once more, and the same message"
    assert '"letter"' in home.log("second.log")
    assert "@" not in home.log() + home.log("second.log")
