"""
A mailbox that is open: sweeps, waits, and what of it breaks.

`Mailbox.since` is the truth; `Mailbox.wait` is only a hint, since notifications get lost (a server may send none of
what comes while nobody waits). So sweep after every wait.

One connection, one mailbox, one life: after an error the object is of no more use. Close it and connect again.
"""

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from typing import Self

from imapclient import IMAPClient, SocketTimeout

from mailconsent.errors import FetchBroken, MailboxRefused, MailboxUnavailable
from mailconsent.imap_settings import Mark
from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox.fetched import Fetched, read_answers
from mailconsent.mailbox.login import log_in
from mailconsent.mailbox.marking import Note, set_mark
from mailconsent.mailbox.plain_words import plain_words
from mailconsent.mailbox.portions import PORTION, portions
from mailconsent.mailbox.waiting import wait_for_news
from mailconsent.message import MAX_MESSAGE
from mailconsent.oauth import AccessTokens

#: UIDs asked for in one SEARCH of a large mailbox: imaplib gives up on answers longer than 1 MB, about 100 000 UIDs.
WINDOW = 50_000
LONGEST_WAIT = 600.0  #: seconds of one IDLE; servers may hang up after 30 minutes of it (RFC 2177)
FAREWELL = 2.0  #: seconds that a polite good-bye may take

# imapclient logs every line of the conversation, addresses and mail included, to whoever logs at DEBUG.
logging.getLogger("imapclient").setLevel(logging.CRITICAL + 1)


def connect(address: MailboxAddress, secret: str | AccessTokens, *, timeout: float = 30.0) -> "Mailbox":
    """
    Log in with a password, or with an access token, and open the mailbox for reading.

    `timeout` is seconds to connect, and then for any one read. MailboxUnavailable when there is no answer or the
    certificate is not trusted (SSL_CERT_FILE is honoured); MailboxRefused when login or mailbox are refused.
    """
    context = ssl.create_default_context() if address.tls else None
    limits = SocketTimeout(connect=timeout, read=timeout)
    with plain_words():
        client = IMAPClient(address.host, address.port, ssl=address.tls, ssl_context=context, timeout=limits)
    try:
        log_in(client, address.user, secret)
        return Mailbox(client, address.folder)
    except BaseException:
        _close(client)
        raise


