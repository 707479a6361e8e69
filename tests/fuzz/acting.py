"""An installation in which broken mail does what it does: events, questions, letters. None of that may fail either."""

import contextlib
import os
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete
from structlog.testing import capture_logs

from mailconsent.policy.reports import Proof, Reports
from mailconsent.services.inbox import Answers, Judged, ingest
from mailconsent.services.inbox.effects import apply
from mailconsent.services.inbox.mail import Mail
from mailconsent.services.installation import Installation
from mailconsent.store.inbox import State
from mailconsent.store.tables import outbox
from tests.houses import build

#: A little after what `watch` judges has arrived.
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """An open installation. Every report is believed, and every request is answered."""

    here: Installation
    answers: Answers
    reports: Reports

    def fault(self, judged: Judged) -> str | None:
        """What is wrong with what a message does, or nothing."""
        with capture_logs() as said, self.here.store.begin() as tx:
            tx.connection.execute(delete(outbox))  # or nobody would be answered twice in a week
            stored = ingest(tx, judged, now=NOW, reports=self.reports, answers=self.answers)
        if stored.state is State.FAILED and not judged.failed:
            return f"what it does: {self._place(judged)}"
        faults = (line for line in said if line["log_level"] == "error")
        return next((f"{line['event']}: {line.get('error')} at {line.get('at', ['?'])[-1]}" for line in faults), None)

    def _place(self, judged: Judged) -> str:
        mail = Mail(judged=judged, source="mail:1/0/1", now=NOW, swept=True, reports=self.reports, answers=self.answers)
        try:
            with self.here.store.begin() as tx:
                apply(tx, mail)
        except Exception as fault:  # noqa: BLE001 - to name it is what we are here for
            place = traceback.extract_tb(fault.__traceback__)[-1]
            return f"{type(fault).__name__} in {Path(place.filename).name}:{place.lineno}"
        return "failed once, and not again"


@contextlib.contextmanager
def acting() -> Iterator[Acting]:
    """An empty installation on SQLite, in memory where there is room, gone afterwards."""
    room = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mailconsent-fuzz-", dir=room) as folder:
        house = build(Path(folder), f"sqlite:///{folder}/mailconsent.db")
        with house.opened() as here:
            answers = Answers(rules=here.rules, ours=frozenset({"contact@example.com"}))
            yield Acting(here=here, answers=answers, reports=Reports(bounces=Proof.ADDRESS))
