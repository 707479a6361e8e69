"""
The journal: every opt-out and every erasure, in a file beside the database, so that a restore from an old backup
resurrects nobody.

A line is written before the transaction of its event commits, and is on the disk before anybody is answered. So
whatever was acknowledged stands in the database and in the journal; a line of a transaction that failed after all is of
somebody who did ask to be left alone. It holds no address: the digest, what was refused, and when. One file for each
day, so that old days can go.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from mailconsent.errors import ConfigError, StorageUnavailable
from mailconsent.model import Channel, EventKind

_SUFFIX = ".jsonl"
#: The kind of an erasure, which is no event.
_ERASED = "erased"
#: The facts that are written: how a mail without a link told whose it is, and that a suppression is a restriction.
FACTS = ("identified", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One opt-out."""

    #: Keyed digest of the address, under the keys of `generation`.
    digest: bytes
    generation: int
    kind: EventKind
    topic: int
    channel: Channel
    occurred_at: datetime
    received_at: datetime
    #: Of the event's facts those that say what the opt-out reaches, and what ends it: see `FACTS`.
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That a person's data was erased: a backup may bring it back, and nothing in the database would say so."""

    #: As of an `Entry`.
    digest: bytes
    generation: int
    received_at: datetime
    #: Digest and events too.
    wholly: bool
    #: Mails of which the text went, as sources of events name them.
    mails: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A line that is no entry."""

    file: str
    line: int
    #: The last line of its file: torn, as by a power cut in the midst of a write that nobody was told of.
    last: bool


class Journal:
    """The files of this machine. Any number of processes may write at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: How many writes there were, those known to be on the disk, and those of which a flush failed.
        self._written = self._flushed = self._lost = 0
        #: The days of which the files were written to since the last flush.
        self._days: set[date] = set()
        self._counting, self._flushing = threading.Lock(), threading.Lock()

    def check(self) -> None:
        """Raises `ConfigError` where it cannot be written."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise ConfigError("JOURNAL: the folder cannot be made") from fault
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise ConfigError("JOURNAL: the folder cannot be written")

    def write(self, entries: Sequence[Entry | Erasure]) -> int:
        """
        Write these, so that they outlast this process; `flush` of the number that comes back puts them on the disk.
        Raises `StorageUnavailable`: then nothing is to be committed.
        """
        # Begun with a line break: what a write before this one left unfinished ends there.
        text = "\n" + "".join(f"{_line(entry)}\n" for entry in entries)
        data = text.encode("ascii")
        day = entries[0].received_at.astimezone(UTC).date()
        try:
            descriptor = self._open(day)
            try:
                # In one piece, which O_APPEND keeps apart from what others write.
                whole = os.write(descriptor, data) == len(data)
            finally:
                os.close(descriptor)
        except OSError as fault:
            raise StorageUnavailable from fault
        if not whole:
            raise StorageUnavailable
        with self._counting:
            self._written += 1
            self._days.add(day)
            return self._written

    def flush(self, number: int) -> None:
        """
        Have all writes up to this one on the disk: threads that wait for the disk at the same moment wait for one
        flush together. Raises `StorageUnavailable`: then nothing is to be acknowledged.
        """
        with self._flushing:
            if number > self._flushed:
                self._flush()
            # Of what a flush failed for, a later one may not know any more that it is not there.
            if number <= self._lost:
                raise StorageUnavailable

    def _flush(self) -> None:
        with self._counting:
            upto, days, self._days = self._written, self._days, set()
        self._flushed = upto
        try:
            for day in days:
                descriptor = self._open(day)
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError:
            self._lost = upto

    def _open(self, day: date) -> int:
        # Opened anew each time, which takes microseconds: a file that somebody moved away is not written to.
        path = self.folder / f"{day.isoformat()}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, flags | os.O_CREAT, 0o600)
            _sync_folder(self.folder)
            return descriptor

    def files(self) -> Sequence[Path]:
        """The files, the oldest day first."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def trim(self, before: date) -> Sequence[Path]:
        """Delete the files of the days before this one; those that were deleted."""
        old = [path for path in self.files() if path.stem < before.isoformat()]
        for path in old:
            path.unlink(missing_ok=True)
        return old


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_entries(path: Path) -> Iterator[Entry | Erasure | Unreadable]:
    """What stands in a file of a journal, in its order. Raises `OSError` for a file that cannot be read."""
    with path.open("rb") as file:
        torn: Unreadable | None = None
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            if torn:
                yield torn
            entry = _entry(line)
            torn = None if entry else Unreadable(file=path.name, line=number, last=False)
            if entry:
                yield entry
        if torn:
            yield Unreadable(file=torn.file, line=torn.line, last=True)


def _line(entry: Entry | Erasure) -> str:
    values: dict[str, object] = {
        "digest": entry.digest.hex(),
        "generation": entry.generation,
        "received_at": entry.received_at.astimezone(UTC).isoformat(),
    }
    if isinstance(entry, Erasure):
        values |= {"kind": _ERASED, "wholly": entry.wholly, "mails": list(entry.mails)}
    else:
        values |= {
            "kind": entry.kind.value,
            "topic": entry.topic,
            "channel": entry.channel.value,
            "occurred_at": entry.occurred_at.astimezone(UTC).isoformat(),
            **entry.facts,
        }
    return json.dumps(values, separators=(",", ":"))


def _entry(line: bytes) -> Entry | Erasure | None:
    try:
        told = json.loads(line)
        digest, generation = bytes.fromhex(told["digest"]), int(told["generation"])
        received_at = datetime.fromisoformat(told["received_at"]).astimezone(UTC)
        if told["kind"] == _ERASED:
            return Erasure(
                digest=digest,
                generation=generation,
                received_at=received_at,
                wholly=bool(told["wholly"]),
                mails=[str(mail) for mail in told["mails"]],
            )
        return Entry(
            digest=digest,
            generation=generation,
            kind=EventKind(told["kind"]),
            topic=int(told["topic"]),
            channel=Channel(told["channel"]),
            occurred_at=datetime.fromisoformat(told["occurred_at"]).astimezone(UTC),
            received_at=received_at,
            facts={name: str(told[name]) for name in FACTS if name in told},
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