class Mailbox:
    """An open mailbox. Every method but `close` and `interrupt` raises MailboxUnavailable when the link is lost."""

    def __init__(self, client: IMAPClient, folder: str) -> None:
        self._client = client
        self._folder = folder
        # Dates come with their zone this way, not in the local time of this machine.
        client.normalise_times = False
        with plain_words():
            # During IDLE nobody but the kernel asks after a silent server.
            client.socket().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> None:
        """Open the mailbox anew, to see a change of `uidvalidity`. MailboxRefused when the mailbox is gone."""
        with plain_words(refused="has no such mailbox, or does not let this user read it"):
            answer = self._client.select_folder(self._folder, readonly=True)
        if b"UIDVALIDITY" not in answer:
            raise MailboxRefused("The IMAP server gives this mailbox no UIDVALIDITY, so it cannot be followed.")
        #: UIDs mean something only together with this number (RFC 9051 section 2.3.1.1).
        self.uidvalidity: int = answer[b"UIDVALIDITY"]
        self._count: int = answer.get(b"EXISTS", 0)
        self._next_uid: int | None = answer.get(b"UIDNEXT")

    def since(
        self, uid: int, *, suspects: Set[int] = frozenset(), withheld: Set[int] = frozenset(), most: int = PORTION
    ) -> Iterator[list[Fetched]]:
        """
        The messages with a higher UID, in ascending batches of at most so many bytes, or one message. What is expunged
        meanwhile is left out.

        Among the `suspects`, fetching one broke the connection (`FetchBroken`): they are asked for one by one. The
        `withheld` broke it every time, and are not asked for again.
        """
        with plain_words():
            # A search covers only what the session was told of before, and of new mail it is told when a command ends.
            news = self._client.noop()[1]
            self._count = next((one[0] for one in reversed(news) if one[1:] == (b"EXISTS",)), self._told())
        for uids in self._uids_since(uid):
            for together in portions(self._client, uids, suspects, most):
                if batch := self._fetch(together, withheld):
                    yield batch

    def _uids_since(self, uid: int) -> Iterator[list[int]]:
        low = uid + 1
        if self._count > WINDOW and self._next_uid is not None:
            while low + WINDOW < self._next_uid:
                yield self._search(f"{low}:{low + WINDOW - 1}", low)
                low += WINDOW
        yield self._search(f"{low}:*", low)

    def _search(self, uids: str, lowest: int) -> list[int]:
        with plain_words():
            found = self._client.search(["UID", uids])
        # `n:*` names the last message even where its UID is below n (RFC 9051 section 9, seq-range).
        return sorted({uid for uid in found if uid >= lowest})

    def _fetch(self, uids: list[int], withheld: Set[int]) -> list[Fetched]:
        asked = [uid for uid in uids if uid not in withheld]
        found = {message.uid: message for message in self._try_to_fetch(asked)}
        for uid in uids:
            if uid not in found:
                # Expunged meanwhile, or one that the server cannot render, for which some refuse the whole batch.
                again = self._try_to_fetch([uid]) if uid in asked and len(asked) > 1 else []
                found |= {message.uid: message for message in again or self._withheld(uid)}
        return [found[uid] for uid in uids if uid in found]

    def _try_to_fetch(self, uids: list[int]) -> list[Fetched]:
        if not uids:
            return []
        try:
            with plain_words(refused="said no"):
                answers = self._client.fetch(uids, ["INTERNALDATE", f"BODY.PEEK[]<0.{MAX_MESSAGE}>"])
        except MailboxRefused:
            return []
        except MailboxUnavailable as fault:
            raise FetchBroken(str(fault), uids) from None
        return list(read_answers(answers.items()))

    def _withheld(self, uid: int) -> list[Fetched]:
        if not self._search(f"{uid}:{uid}", uid):
            return []
        return [Fetched(uid=uid, raw=b"", received_at=datetime.now(UTC), withheld=True)]

    def wait(self, seconds: float, stopping: Callable[[], bool]) -> None:
        """
        Return when something may have happened, after `seconds` (600 at most), or within one when `stopping()` is true.

        After that last only `close` makes sense, and a dead link is nobody's concern any more.
        """
        try:
            with plain_words():
                if self._told() == self._count:  # else something came that the last search or fetch did not cover
                    wait_for_news(self._client, time.monotonic() + min(seconds, LONGEST_WAIT), stopping)
        except MailboxUnavailable:
            if not stopping():
                raise

    def _told(self) -> int:
        """How many messages there are, by the last answer to a search or a fetch that said so."""
        counts = self._client._imap.untagged_responses.pop("EXISTS", None)
        return int(counts[-1]) if counts else self._count

    def mark(self, uids: Sequence[int], mark: Mark, note: Note) -> None:
        """
        Mark messages, and be back to reading only. Sweep before the next wait: what came meanwhile is not announced.
        `note` is told of all that need no mark any more, some at a time, and of each as soon as that is so.

        MailboxRefused, with what the operator can do, when the server does not let us.
        """
        try:
            set_mark(self._client, self._folder, self.uidvalidity, uids, mark, note)
        finally:
            self.refresh()

    def interrupt(self) -> None:
        """Cut the link, so that a read which hangs ends at once: for a signal handler, or another thread."""
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown(), which takes the TLS state away under a read in progress.
            socket.socket.shutdown(self._client.socket(), socket.SHUT_RDWR)

    def close(self) -> None:
        """Say good-bye and hang up. Never raises, and takes two seconds at most on a dead link."""
        _close(self._client)


def _close(client: IMAPClient) -> None:
    with contextlib.suppress(Exception):  # the link is given up anyway
        client.socket().settimeout(FAREWELL)
        client.logout()
    with contextlib.suppress(Exception):
        client.shutdown()
