"""
The limit of a one-click post: a Flask view with nothing in it but two statements of the raw driver, and their commit.

`python -m benchmarks.bare DATABASE_URL --port N [--naive]`, under waitress with the settings of `mailconsent serve`.
On SQLite the writers queue as ours do, on a thread lock and `flock`; with `--naive` they queue in SQLite's own busy
handler. The link names the recipient by id and digest, so nothing is verified, looked up or locked.
"""

import argparse
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
import waitress
from flask import Flask, Response, request
from sqlalchemy import make_url

_EVENT = """
    insert into events (recipient_id, seq, kind, topic, channel, occurred_at, received_at, source)
    values (?, 2, 'withdrawn', 1, 'one_click', ?, ?, '')
"""
_STANDING = """
    insert into standings (digest, topic, recipient_id, denial, denial_event) values (?, 1, ?, 'withdrawn', 2)
    on conflict (digest, topic) do update
    set recipient_id = excluded.recipient_id, failure = excluded.failure, denial = excluded.denial,
        denial_event = excluded.denial_event, consent = excluded.consent, grade = excluded.grade
"""


class _Sqlite:
    def __init__(self, path: str, *, naive: bool) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._turn: Callable[[], AbstractContextManager[None]] = nullcontext if naive else self._queue

    @contextmanager
    def _queue(self) -> Iterator[None]:
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def withdraw(self, recipient_id: int, digest: bytes, now: datetime) -> None:
        link = self._link()
        with self._turn():
            link.execute("begin immediate")
            link.execute(_EVENT, (recipient_id, str(now), str(now)))
            link.execute(_STANDING, (digest, recipient_id))
            link.execute("commit")

    def _link(self) -> sqlite3.Connection:
        if not hasattr(self._local, "link"):
            self._local.link = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "cache_size=-65536"):
                self._local.link.execute(f"pragma {pragma}")
        link: sqlite3.Connection = self._local.link
        return link


class _Postgres:
    _EVENT, _STANDING = _EVENT.replace("?", "%s").encode(), _STANDING.replace("?", "%s").encode()

    def __init__(self, address: str) -> None:
        self._address = address
        self._local = threading.local()

    def withdraw(self, recipient_id: int, digest: bytes, now: datetime) -> None:
        if not hasattr(self._local, "link"):
            self._local.link = psycopg.connect(self._address)
        link: psycopg.Connection[Any] = self._local.link
        link.execute(self._EVENT, (recipient_id, now, now))
        link.execute(self._STANDING, (digest, recipient_id))
        link.commit()


def path(recipient_id: int, digest: bytes) -> str:
    """The link of a recipient."""
    return f"/u/{recipient_id}-{digest.hex()}"


def _app(database: _Sqlite | _Postgres) -> Flask:
    app = Flask("bare")

    @app.post("/u/<token>")
    def act(token: str) -> Response:
        request.get_data()
        recipient_id, _, digest = token.partition("-")
        database.withdraw(int(recipient_id), bytes.fromhex(digest), datetime.now(UTC))
        return Response("Unsubscribed.\n", mimetype="text/plain")

    return app


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database_url")
    parser.add_argument("--port", type=int)
    parser.add_argument("--naive", action="store_true")
    chosen = parser.parse_args()
    url = make_url(chosen.database_url)
    database = (
        _Sqlite(url.database or "", naive=chosen.naive)
        if url.get_backend_name() == "sqlite"
        else _Postgres(url.set(drivername="postgresql").render_as_string(hide_password=False))
    )
    waitress.serve(_app(database), host="127.0.0.1", port=chosen.port, threads=4, ident=None, _quiet=True)


if __name__ == "__main__":
    _main()
