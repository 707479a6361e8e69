"""Waiting for news of a mailbox: by IDLE (RFC 2177), and without it by asking again and again."""

import selectors
import ssl
import time
from collections.abc import Callable

from imapclient import IMAPClient

POLL = 15.0  #: seconds between two questions to a server without IDLE
GLANCE = 0.5  #: seconds between two looks at `stopping`


def wait_for_news(client: IMAPClient, deadline: float, stopping: Callable[[], bool]) -> None:
    """Return when something may have happened, at `deadline` (of the monotonic clock), or soon when `stopping()`."""
    if client.has_capability("IDLE"):
        client.idle()
        if not _was_told_at_once(client):
            _listen(client, deadline, stopping)
        if stopping():
            client.socket().settimeout(GLANCE)
        # This reads whatever made the socket readable. On a lost link it raises, where idle_check() of imapclient
        # returns an empty list, at once and for ever.
        client.idle_done()
        return
    while not stopping() and time.monotonic() < deadline:
        _listen(client, min(deadline, time.monotonic() + POLL), stopping)
        if stopping() or client.noop()[1]:
            return


def _was_told_at_once(client: IMAPClient) -> bool:
    """
    Whether the server had news in the packet in which it agreed to IDLE, as Dovecot has of what came since the last
    search. They lie in the reader's buffer by then, where no look at the socket finds them.
    """
    link = client.socket()
    patience = link.gettimeout()
    link.settimeout(0)  # what is here already, and no waiting
    try:
        return bool(client._imap.file.peek(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        link.settimeout(patience)


def _listen(client: IMAPClient, deadline: float, stopping: Callable[[], bool]) -> None:
    """Return at `deadline`, when stopping, or when the server says anything: news, BYE, or the end of the link."""
    link = client.socket()
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        while not stopping() and (left := deadline - time.monotonic()) > 0:
            # TLS may hold decrypted bytes that the kernel no longer has.
            if (isinstance(link, ssl.SSLSocket) and link.pending()) or selector.select(min(left, GLANCE)):
                return
