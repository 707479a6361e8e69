"""
What must hold of every message, whatever is in it: the loop goes on, within a second of CPU time and 200 MB of memory,
and what comes out can be stored and shown.

Memory is that of the whole process, the phrases of all languages included, and the highest it ever was.
"""

import hashlib
import re
import time
import traceback
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailconsent.authentication import read_authentication
from mailconsent.classify import classify
from mailconsent.errors import InvalidToken
from mailconsent.mailbox import Fetched
from mailconsent.message import parse_message
from mailconsent.model import LegalBasis, MailedClaim, ReturnClaim, UnsubscribeClaim
from mailconsent.services.inbox import Judged, judge
from tests.fuzz.acting import Acting

#: Seconds of CPU time that one message may take.
SECONDS = 1.0
#: Bytes of memory.
MEMORY = 200 * 2**20
TRUSTED: Set[str] = frozenset({"mail.example.com"})
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A message that did what none may do. Nothing of what it says is in here."""

    name: str
    what: str


@dataclass(slots=True, kw_only=True)
class Watch:
    """What was seen so far."""

    seconds: float = SECONDS
    memory: int = MEMORY
    findings: list[Finding] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    #: The slowest: seconds of CPU time and name.
    slowest: tuple[float, str] = (0.0, "")
    #: Where messages act; None where they are judged only.
    acting: Acting | None = None
    _told_of_memory: bool = False

    def look_at(self, name: str, raw: bytes, *, acts: bool = False) -> bool:
        """Judge a message as the worker does, and perhaps let it act; whether all was well."""
        before = len(self.findings)
        judged, took = timed(raw)
        if took > self.seconds:  # the machine may have been at fault, a message that is slow is slow again
            took = min(took, *(timed(raw)[1] for _ in range(2)))
        self.slowest = max(self.slowest, (took, name))
        self.labels[judged.classification.label.value] += 1
        if took > self.seconds:
            self.findings.append(Finding(name=name, what=f"took {took:.2f} s of CPU time"))
        if judged.failed:
            self.findings.append(Finding(name=name, what=fault_of(raw)))
        self.findings += (Finding(name=name, what=fault) for fault in unfit(judged))
        if acts and self.acting and (fault := self.acting.fault(judged)):
            self.findings.append(Finding(name=name, what=fault))
        return len(self.findings) == before

    def look_at_memory(self, name: str) -> None:
        """Whether memory was ever above its bound."""
        if (highest := peak()) > self.memory and not self._told_of_memory:
            self._told_of_memory = True
            self.findings.append(Finding(name=name, what=f"at or before it, memory rose to {highest / 2**20:.0f} MB"))


def timed(raw: bytes) -> tuple[Judged, float]:
    """What a message is, and the CPU seconds that took."""
    fetched = Fetched(uid=1, raw=raw, received_at=MOMENT)
    began = time.process_time()
    judged = judge(fetched, read_token, TRUSTED)
    return judged, time.process_time() - began


def read_token(text: str) -> MailedClaim:
    """Every other token is one of ours, and every fourth a return path."""
    digest = hashlib.blake2b(text.lower().encode(), digest_size=16).digest()
    if digest[0] % 2:
        raise InvalidToken
    if digest[0] % 4 == 0:
        return ReturnClaim(digest=digest, generation=1, sent_on=MOMENT.date())
    return UnsubscribeClaim(digest=digest, generation=1, topic=1, basis=LegalBasis.CONSENT)


def fault_of(raw: bytes) -> str:
    """Where it broke, without what it said: the text of an exception may quote the message."""
    try:
        message = parse_message(raw)
        classify(message, read_token)
        read_authentication(message, TRUSTED)
    except Exception as fault:  # noqa: BLE001 - to name it is what we are here for
        place = traceback.extract_tb(fault.__traceback__)[-1]
        return f"{type(fault).__name__} in {Path(place.filename).name}:{place.lineno}"
    return "broke the reader"


def unfit(judged: Judged) -> list[str]:
    """What of it no database takes, or should stand in none."""
    verdict = judged.classification
    said = (verdict.detector, verdict.reason, judged.authentication or "")
    faults = []
    if len(verdict.detector) > 16:
        faults.append("the detector is too long to be stored")
    if any(not text.isprintable() for text in said) or "@" in verdict.reason:
        faults.append("detector or reason are not words of ours")
    if not 0 <= verdict.confidence <= 1:
        faults.append("confidence is none")
    for address in (*verdict.addresses, *verdict.named):
        try:
            address.encode()
        except UnicodeEncodeError:
            faults.append("an address cannot be stored")
        if "\0" in address:
            faults.append("an address has a NUL in it")
    return faults


def peak() -> int:
    """The most bytes of memory that this process ever used. (`getrusage` would also count who started it.)"""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0
