"""
Reading one mailbox, over and over, until told to stop.

Each cycle sweeps by UID; IDLE only wakes it early. What fails is tried again with growing pauses: the loop itself ends
only when it is told to, or where the database is no longer ours to write.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mailconsent import logs
from mailconsent.errors import FetchBroken, LeaseLost, MailboxRefused, MailconsentError, Unavailable
from mailconsent.failures import refused_as_ours
from mailconsent.imap_url import MailboxAddress
from mailconsent.loops.marking import Marker
from mailconsent.mailbox import PORTION, Fetched, Mailbox, connect
from mailconsent.oauth import AccessTokens
from mailconsent.services.inbox import Judged, answers_of, judge, process
from mailconsent.services.installation import Installation
from mailconsent.store.mailboxes import note_sweep, read_cursor, release_lease, take_lease

#: Seconds of the first pause after a failure; each further one doubles it, up to one cycle.
FIRST_PAUSE = 1.0
#: How often the connection may break over one message before a human is to look at it instead.
STRIKES = 4


class Reader:
    """Who reads one mailbox. `interrupt` may be called from a signal handler, after `stop` was set."""

    def __init__(
        self,
        installation: Installation,
        imap: MailboxAddress,
        secret: str | AccessTokens,
        stop: threading.Event,
        *,
        number: int = 1,
    ) -> None:
        self.installation = installation
        self.imap = imap
        #: The place in IMAP_URL, from 1: by this the log names a mailbox.
        self.number = number
        self._secret = secret
        self.store = installation.store
        self.lease = timedelta(seconds=installation.settings.imap_lease)
        # The lease is renewed once a cycle and with each batch, and must outlive a slow one.
        self.cycle = min(installation.settings.imap_cycle, installation.settings.imap_lease / 3)
        self.answers = answers_of(installation.settings, installation.rules)
        self.holder = secrets.token_hex(8)
        self.mailbox: Mailbox | None = None
        self.failures = 0
        #: Whether the mailbox was ours when we last looked.
        self.holding = False
        #: How often the connection broke over a message: (UIDVALIDITY, UID) -> times.
        self.strikes = Counter[tuple[int, int]]()
        #: Bytes of the messages that are read and stored together.
        self._portion = PORTION
        self._stop = stop
        self.marker = Marker(installation, imap, stop, number)

    def interrupt(self) -> None:
        """Cut off a read that is under way: nothing of it was stored."""
        mailbox = self.mailbox  # which its own thread may let go of meanwhile
        if mailbox:
            mailbox.interrupt()

    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._stop.is_set()

    def run(self) -> None:
        """Read until told to stop: the message in hand is finished, no other is begun."""
        while not self.stopping():
            try:
                self._hold()
                self.failures = 0
            except Unavailable as fault:
                if not self.stopping():
                    self._pause(fault)
        self._let_go()

    def _hold(self) -> None:
        """One turn at the mailbox: as long as the lease and the connection last."""
        if not self.take_lease():
            self._stop.wait(self.cycle)
            return
        settings = self.installation.settings
        with connect(self.imap, self._secret, timeout=settings.imap_timeout) as mailbox:
            self.mailbox = mailbox
            try:
                while not self.stopping() and self.take_lease():
                    self.sweep(mailbox)
                    self.failures = 0
                    if not self.marker.mark(mailbox):
                        mailbox.wait(self.cycle, self.stopping)
                    if not self.stopping():
                        mailbox.refresh()
            finally:
                self.mailbox = None

    def take_lease(self) -> bool:
        """Become, or stay, the one that reads; whether we are."""
        with self.store.begin() as tx:
            self.holding = take_lease(tx, self.imap.name, self.holder, now=_now(), lease=self.lease)
        return self.holding

    def sweep(self, mailbox: Mailbox) -> None:
        """Read everything that is new. The cursor moves in the transaction that stores the results."""
        with self.store.read() as tx:
            cursor = read_cursor(tx, self.imap.name, mailbox.uidvalidity)
        reports = self.installation.rules.policy.reports
        for batch in self._batches(mailbox, cursor.last_uid):
            with self.store.read() as tx:
                _ = tx.state  # or a link of a key that we lack would pass for none, and the cursor go past it
            judged = list(self._judged(batch))
            try:
                with self.store.begin() as tx:
                    cursor = process(
                        tx,
                        cursor,
                        self.holder,
                        judged,
                        now=_now(),
                        lease=self.lease,
                        reports=reports,
                        answers=self.answers,
                        marks=self.installation.settings.mark is not None,
                    )
            except LeaseLost:
                # It took longer than the lease, and would again, for us and for whoever took over.
                self._portion = sum(len(one.raw) for one in batch) // 2
                raise
            labels = _counts([one.classification.label for one in judged])
            logs.info("messages read", mailbox=self.number, count=len(judged), labels=labels)
            for status, count in refused_as_ours(one.classification for one in judged).items():
                logs.warning("mail refused as ours", status=status, count=count)
            if self.stopping():
                return
        with self.store.begin() as tx:
            note_sweep(tx, self.imap.name, mailbox.uidvalidity, now=_now())
        self._portion = PORTION

    def _judged(self, batch: list[Fetched]) -> Iterator[Judged]:
        """What the messages of a batch are, up to the one in hand when the end is asked for."""
        for fetched in batch:
            yield judge(fetched, self.store.keyring.read_mailed, self.installation.settings.trusted_authserv_ids)
            if self.stopping():
                return

    def _batches(self, mailbox: Mailbox, last_uid: int) -> Iterator[list[Fetched]]:
        """What is new. A message over which the connection breaks each time is given up, so that it blocks no other."""
        strikes = {uid: times for (valid, uid), times in self.strikes.items() if valid == mailbox.uidvalidity}
        given_up = {uid for uid, times in strikes.items() if times >= STRIKES}
        try:
            yield from mailbox.since(last_uid, suspects=strikes.keys(), withheld=given_up, most=self._portion)
        except FetchBroken as fault:
            self.strikes.update((mailbox.uidvalidity, uid) for uid in fault.uids)
            raise
        self.strikes.clear()

    def _pause(self, fault: Unavailable) -> None:
        longest = self.installation.settings.imap_cycle
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 12), longest)
        self.failures += 1
        if isinstance(fault, MailboxRefused):
            pause = longest  # a refused login does not mend itself, and servers lock out who insists
        logs.failure("worker pauses", fault, mailbox=self.number, seconds=pause, message=str(fault))
        self._stop.wait(pause)

    def _let_go(self) -> None:
        try:
            with self.store.begin() as tx:
                release_lease(tx, self.imap.name, self.holder)
        except MailconsentError as fault:
            logs.failure("lease not released; it ends by itself", fault, mailbox=self.number)


def _counts(labels: list[str]) -> dict[str, int]:
    return {str(label): labels.count(label) for label in sorted(set(labels))}


def _now() -> datetime:
    return datetime.now(UTC)
