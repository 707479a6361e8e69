"""Short ways for tests to read a mailbox with our own code."""

import contextlib
from collections.abc import Iterator

from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox import Fetched, Mailbox, connect
from tests.real.dovecot import PASSWORD


@contextlib.contextmanager
def opened(user: str, port: int, *, folder: str = "INBOX", timeout: float = 10.0) -> Iterator[Mailbox]:
    """A mailbox behind a plain port of this machine."""
    address = MailboxAddress(host="127.0.0.1", port=port, user=user, folder=folder, tls=False)
    with connect(address, PASSWORD, timeout=timeout) as box:
        yield box


def swept(box: Mailbox, uid: int = 0) -> list[Fetched]:
    """Everything since the UID."""
    return [message for batch in box.since(uid) for message in batch]


def mail(number: int) -> bytes:
    """A message unlike that of any other number."""
    return b"From: bo@example.net\r\nSubject: %d\r\n\r\nHello %d\r\n" % (number, number)


def never() -> bool:
    """Nobody asks the worker to stop."""
    return False
