"""
Sending our own mail, as it comes. Every worker does: a letter is taken by one of them.

A mail server that is away costs a letter nothing but time. If the database is away when the server has accepted one,
that is kept in mind until it is back, and nothing else is sent. Only if that takes longer than the letter was ours
(`services.outbox.LEASE`) can another worker be faster, and send it again.
"""

import secrets
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

from mailconsent import logs
from mailconsent.errors import MailconsentError, PostboxRefused, PostboxUnavailable
from mailconsent.postbox import Postbox, Verdict, connect
from mailconsent.services.installation import Installation
from mailconsent.services.outbox import conclude, take
from mailconsent.smtp_url import MailServer
from mailconsent.store.outbox import Letter, LetterState, is_due

#: Seconds from one look for letters to the next.
LOOK = 1.0
#: Seconds of the first pause after a failure, each further one doubles it; and of the longest, also after a refusal.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0


class Sender:
    """Who sends what waits in the outbox."""

    def __init__(self, installation: Installation, server: MailServer, stop: threading.Event) -> None:
        self.installation = installation
        self.server = server
        self.store = installation.store
        self.holder = secrets.token_hex(8)
        self.failures = 0
        self._stop = stop
        #: The letter in hand, once the server has said what becomes of it, and until that is noted.
        self._answered: tuple[Letter, Verdict | None] | None = None

    def run(self) -> None:
        """Send until told to stop: the letter in hand is finished, no other is begun."""
        while not self._stop.is_set():
            try:
                self.send_all()
                self.failures = 0
            except Exception as fault:  # noqa: BLE001 - the mail may wait, and the inbox goes on
                self._pause(fault)
            else:
                self._stop.wait(LOOK)

    def send_all(self) -> None:
        """Send everything that is due, over one connection."""
        self._note()
        with self.store.read() as tx:
            if not is_due(tx, now=_now()):
                return
        with ExitStack() as stack:
            postbox: Postbox | None = None
            while not self._stop.is_set() and (letter := self._take()):
                try:
                    if postbox is None:
                        settings = self.installation.settings
                        postbox = stack.enter_context(connect(self.server, settings.smtp_password))
                    verdict = postbox.send(letter.address, letter.raw, sender=self.installation.settings.smtp_sender)
                except PostboxUnavailable:
                    self._answered = letter, None
                    self._note()
                    raise
                self._answered = letter, verdict
                self._note()

    def _take(self) -> Letter | None:
        with self.store.begin() as tx:
            return take(tx, self.holder, now=_now())

    def _note(self) -> None:
        """Store what the server said of the letter in hand, if it did."""
        if self._answered is None:
            return
        letter, verdict = self._answered
        with self.store.begin() as tx:
            state = conclude(tx, letter, self.holder, verdict, now=_now())
        self._answered = None
        tell = logs.info if state is LetterState.SENT else logs.warning
        tell("letter", kind=letter.kind, state=state, status=verdict and verdict.status, attempts=letter.attempts)

    def _pause(self, fault: Exception) -> None:
        pause = self.pause_after(fault)
        self.failures += 1
        message = str(fault) if isinstance(fault, MailconsentError) else None
        logs.failure("sending pauses", fault, seconds=pause, message=message)
        self._stop.wait(pause)

    def pause_after(self, fault: Exception) -> float:
        """For how many seconds nothing is tried."""
        if isinstance(fault, PostboxRefused):
            return LONGEST_PAUSE  # a refused login does not mend itself, and servers lock out who insists
        return min(FIRST_PAUSE * float(2 ** min(self.failures, 12)), LONGEST_PAUSE)


def _now() -> datetime:
    return datetime.now(UTC)
