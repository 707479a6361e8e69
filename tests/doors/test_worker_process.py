"""The worker as a process: signals, several of them, and servers that refuse."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import worker
from mailconsent.loops.reading import Reader
from tests.doors.mails import mail
from tests.houses import House, ask, build, consent, events, inbox_settings, rows, unfolded, until
from tests.real.dovecot import Dovecot
from tests.real.postgres import Postgres
from tests.real.relay import Relay


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def postgres_of_our_own() -> Iterator[Postgres]:
    """One that a test may crash."""
    server = Postgres(durable=True)
    yield server
    server.stop()


def house(folder: Path, database_url: str, user: str, port: int, **more: str) -> House:
    return build(folder, database_url, inbox_settings(f"imap://{quote(user, safe='')}@127.0.0.1:{port}/INBOX", **more))


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/mailconsent.db"


def test_it_reads_over_tls_with_a_certificate_it_can_check(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    url = f"imaps://{quote(user, safe='')}@localhost:{dovecot.tls_port}/INBOX"
    home = build(tmp_path, sqlite(tmp_path), inbox_settings(url) | {"SSL_CERT_FILE": str(dovecot.certificate)})
    dovecot.append(user, [mail("anna@example.com", "Unsubscribe")])

    with home.opened() as here, home.running("worker"):
        until(lambda: rows(here, "select uid from inbound_messages"))


def test_a_mail_that_arrives_while_it_idles_takes_effect(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    home = house(tmp_path, sqlite(tmp_path), user, dovecot.port, IMAP_CYCLE="600", IMAP_LEASE="1800")
    with home.opened() as here, home.running("worker"):
        consent(here, "anna@example.com")
        until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"), "the first sweep")
        time.sleep(1)

        dovecot.append(user, [mail("anna@example.com", "Unsubscribe")])

        until(lambda: not ask(here, "anna@example.com")[0].allowed, "the effect", seconds=20)


def test_it_polls_where_the_server_has_no_idle(tmp_path: Path, dovecot: Dovecot, user: str, relay: Relay) -> None:
    relay.mask = b"IDLE"
    home = house(tmp_path, sqlite(tmp_path), user, relay.port)
    with home.opened() as here, home.running("worker"):
        until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"), "the first sweep")
        dovecot.append(user, [mail("anna@example.com", "Unsubscribe")])
        until(lambda: events(here), "the effect")


@pytest.mark.parametrize("state", ["idle", "black hole", "connecting", "sweeping"])
def test_sigterm_ends_it_within_five_seconds(
    tmp_path: Path, dovecot: Dovecot, user: str, relay: Relay, state: str
) -> None:
    home = house(tmp_path, sqlite(tmp_path), user, relay.port, IMAP_TIMEOUT="60", IMAP_CYCLE="60", IMAP_LEASE="180")
    if state == "connecting":
        relay.black_hole()
    if state == "sweeping":
        dovecot.append(user, [mail(f"r{n}@example.com", "Unsubscribe", number=n) for n in range(2000)])
    with home.opened() as here, home.running("worker") as process:
        if state == "connecting":
            until(lambda: "worker started" in home.log())
            time.sleep(0.5)
        elif state == "sweeping":
            until(lambda: rows(here, "select uid from inbound_messages limit 1"))
        else:
            until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"))
        if state == "black hole":
            relay.black_hole()
            time.sleep(0.5)

        process.send_signal(signal.SIGTERM)

        assert process.wait(5) == 0
        stored = rows(here, "select count(*) from inbound_messages")[0][0]
        assert [len(each) for each in events(here).values()] == [1] * int(str(stored)), "what was read had its effect"
        assert unfolded(here) == []


def test_of_two_workers_one_reads_and_the_other_takes_over_when_it_dies(
    tmp_path: Path, database_url: str, dovecot: Dovecot, user: str
) -> None:
    home = house(tmp_path, database_url, user, dovecot.port, IMAP_LEASE="3")
    with home.opened() as here, home.running("worker", log="first.log") as first:
        until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"), "the first sweep")
        with home.running("worker", log="second.log"):
            until(lambda: "worker started" in home.log("second.log"))
            dovecot.append(user, [mail("anna@example.com", "Unsubscribe")])
            until(lambda: len(events(here)) == 1, "the first to read")
            assert "messages read" not in home.log("second.log")

            first.kill()
            dovecot.append(user, [mail("bo@example.net", "Unsubscribe")])

            until(lambda: len(events(here)) == 2, "the second to take over")


def test_a_wrong_password_is_said_and_tried_again_without_telling_it(
    tmp_path: Path, dovecot: Dovecot, user: str
) -> None:
    home = house(tmp_path, sqlite(tmp_path), user, dovecot.port, IMAP_PASSWORD="not-this-one")
    with home.running("worker") as process:
        until(lambda: home.log().count("MailboxRefused") >= 2, "a second try")
        assert process.poll() is None
    assert "not-this-one" not in home.log()
    assert user not in home.log()


def test_a_mailbox_that_is_missing_is_read_once_it_is_there(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/Contact"
    home = build(tmp_path, sqlite(tmp_path), inbox_settings(url))
    with home.opened() as here, home.running("worker"):
        until(lambda: "MailboxRefused" in home.log(), "the refusal")
        dovecot.append(user, [mail("anna@example.com", "Unsubscribe")], mailbox="Contact")
        until(lambda: events(here), "the effect")


def test_it_goes_on_when_the_database_comes_back(
    tmp_path: Path, dovecot: Dovecot, user: str, postgres_of_our_own: Postgres
) -> None:
    home = house(tmp_path, postgres_of_our_own.create_database(), user, dovecot.port)
    with home.running("worker"):
        with home.opened() as here:
            until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"))
        postgres_of_our_own.crash()
        dovecot.append(user, [mail("anna@example.com", "Unsubscribe")])
        with home.opened() as here:
            until(lambda: events(here), "the effect")


def test_its_log_names_nobody(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    home = house(tmp_path, sqlite(tmp_path), user, dovecot.port)
    dovecot.append(user, [mail("anna@example.com", "Unsubscribe"), mail("bo@example.net", "Hello", "anna@example.org")])
    with home.opened() as here, home.running("worker"):
        until(lambda: len(rows(here, "select uid from inbound_messages")) == 2)
    assert "messages read" in home.log()
    assert "@" not in home.log()


def test_without_an_inbox_it_says_what_to_set(tmp_path: Path) -> None:
    home = build(tmp_path, sqlite(tmp_path))
    with home.running("worker") as process:
        assert process.wait(20) == 1
    assert home.log().startswith("IMAP_URL: missing")


def test_a_fault_of_ours_ends_it_and_is_logged_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(_reader: Reader) -> None:
        raise RuntimeError("anna@example.com")

    home = build(tmp_path, sqlite(tmp_path), inbox_settings("imap://contact@127.0.0.1:1/INBOX"))
    for name, value in home.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Reader, "run", break_down)
    monkeypatch.setattr(worker, "stop_on_signals", lambda _stop: None)  # the handlers are those of the tests

    assert worker.main() == 1

    told = capsys.readouterr()
    assert "RuntimeError" in told.err
    assert "anna@" not in told.err + told.out
