"""The contact inbox when the link to it fails."""

import os
import signal
import threading
import time

import pytest

from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox import connect, portions
from tests.real.dovecot import PASSWORD, Dovecot
from tests.real.inbox import mail, never, opened, swept
from tests.real.ports import free_port
from tests.real.relay import Relay

#: Seconds. Whatever should end does so before this, and whatever hangs does not.
SOON = 5.0


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


def test_a_kick_ends_the_wait(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        kick = threading.Timer(0.3, dovecot.kick, (user,))
        kick.start()
        with pytest.raises(MailboxUnavailable):
            box.wait(60, never)
        kick.join()


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_ends_the_wait(relay: Relay, user: str, *, reset: bool) -> None:
    with opened(user, relay.port) as box:
        cut = threading.Timer(0.3, relay.cut, kwargs={"reset": reset})
        cut.start()
        began = time.monotonic()
        with pytest.raises(MailboxUnavailable):
            box.wait(60, never)
        assert time.monotonic() - began < SOON
        cut.join()


def test_a_link_lost_before_the_wait_is_noticed(relay: Relay, user: str) -> None:
    with opened(user, relay.port) as box:
        relay.cut()
        with pytest.raises(MailboxUnavailable):
            box.wait(60, never)


def test_a_cut_in_the_middle_of_a_message_gives_no_part_of_it(
    relay: Relay, dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "BATCH", 1)
    dovecot.append(user, [mail(1), b"Subject: long\r\n\r\n" + b"x" * 70_000 + b"\r\n"])
    with opened(user, relay.port) as box:
        batches = box.since(0)
        assert [message.raw for message in next(batches)] == [mail(1)]
        relay.cut_after(30_000)
        with pytest.raises(MailboxUnavailable):
            next(batches)
        with pytest.raises(MailboxUnavailable):
            swept(box)
    with opened(user, relay.port) as box:
        assert len(swept(box)) == 2


def test_a_slow_network_only_takes_longer(relay: Relay, dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1), mail(2)])
    relay.drip = True
    with opened(user, relay.port) as box:
        # Lines and even line ends arrive in pieces here, also while waiting.
        delivery = threading.Timer(0.3, dovecot.append, (user, [mail(3)]))
        delivery.start()
        box.wait(60, never)
        delivery.join()
        assert [message.raw for message in swept(box)] == [mail(1), mail(2), mail(3)]


def test_a_black_hole_ends_with_the_timeout(relay: Relay, dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1)])
    began = time.monotonic()
    with opened(user, relay.port, timeout=0.5) as box:
        relay.black_hole()
        with pytest.raises(MailboxUnavailable, match="in time"):
            swept(box)
        with pytest.raises(MailboxUnavailable):
            swept(box)
    assert time.monotonic() - began < SOON


def test_a_black_hole_while_waiting_ends_with_the_wait_and_the_timeout(relay: Relay, user: str) -> None:
    with opened(user, relay.port, timeout=0.5) as box:
        hole = threading.Timer(0.2, relay.black_hole)
        hole.start()
        began = time.monotonic()
        with pytest.raises(MailboxUnavailable):
            box.wait(1, never)
        assert time.monotonic() - began < SOON
        hole.join()


def test_closing_does_not_hang_in_a_black_hole(relay: Relay, user: str) -> None:
    with opened(user, relay.port, timeout=60) as box:
        relay.black_hole()
        began = time.monotonic()
        box.close()
        box.close()
        assert time.monotonic() - began < SOON


def test_a_black_hole_instead_of_a_server_ends_with_the_timeout(relay: Relay, user: str) -> None:
    relay.black_hole()
    began = time.monotonic()
    with pytest.raises(MailboxUnavailable, match="in time"), opened(user, relay.port, timeout=0.5):
        pass
    assert time.monotonic() - began < SOON


def test_an_interrupt_ends_a_read_that_hangs(relay: Relay, dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1)])
    with opened(user, relay.port, timeout=60) as box:
        relay.black_hole()
        interrupt = threading.Timer(0.3, box.interrupt)
        interrupt.start()
        began = time.monotonic()
        with pytest.raises(MailboxUnavailable):
            swept(box)
        assert time.monotonic() - began < SOON
        interrupt.join()


def test_an_interrupt_ends_a_read_over_tls(dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    address = MailboxAddress(host="localhost", port=dovecot.tls_port, user=user, folder="INBOX", tls=True)
    with connect(address, PASSWORD, timeout=60) as box:
        interrupt = threading.Timer(0.3, box.interrupt)
        interrupt.start()
        began = time.monotonic()
        with pytest.raises(MailboxUnavailable):
            box.wait(60, never)
        assert time.monotonic() - began < SOON
        interrupt.join()
    box.interrupt()  # too late, and no harm


def test_nobody_listening_is_unavailable(user: str) -> None:
    with pytest.raises(MailboxUnavailable) as caught, opened(user, free_port()):
        pass
    assert not isinstance(caught.value, MailboxRefused)


def test_a_link_that_breaks_during_the_login_is_not_called_a_refusal(relay: Relay, user: str) -> None:
    relay.cut_after(250)  # somewhere after the greeting
    with pytest.raises(MailboxUnavailable) as caught, opened(user, relay.port):
        pass
    assert not isinstance(caught.value, MailboxRefused)


def test_a_signal_handler_may_end_a_read_that_hangs(relay: Relay, user: str) -> None:
    with opened(user, relay.port, timeout=60) as box:
        relay.black_hole()
        before = signal.signal(signal.SIGUSR1, lambda *_: box.interrupt())
        later = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
        later.start()
        began = time.monotonic()
        try:
            with pytest.raises(MailboxUnavailable):
                swept(box)
        finally:
            later.join()
            signal.signal(signal.SIGUSR1, before)
        assert time.monotonic() - began < SOON
