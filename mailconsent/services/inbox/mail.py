"""A judged message on its way into the database, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailconsent.model import Channel, Classification, Evidence, Receipt
from mailconsent.policy.reports import STRICTEST, Reports
from mailconsent.services.inbox.answers import Answers
from mailconsent.services.inbox.judging import Judged
from mailconsent.services.recipients import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message that may act."""

    judged: Judged
    #: What the events that it makes are traced back to: mailbox, UIDVALIDITY and UID.
    source: str
    now: datetime
    #: Whether the mailbox was read to its end before. What a first sweep finds may be of years ago.
    swept: bool
    #: Which reports are believed.
    reports: Reports = STRICTEST
    #: How who wrote it is answered; None where nobody is.
    answers: Answers | None = None

    @property
    def verdict(self) -> Classification:
        """What it is."""
        return self.judged.classification

    @property
    def receipt(self) -> Receipt:
        """How the act that it is reached us."""
        details = {"detector": self.verdict.detector, "reason": self.verdict.reason}
        if self.judged.authentication:
            details["authentication"] = self.judged.authentication
        return Receipt(
            channel=Channel.INBOX,
            received_at=self.now,
            occurred_at=min(self.judged.fetched.received_at, self.now),
            source=self.source,
            evidence=Evidence(details=details),
        )


class Effect(NamedTuple):
    """What a message did."""

    #: The events it made or repeated; none where it changed nothing.
    outcomes: tuple[Outcome, ...] = ()
    #: Whether a human has to look at it.
    unsure: bool = False

    @property
    def adds(self) -> bool:
        """Whether any event was added."""
        return any(not outcome.repeated for outcome in self.outcomes)
