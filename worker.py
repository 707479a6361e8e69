"""
The worker process: reads the contact inbox, over and over, until it is told to stop. Beside that it keeps the house,
once a day: of several workers, the one that holds the mailbox.

Each cycle sweeps by UID; IDLE only wakes it early. What fails is tried again with growing pauses: the loop itself never
ends but by SIGTERM or SIGINT, and then within five seconds.
"""

import os
import secrets
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from types import FrameType

from mailconsent import logs
from mailconsent.errors import ConfigError, FetchBroken, MailboxRefused, MailconsentError, Unavailable
from mailconsent.mailbox import Fetched, Mailbox, connect
from mailconsent.services.housekeeping import House, keep_house, working_day
from mailconsent.services.inbox import Judged, judge, process
from mailconsent.services.installation import Installation, start
from mailconsent.settings import load_settings
from mailconsent.store.inbox import note_sweep, read_cursor, release_lease, take_lease

#: Seconds of the first pause after a failure; each further one doubles it, up to one cycle.
FIRST_PAUSE = 1.0
#: How often the connection may break over one message before a human is to look at it instead.
STRIKES = 4
#: Seconds that an orderly end may take.
LAST_MOMENT = 4.0
#: Seconds from one look whether the house is to be kept to the next, and after it could not be.
HOUSE_LOOK, HOUSE_PAUSE = 1.0, 60.0


class Worker:
    """One inbox, one process. `stop` may be called from a signal handler."""

    def __init__(self, installation: Installation) -> None:
        imap = installation.settings.imap
        if imap is None:
            raise ConfigError("IMAP_URL: missing, as in imaps://contact%40example.com@imap.example.com:993/INBOX")
        self.installation = installation
        self.imap = imap
        self.store = installation.store
        self.lease = timedelta(seconds=installation.settings.imap_lease)
        # The lease is renewed once a cycle, and must outlive a slow one.
        self.cycle = min(installation.settings.imap_cycle, installation.settings.imap_lease / 3)
        self.holder = secrets.token_hex(8)
        self.mailbox: Mailbox | None = None
        self.failures = 0
        #: Whether the mailbox was ours when we last looked.
        self.holding = False
        #: How often the connection broke over a message: (UIDVALIDITY, UID) -> times.
        self.strikes = Counter[tuple[int, int]]()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish the message in hand and end. A read that is under way is cut off: nothing of it was stored."""
        self._stop.set()
        if self.mailbox:
            self.mailbox.interrupt()

    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._stop.is_set()

    def run(self) -> None:
        """Work until told to stop."""
        logs.info("worker started")
        # On a thread, so that no mail waits for it. What it is in the midst of when the process ends is rolled back.
        threading.Thread(target=self._keep_house, daemon=True).start()
        while not self.stopping():
            try:
                self._hold()
                self.failures = 0
            except Unavailable as fault:
                if not self.stopping():
                    self._pause(fault)
        self._let_go()
        logs.info("worker stopped")

    def _hold(self) -> None:
        """One turn at the mailbox: as long as the lease and the connection last."""
        if not self.take_lease():
            self._stop.wait(self.cycle)
            return
        settings = self.installation.settings
        with connect(self.imap, settings.imap_password, timeout=settings.imap_timeout) as mailbox:
            self.mailbox = mailbox
            try:
                while not self.stopping() and self.take_lease():
                    self.sweep(mailbox)
                    self.failures = 0
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
        for batch in self._batches(mailbox, cursor.last_uid):
            judged = list(self._judged(batch))
            with self.store.begin() as tx:
                cursor = process(tx, cursor, self.holder, judged, now=_now(), lease=self.lease)
            logs.info("messages read", count=len(judged), labels=_counts([j.classification.label for j in judged]))
            if self.stopping():
                return
        with self.store.begin() as tx:
            note_sweep(tx, self.imap.name, now=_now())

    def _keep_house(self) -> None:
        """Keep the house at the start, and every day from an hour after midnight, in UTC."""
        kept_on: date | None = None
        while not self.stopping():
            now = _now()
            if self.holding and kept_on != working_day(now):
                try:
                    house = keep_house(self.store, self.installation.rules.policy, now=now, stopping=self.stopping)
                except Exception as fault:  # noqa: BLE001 - tomorrow is another day, and the inbox goes on
                    logs.failure("house not kept", fault)
                    self._stop.wait(HOUSE_PAUSE)
                else:
                    kept_on = working_day(now)
                    _tell(house)
            self._stop.wait(HOUSE_LOOK)

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
            yield from mailbox.since(last_uid, suspects=strikes.keys(), withheld=given_up)
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
        logs.failure("worker pauses", fault, seconds=pause, message=str(fault))
        self._stop.wait(pause)

    def _let_go(self) -> None:
        try:
            with self.store.begin() as tx:
                release_lease(tx, self.imap.name, self.holder)
        except MailconsentError as fault:
            logs.failure("lease not released; it ends by itself", fault)


def _tell(house: House | None) -> None:
    if house is None:
        return
    logs.info("house kept", sealed=house.sealed, deleted=house.deleted, held=house.held, clean=house.clean)
    for soon in house.lapsing:
        logs.warning("consents about to lapse", topic=soon.topic, within_months=soon.within_months, count=soon.count)
    for hold in house.reviews:
        logs.warning("legal hold to be reviewed", hold=hold.id, review_by=hold.review_by.isoformat())


def _counts(labels: list[str]) -> dict[str, int]:
    return {str(label): labels.count(label) for label in sorted(set(labels))}


def _now() -> datetime:
    return datetime.now(UTC)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """
    Call this on SIGTERM and SIGINT, and end the process if it has not ended itself by then.

    Only a connection attempt can take longer than that. It stored nothing, so ending in its midst loses nothing.
    """

    def handle(_signal: int, _frame: FrameType | None) -> None:
        watchdog = threading.Timer(LAST_MOMENT, os._exit, [0])
        watchdog.daemon = True
        watchdog.start()
        stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def main() -> int:
    """Run the worker; the process's exit status."""
    logs.configure()
    try:
        installation = start(load_settings(os.environ))
        worker = Worker(installation)
    except ConfigError as fault:
        sys.stderr.write("".join(f"{line}\n" for line in fault.faults))
        return 1
    except Unavailable as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    stop_on_signals(worker.stop)
    try:
        worker.run()
    except ConfigError as fault:  # such as a database that was migrated by a newer version meanwhile
        sys.stderr.write("".join(f"{line}\n" for line in fault.faults))
        return 1
    finally:
        installation.store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
