"""
What an erasure removes, what it leaves, and why: the receipt that the person gets (GDPR Articles 12(4), 17 and 19).

1. The address, the language, the evidence and the mail go. What is left holds no identity but a keyed digest, which
   finds the opt-out when the address turns up again in an import or a form.
2. Who wants that gone too is told first what follows: nothing can then keep anybody from mailing them anew.
3. Nothing goes that a legal hold covers (GDPR Article 17(3)(e)); marketing ends all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailconsent.model import EventId

WARNING = (
    "Without the digest nothing remains by which mailconsent could know this address again: an import, a form or a "
    "purchase can bring it back, and nothing will say that the person had opted out."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that stays."""

    what: str
    why: str
    #: The clause that allows or demands it; empty for what is not in this database.
    ground: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What came of an erasure. It names nobody, so that it can be kept and given out."""

    erased_at: datetime
    #: Rows of evidence, and texts of mails, that were removed.
    evidence: int = 0
    messages: int = 0
    #: Whether an address or a language was there to be removed.
    identity: bool = False
    #: Events removed together with the digest; None where both stayed.
    events: int | None = None
    #: What ended all marketing, where the digest stayed.
    ended_by: EventId | None = None
    #: Whether a legal hold kept everything where it is.
    held: bool = False

    @property
    def removed(self) -> Sequence[str]:
        """What was removed, a line each."""
        lines = ["the address as it was given, and the language"] if self.identity else []
        lines += [_count(self.evidence, "record") + " of evidence"] if self.evidence else []
        lines += ["the text of " + _count(self.messages, "mail") + " to the contact inbox"] if self.messages else []
        if self.events is not None:
            lines.append("the coded fingerprint (keyed digest) of the address")
            lines.append(_count(self.events, "event") + ", and what followed from them")
        return lines

    @property
    def kept(self) -> Sequence[Kept]:
        """What stays."""
        if self.held:
            return (_HELD, _DIGEST, _EVENTS, *_ELSEWHERE)
        return (*((_DIGEST, _EVENTS) if self.events is None else (_LEAVES,)), _RECORD, *_ELSEWHERE)


_HELD = Kept(
    what="all records about this address",
    why="a legal hold: they are needed for a legal claim. Marketing has ended all the same.",
    ground="GDPR Article 17(3)(e)",
)
_DIGEST = Kept(
    what="a coded fingerprint (keyed digest) of the address and its domain, and the opt-out that stands under it",
    why="without it an import or a form could bring the address back, and the opt-out would be forgotten",
    ground="GDPR Article 17(3)(b) with Article 21(3)",
)
_EVENTS = Kept(
    what="under a random number: what happened and what was sent, when and why, without address, name or text",
    why="they show that mail was sent on a ground, and that it ended; they go when their retention ends",
    ground="GDPR Article 17(3)(e)",
)
_LEAVES = Kept(
    what="for each removed event a random number and a hash from which it cannot be guessed",
    why="without them nobody could verify the rest of the ledger",
    ground="GDPR Article 32(1)(b)",
)
_RECORD = Kept(
    what="that an erasure took place: the time, who ran it, and how much was removed",
    why="the company must be able to show that it did what was asked",
    ground="GDPR Article 5(2)",
)
_ELSEWHERE = (
    Kept(what="mail in the contact inbox itself", why="it is not in this database: delete it there"),
    Kept(what="the address in the newsletter system", why="it is not in this database: delete it there"),
    Kept(
        what="in the journal: the digest, what was refused and when, and each erasure",
        why="with it, a backup that is restored is erased again; it goes with the old days of the journal",
    ),
    Kept(what="backups", why="what was removed goes from them as they expire"),
)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
