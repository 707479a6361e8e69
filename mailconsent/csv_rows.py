"""
The bytes of a CSV file -> its records (RFC 4180). Rules:

1. UTF-8, with or without the mark that spreadsheets put before it; commas, semicolons or tabs, as the first line has
   them; any line end but a lone CR; line breaks within quotes.
2. What cannot be read for certain is refused with the number of its line, and never guessed: a quote that is not closed
   would swallow everybody after it.
3. Memory is bounded, whatever the file: no record is longer than `MAX_RECORD`.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailconsent.errors import Refused

#: Bytes, line breaks within quotes included.
MAX_RECORD = 2**20
_DELIMITERS = ",;\t"
_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record, the header too."""

    #: The number of its first line, from 1.
    line: int
    fields: list[str]


def read_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """The records of a file, given by its lines with their ends; empty lines are left out. Raises `Refused`."""
    feed = _Feed(lines)
    first = next(feed, None)
    if first is None:
        raise Refused("The file is empty: its first line must name the columns.")
    reader = csv.reader(_again(first, feed), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    begins = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            fields, broken = None, True
        else:
            broken = False
        if broken:
            raise Refused(
                f"Line {begins}: this is not CSV: a quote is not closed or out of place, a field has more than "
                f"{csv.field_size_limit()} characters, or lines end with CR alone."
            )
        if fields is None:
            return
        if fields:
            yield Record(line=begins, fields=fields)
        begins, feed.size = feed.line + 1, 0


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


class _Feed:
    """Lines as text. Counts them, and the bytes of the record that is being read."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.line = 0
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.line += 1
        self.size += len(line)
        if self.size > MAX_RECORD:
            raise Refused(f"Line {self.line}: a record has more than {MAX_RECORD} bytes; is a quote not closed?")
        if self.line == 1:
            if line.startswith(_UTF_16):
                raise Refused("The file is in UTF-16: save it as CSV in UTF-8.")
            line = line.removeprefix(_MARK)
        try:
            return line.decode()
        except UnicodeDecodeError:
            pass
        # Raised out here: the decoder's own exception quotes the line.
        raise Refused(f"Line {self.line} is not in UTF-8: save the file as CSV in UTF-8.")
