"""How long the worker waits for new mail, and what wakes it."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient

from mailconsent.errors import MailboxUnavailable
from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox import connect, waiting
from tests.real.dovecot import PASSWORD, Dovecot
from tests.real.inbox import mail, never, opened, swept
from tests.real.ports import free_port, wait_for_port
from tests.real.relay import Relay

#: Seconds. Whatever should come "at once" comes before this, and whatever hangs does not.
SOON = 5.0


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def without_idle(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """Dovecot behind a relay that hides a word of its capabilities."""
    relay.mask = b"IDLE"
    monkeypatch.setattr(waiting, "POLL", 0.2)
    return relay


def later(action: Callable[..., object], *arguments: object) -> threading.Timer:
    """Do it in the middle of the wait that follows."""
    timer = threading.Timer(0.3, action, arguments)
    timer.start()
    return timer


def test_idle_wakes_on_new_mail(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        began = time.monotonic()
        delivery = later(dovecot.append, user, [mail(1)])
        box.wait(60, never)
        delivery.join()
        assert time.monotonic() - began < SOON
        assert [message.raw for message in swept(box)] == [mail(1)]


def test_a_wait_ends_after_its_seconds_and_the_mailbox_works_on(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        began = time.monotonic()
        box.wait(0.3, never)
        box.wait(0.3, never)
        assert 0.6 <= time.monotonic() - began < SOON
        dovecot.append(user, [mail(1)])
        assert len(swept(box)) == 1


def test_mail_that_came_before_the_wait_is_found_by_the_sweep_after_it(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        dovecot.append(user, [mail(1)])
        box.wait(0.2, never)
        assert len(swept(box)) == 1


@pytest.mark.parametrize("moment", ["_search", "_try_to_fetch"])
def test_mail_that_comes_in_the_midst_of_a_sweep_is_not_waited_for(
    dovecot: Dovecot, user: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.append(user, [mail(1)])
    with opened(user, dovecot.port) as box:
        step = getattr(box, moment)

        def late(*arguments: object) -> object:
            dovecot.append(user, [mail(2)])
            return step(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(box, moment, late)
            assert [message.raw for message in swept(box)] == [mail(1)]
        began = time.monotonic()
        box.wait(60, never)
        assert time.monotonic() - began < SOON
        assert [message.raw for message in swept(box, 1)] == [mail(2)]
        began = time.monotonic()
        box.wait(0.3, never)
        assert time.monotonic() - began >= 0.3, "and then there is no news"


@pytest.mark.parametrize("server", ["dovecot", "without_idle"])
def test_waiting_ends_within_a_second_of_stopping(
    server: str, dovecot: Dovecot, user: str, request: pytest.FixtureRequest
) -> None:
    stopping = threading.Event()
    with opened(user, request.getfixturevalue(server).port) as box:
        stop = later(stopping.set)
        began = time.monotonic()
        box.wait(60, stopping.is_set)
        assert time.monotonic() - began < 2.0  # 0.3 until the stop
        stop.join()


def test_waiting_ends_within_a_second_of_stopping_though_the_network_is_a_black_hole(relay: Relay, user: str) -> None:
    stopping = threading.Event()
    with opened(user, relay.port, timeout=30) as box:
        hole, stop = later(relay.black_hole), later(stopping.set)
        began = time.monotonic()
        box.wait(60, stopping.is_set)
        assert time.monotonic() - began < 2.5
        hole.join()
        stop.join()
    assert time.monotonic() - began < SOON  # closing does not hang either


def test_a_server_without_idle_is_polled(without_idle: Relay, dovecot: Dovecot, user: str) -> None:
    with opened(user, without_idle.port) as box:
        began = time.monotonic()
        box.wait(0.5, never)
        assert 0.5 <= time.monotonic() - began < SOON
        delivery = later(dovecot.append, user, [mail(1)])
        box.wait(60, never)
        delivery.join()
        assert time.monotonic() - began < SOON
        assert len(swept(box)) == 1


def test_a_lost_link_is_noticed_while_polling(without_idle: Relay, user: str) -> None:
    with opened(user, without_idle.port) as box:
        without_idle.cut()
        with pytest.raises(MailboxUnavailable):
            box.wait(60, never)


def test_the_kernel_is_told_to_ask_after_a_silent_server(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        assert box._client.socket().getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.fixture
def pymap() -> Iterator[int]:
    """The port of the embedded server of `mailconsent demo`."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("pymap")), "--host", "127.0.0.1", "--port", str(port), "--no-tls"]
    user = ["dict", "--demo-user", "anna@example.com", "--demo-password", PASSWORD]
    process = subprocess.Popen([*command, *user], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process=process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_the_embedded_server_of_the_demo_is_read_and_waited_on(pymap: int) -> None:
    address = MailboxAddress(host="127.0.0.1", port=pymap, user="anna@example.com", folder="INBOX", tls=False)
    with IMAPClient("127.0.0.1", pymap, ssl=False, timeout=10) as human, connect(address, PASSWORD) as box:
        human.login(address.user, PASSWORD)
        human.append("INBOX", mail(1))
        (first,) = swept(box)
        assert first.raw == mail(1)
        began = time.monotonic()
        delivery = later(human.append, "INBOX", mail(2))
        box.wait(60, never)
        delivery.join()
        assert time.monotonic() - began < SOON
        assert [message.raw for message in swept(box, first.uid)] == [mail(2)]
        human.select_folder("INBOX")
        assert b"\\Seen" not in human.get_flags([first.uid])[first.uid]


def test_news_that_come_with_the_answer_to_idle_are_not_waited_for_again() -> None:
    """As Dovecot sends them of what was delivered between the last search and IDLE: in one packet."""
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve_news_with_idle, args=(listener,), daemon=True)
    thread.start()
    address = MailboxAddress(host="127.0.0.1", port=listener.getsockname()[1], user="anna", folder="INBOX", tls=False)

    with connect(address, PASSWORD) as box:
        began = time.monotonic()
        box.wait(60, never)
        assert time.monotonic() - began < SOON
    thread.join()


def serve_news_with_idle(listener: socket.socket) -> None:
    """One conversation of an IMAP server that has news at once."""
    answers = {
        "CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE",
        "EXAMINE": "* 1 EXISTS\r\n* OK [UIDVALIDITY 7]",
        "LOGOUT": "* BYE",
    }
    with listener, listener.accept()[0] as link, link.makefile("rw", encoding="utf-8", newline="\r\n") as lines:
        lines.write("* OK\n")
        lines.flush()
        tag = ""
        for line in lines:
            if line.strip() == "DONE":
                lines.write(f"{tag} OK done\n")
            else:
                tag, command = line.split()[:2]
                if command == "IDLE":
                    lines.write("+ idling\n* 2 EXISTS\n")
                elif command in answers:
                    lines.write(f"{answers[command]}\n{tag} OK done\n".replace("\r\n", "\n"))
                else:
                    lines.write(f"{tag} OK done\n")
            lines.flush()
