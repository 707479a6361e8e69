"""The limit of a check: canonical form and digest in the tightest loop, and the look-up by the driver alone."""

import hashlib
import sqlite3
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from benchmarks.population import COLUMNS, TOPIC, dsn
from mailconsent.store import Store
from mailconsent.store.engine import SQLITE_MMAP

_FIELDS = ", ".join(f"s.{name}" for name in COLUMNS)


class Raw(Protocol):
    """What both drivers do here."""

    def look_up(self, digests: list[bytes]) -> Sequence[Any]:
        """The rows of these digests."""

    def close(self) -> None:
        """Hang up."""


def digests(key: bytes, addresses: Sequence[str]) -> list[bytes]:
    """Digests of plain addresses: trimmed, lower case, domain looked up; nothing is checked."""
    copy, result = hashlib.blake2b(key=key, digest_size=16).copy, []
    for address in addresses:
        local, _, domain = address.strip().rpartition("@")
        state = copy()
        state.update(f"{local.lower()}@{_domain(domain)}".encode())
        result.append(state.digest())
    return result


@lru_cache(maxsize=65536)
def _domain(text: str) -> str:
    return text.lower()


def connect(store: Store) -> Raw:
    """A connection of the driver's own to this database."""
    return _Sqlite(store.engine.url.database or "") if store.is_sqlite else _Postgres(dsn(store))


class _Sqlite:
    """One blob of sorted keys, cut up by a recursive CTE: the fastest form of those measured."""

    _QUERY = f"""
        with recursive p(i) as (select 0 union all select i + 1 from p where i < ?2 - 1),
        v(x) as (select substr(?1, i * 16 + 1, 16) from p)
        select {_FIELDS} from v cross join standings s on s.digest = v.x and s.topic in (0, ?3)
    """

    def __init__(self, path: str) -> None:
        self._link = sqlite3.connect(path, isolation_level=None)
        self._link.execute(f"pragma mmap_size={SQLITE_MMAP}")
        self._link.execute("pragma cache_size=-65536")

    def look_up(self, digests: list[bytes]) -> Sequence[Any]:
        keys = sorted(digests)
        return self._link.execute(self._QUERY, (b"".join(keys), len(keys), TOPIC)).fetchall()

    def close(self) -> None:
        self._link.close()


class _Packed(bytes):
    """A bytea[] in the binary form of the protocol."""


class _PackedDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: _Packed) -> bytes:
        return obj


class _Postgres:
    """`= any` over one array in binary form, packed by hand; the answer in binary form too."""

    _QUERY = f"select {_FIELDS} from standings s where s.digest = any(%b) and s.topic in (0, %b)"

    def __init__(self, address: str) -> None:
        self._link = psycopg.connect(address, autocommit=True, prepare_threshold=0)
        self._link.adapters.register_dumper(_Packed, _PackedDumper)

    def look_up(self, digests: list[bytes]) -> Sequence[Any]:
        size = struct.pack("!i", 16)
        keys = sorted(digests)
        packed = _Packed(struct.pack("!5i", 1, 0, 17, len(keys), 1) + size + size.join(keys))
        return self._link.cursor(binary=True).execute(self._QUERY, (packed, TOPIC)).fetchall()

    def close(self) -> None:
        self._link.close()
