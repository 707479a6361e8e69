"""Marking in its mailbox what was handled, for operators who want that. Whatever is wrong with it, reading goes on."""

import threading
import time
from collections.abc import Sequence
from functools import partial

from mailconsent import logs
from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.imap_url import MailboxAddress
from mailconsent.mailbox import Mailbox
from mailconsent.services.installation import Installation
from mailconsent.store.marks import note_marked, unmarked

#: Seconds until the next attempt, after a server did not let us, and after the connection broke.
UNWELCOME, BROKEN_OFF = 3600.0, 60.0


class Marker:
    """Who marks in one mailbox, on the thread of who reads it; `number` is its place in IMAP_URL, from 1."""

    def __init__(self, installation: Installation, imap: MailboxAddress, stop: threading.Event, number: int) -> None:
        self._store = installation.store
        self._wanted = installation.settings.mark
        self._name = imap.name
        self._number = number
        self._stop = stop
        self._unwelcome_until = 0.0

    def mark(self, mailbox: Mailbox) -> bool:
        """
        Mark what had an effect, where the operator wants that; whether the mailbox was opened for it, so that what came
        meanwhile is not announced. After the commit, so that a mark never tells of an effect that was rolled back.
        """
        if self._wanted is None or self._stop.is_set() or time.monotonic() < self._unwelcome_until:
            return False
        uidvalidity = mailbox.uidvalidity  # marking opens the mailbox anew, and may find another
        with self._store.read() as tx:
            uids = unmarked(tx, self._name, uidvalidity)
        if not uids:
            return False
        try:
            mailbox.mark(uids, self._wanted, partial(self._note, uidvalidity))
        except MailboxRefused as fault:
            self._unwelcome_until = time.monotonic() + UNWELCOME
            logs.failure("mail not marked", fault, mailbox=self._number, seconds=UNWELCOME, message=str(fault))
            return True
        except MailboxUnavailable:
            self._unwelcome_until = time.monotonic() + BROKEN_OFF
            raise
        return True

    def _note(self, uidvalidity: int, uids: Sequence[int]) -> None:
        with self._store.begin() as tx:
            note_marked(tx, self._name, uidvalidity, uids)
        logs.info("mail marked", mailbox=self._number, count=len(uids))
