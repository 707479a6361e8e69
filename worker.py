"""
The worker process: reads the contact inboxes, sends our own mail and keeps the house, until it is told to stop by
SIGTERM or SIGINT, and then ends within five seconds. What it does stands in `mailconsent/loops/`.
"""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from mailconsent import logs
from mailconsent.classify import preload
from mailconsent.errors import ConfigError, Unavailable
from mailconsent.loops.keeping import keep
from mailconsent.loops.reading import Reader
from mailconsent.loops.sending import Sender
from mailconsent.oauth import AccessTokens
from mailconsent.services.installation import Installation, start
from mailconsent.settings import load_settings

#: Seconds that an orderly end may take.
LAST_MOMENT = 4.0
#: Seconds of it in which a letter that is being sent may be finished, or it is sent once more; and what the house is in
#: the midst of, or it is rolled back.
LAST_LETTER = 2.5


class Worker:
    """All loops of one process. `stop` may be called from a signal handler."""

    def __init__(self, installation: Installation) -> None:
        smtp = installation.settings.smtp
        # What `mailconsent ingest` was piped is answered without a mailbox.
        if not installation.settings.inboxes and not smtp:
            raise ConfigError("IMAP_URL: missing, as in imaps://contact%40example.com@imap.example.com:993/INBOX")
        self.installation = installation
        self._stop = threading.Event()
        self.readers = self._readers()
        self.sender = Sender(installation, smtp, self._stop) if smtp else None
        self._faults: list[Exception] = []

    def _readers(self) -> list[Reader]:
        """One for each mailbox, so that none waits for another. Those of one grant share its access tokens."""
        settings = self.installation.settings
        grants = {inbox.grant for inbox in settings.inboxes if inbox.grant}
        tokens = {grant: AccessTokens(grant, timeout=settings.imap_timeout) for grant in grants}
        return [
            Reader(
                self.installation,
                inbox.address,
                tokens[inbox.grant] if inbox.grant else inbox.password,
                self._stop,
                number=number,
            )
            for number, inbox in enumerate(settings.inboxes, 1)
        ]

    def stop(self) -> None:
        """Finish the message in hand and end. A read that is under way is cut off: nothing of it was stored."""
        self._stop.set()
        for reader in self.readers:
            reader.interrupt()

    def run(self) -> None:
        """Work until told to stop. Raises what ended a loop that should not have ended."""
        logs.info("worker started")
        # Nobody waits long for these: what they are in the midst of is rolled back, or sent once more.
        beside = [self.keep_house, *([self.sender.run] if self.sender else [])]
        others = [threading.Thread(target=loop, daemon=True) for loop in beside]
        for thread in others:
            thread.start()
        preload()
        gc.freeze()  # the words stay: collecting garbage need not look at each of them, again and again
        threads = [threading.Thread(target=self._guard, args=(reader.run,)) for reader in self.readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._stop.wait()  # where there is no mailbox, only the others go on
        ends = time.monotonic() + LAST_LETTER
        for thread in others:
            thread.join(max(0.0, ends - time.monotonic()))
        logs.info("worker stopped")
        if self._faults:
            raise self._faults[0]

    def keep_house(self) -> None:
        """Keep the house, as long as a mailbox is ours, or where there is none."""
        readers = self.readers
        keep(self.installation, self._stop, holding=lambda: not readers or any(reader.holding for reader in readers))

    def _guard(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as fault:  # noqa: BLE001 - raised by `run`, when the others have ended
            self._faults.append(fault)
            self.stop()


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
    except Exception as fault:  # noqa: BLE001 - the text of a foreign exception may hold an address
        logs.failure("unexpected", fault)
        return 1
    finally:
        installation.store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
