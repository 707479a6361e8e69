"""The file of an import, and the side file with its rows that cannot be used."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO

from mailconsent.csv_rows import MAX_RECORD, Record, read_records
from mailconsent.errors import Refused
from mailconsent.import_rows import REJECTED, BadRow, Row, Wanted, read_header, read_row
from mailconsent.policy import Policy

CHANGED = "The file changed while it was read: what was done so far stays. Run the dry run again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a first reading of the whole file found."""

    sha256: bytes
    rows: int


class ImportFile:
    """
    A file that is read twice: first as a whole, so that what is broken is known before anything is recorded. It must be
    the same file both times.
    """

    def __init__(self, file: BinaryIO) -> None:
        if not file.seekable():
            raise Refused("The file is read twice, so it must be a file and not a pipe.")
        self._file = file
        self._mark = self._status()
        self.size = self._mark[0]
        #: The header as it stands there.
        self.header: Sequence[str] = ()

    def survey(self, wanted: Wanted, advance: Callable[[int], None]) -> Survey:
        """Read all of it. Raises `Refused` where it is not CSV, or its columns are not those of its kind."""
        digest = hashlib.sha256()
        records = read_records(self._lines(lambda line: digest.update(line)))
        self.header = next(records).fields
        try:
            read_header(wanted.kind, self.header)
        except Refused as fault:
            raise Refused(f"{fault} The first line must name the columns.") from None
        rows = 0
        for rows, _ in enumerate(records, 1):
            if rows % 10_000 == 0:
                advance(self._file.tell())
        advance(self.size)
        self._check()
        return Survey(sha256=digest.digest(), rows=rows)

    def chunks(self, wanted: Wanted, policy: Policy, size: int) -> Iterator[list[tuple[Row | BadRow, Record]]]:
        """The rows, so many at a time, each with the record that it was. Raises `Refused` if the file has changed."""
        records = read_records(self._lines())
        columns = read_header(wanted.kind, next(records).fields)
        chunk: list[tuple[Row | BadRow, Record]] = []
        for record in records:
            chunk.append((read_row(wanted, policy, columns, record.fields, record.line), record))
            if len(chunk) == size:
                self._check()
                yield chunk
                chunk = []
        self._check()
        if chunk:
            yield chunk

    def _lines(self, see: Callable[[bytes], None] = lambda _line: None) -> Iterator[bytes]:
        self._file.seek(0)
        while line := self._file.readline(MAX_RECORD + 1):
            see(line)
            yield line

    def _check(self) -> None:
        if self._status() != self._mark:
            raise Refused(CHANGED)

    def _status(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


class SideFile:
    """Rows that cannot be used, each with its line and why: mended, it can be imported. Made when the first comes."""

    def __init__(self, path: Path, header: Sequence[str], source: Path) -> None:
        if path.exists() and path.samefile(source):
            raise Refused("The side file would overwrite the file that is imported: name another one.")
        self.path = path
        self._header = header
        self._file: TextIO | None = None
        self.count = 0

    def add(self, bad: BadRow, fields: Sequence[str]) -> None:
        """Keep a row."""
        if self._file is None:
            # It holds addresses: for its owner alone, whatever was there before.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            try:
                descriptor = os.open(self.path, flags, 0o600)
                os.fchmod(descriptor, 0o600)
            except OSError as fault:
                raise Refused(
                    f"The side file cannot be made: {os.strerror(fault.errno or 0)}. What was done so far stays: name "
                    "another one with --rejects, and run this again."
                ) from None
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
            self._write([*REJECTED, *self._own(self._header)])
        self._write([str(bad.line), bad.why, *self._own(fields)])
        self.count += 1

    def _own(self, fields: Sequence[str]) -> list[str]:
        """The columns that are not ours, where a mended side file is imported."""
        ours = {place for place, name in enumerate(self._header) if name.strip().lower() in REJECTED}
        return [text for place, text in enumerate(fields) if place not in ours]

    def _write(self, fields: Sequence[str]) -> None:
        if self._file:
            csv.writer(self._file).writerow(fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self._file:
            self._file.close()
