"""The journal's flush, which several threads share."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailconsent.errors import StorageUnavailable
from mailconsent.model import Channel, EventKind
from mailconsent.store.journal import Entry, Journal, read_entries

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(number: int, at: datetime = NOON) -> Entry:
    return Entry(
        digest=number.to_bytes(16), generation=1, kind=EventKind.WITHDRAWN, topic=0, channel=Channel.PAGE,
        occurred_at=at, received_at=at,
    )  # fmt: skip


def test_a_flush_that_fails_fails_for_all_that_was_written_before_it_and_for_nothing_after(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, second = journal.write([entry(1)]), journal.write([entry(2)])
    [file] = journal.files()
    file.rename(tmp_path / "away")
    file.mkdir()  # what cannot be opened cannot be flushed

    with pytest.raises(StorageUnavailable):
        journal.flush(first)
    file.rmdir()
    with pytest.raises(StorageUnavailable):
        journal.flush(second)

    journal.flush(journal.write([entry(3)]))
    assert list(read_entries(file)) == [entry(3)]


def test_a_flush_covers_the_files_of_both_days_around_midnight(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write([entry(1)])
    number = journal.write([entry(2, NOON + timedelta(days=1))])
    before, after = journal.files()
    before.rename(tmp_path / "away")
    before.mkdir()

    with pytest.raises(StorageUnavailable):
        journal.flush(number)
    assert after.read_bytes()


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    def write(thread: int) -> None:
        for number in range(50):
            journal.flush(journal.write([entry(100 * thread + number)]))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [file] = journal.files()
    written = {found.digest for found in read_entries(file) if isinstance(found, Entry)}
    assert written == {entry(100 * thread + number).digest for thread in range(8) for number in range(50)}
