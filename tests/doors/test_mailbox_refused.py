"""The contact inbox when server and operator do not agree: on the mailbox, the login, the certificate."""

import traceback

import pytest

from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.imap_url import MailboxAddress, parse_imap_url
from mailconsent.mailbox import connect
from tests.real.dovecot import PASSWORD, Dovecot
from tests.real.inbox import mail, never, opened, swept
from tests.real.relay import Relay


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


def tells_nothing(error: BaseException, user: str) -> bool:
    """Whether a log of this exception, with its whole traceback, keeps the user and the password to itself."""
    shown = "".join(traceback.format_exception(error))
    return user not in shown and PASSWORD not in str(error)


def test_a_new_uidvalidity_is_seen_by_refresh(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1), mail(2)], mailbox="Moved")
    with opened(user, dovecot.port, folder="Moved") as box:
        before = box.uidvalidity
        box.refresh()
        assert box.uidvalidity == before
        with dovecot.session(user) as human:
            human.delete_folder("Moved")
        dovecot.append(user, [mail(1), mail(2)], mailbox="Moved")
        box.refresh()
        assert box.uidvalidity != before
        assert [message.raw for message in swept(box)] == [mail(1), mail(2)]


def test_a_new_uidvalidity_of_the_inbox_is_seen_after_reconnecting(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1)])
    with opened(user, dovecot.port) as box:
        before = box.uidvalidity
    dovecot.change_uidvalidity(user)
    with opened(user, dovecot.port) as box:
        assert box.uidvalidity != before
        assert [message.raw for message in swept(box)] == [mail(1)]


def test_a_mailbox_that_vanished_is_refused(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1)], mailbox="Gone")
    with opened(user, dovecot.port, folder="Gone") as box:
        with dovecot.session(user) as human:
            human.delete_folder("Gone")
        with pytest.raises(MailboxRefused):
            box.refresh()


def test_a_missing_mailbox_is_refused(dovecot: Dovecot, user: str) -> None:
    with pytest.raises(MailboxRefused, match="no such mailbox") as caught, opened(user, dovecot.port, folder="Nowhere"):
        pass
    assert tells_nothing(caught.value, user)


def test_a_wrong_password_is_refused(dovecot: Dovecot, user: str) -> None:
    address = MailboxAddress(host="127.0.0.1", port=dovecot.port, user=user, folder="INBOX", tls=False)
    with pytest.raises(MailboxRefused, match="refused the login") as caught:
        connect(address, "wr\u00f6ng")
    assert tells_nothing(caught.value, user)


def test_tls_works_with_a_trusted_certificate(dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    dovecot.append(user, [mail(1)])
    url = f"imaps://{user.replace('@', '%40')}@localhost:{dovecot.tls_port}"
    with connect(parse_imap_url(url), PASSWORD) as box:
        assert len(swept(box)) == 1
        box.wait(0.2, never)
        assert swept(box, 1) == []


def test_a_certificate_that_nobody_trusts_ends_the_connection_before_the_login(dovecot: Dovecot, user: str) -> None:
    address = MailboxAddress(host="localhost", port=dovecot.tls_port, user=user, folder="INBOX", tls=True)
    with pytest.raises(MailboxUnavailable, match="SSL_CERT_FILE") as caught:
        connect(address, PASSWORD)
    assert tells_nothing(caught.value, user)


def test_a_server_that_knows_only_the_older_login_command_is_logged_in_to(
    relay: Relay, dovecot: Dovecot, user: str
) -> None:
    relay.mask = b"AUTH=PLAIN"
    dovecot.append(user, [mail(1)])
    with opened(user, relay.port) as box:
        assert len(swept(box)) == 1
