"""Standings by the million, written straight into the table in the order of its key."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import psycopg

from benchmarks.rounds import progress
from mailconsent.address import Digester
from mailconsent.store import Store

TOPIC = 1
COLUMNS = ("digest", "topic", "recipient_id", "failure", "denial", "denial_event", "consent", "grade")
_CHUNK = 100_000


class Population:
    """So many addresses that have a standing for the topic: nineteen in twenty a consent, one a withdrawal."""

    def __init__(self, size: int) -> None:
        self.size = size

    def ask(self, count: int, hits: float) -> list[str]:
        """Random addresses, of which this share has a standing."""
        known = round(count * hits) if count > 1 else random.random() < hits
        numbers = [random.randrange(self.size) for _ in range(known)]
        numbers += [random.randrange(self.size, 2 * self.size) for _ in range(count - known)]
        random.shuffle(numbers)
        return [address(number) for number in numbers]

    def load(self, store: Store) -> None:
        """Fill the table, and let the database know its statistics."""
        progress(f"  loading {self.size:,} standings")
        rows = self._rows(store.keyring.digester)
        if store.is_sqlite:
            _load_sqlite(store.engine.url.database or "", rows)
        else:
            _load_postgresql(dsn(store), rows)

    def _rows(self, digester: Digester) -> Iterator[Sequence[Any]]:
        digests = sorted(d for d in digester.digests(map(address, range(self.size)), 1) if d)
        for digest in digests:
            withdrawn = digest[-1] < 13
            no = ("withdrawn", 2, None, None) if withdrawn else (None, None, 1, "B")
            yield digest, TOPIC, random.getrandbits(63), None, *no


def address(number: int) -> str:
    """The address of this number, as people write theirs: on a thousand domains, now and then with a capital."""
    return f"{'Anna' if number % 10 == 0 else 'anna'}.{number}@mail{number % 997}.example.com"


def dsn(store: Store) -> str:
    """What the raw driver connects to."""
    return store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _load_sqlite(path: str, rows: Iterator[Sequence[Any]]) -> None:
    connection = sqlite3.connect(path)
    insert = f"insert into standings ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))})"
    while chunk := list(islice(rows, _CHUNK)):
        with connection:
            connection.executemany(insert, chunk)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def _load_postgresql(address_of_server: str, rows: Iterator[Sequence[Any]]) -> None:
    with psycopg.connect(address_of_server, autocommit=True) as link:
        with link.cursor().copy(f"copy standings ({', '.join(COLUMNS)}) from stdin (format binary)") as copy:
            copy.set_types(["bytea", "int4", "int8", "int4", "varchar", "int4", "int4", "varchar"])
            for row in rows:
                copy.write_row(row)
        link.execute("vacuum analyze standings")
