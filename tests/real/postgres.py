"""PostgreSQL, from the newest of Debian's versions on this machine."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.real.ports import free_port, wait_for_port
from tests.real.programs import ServerMissing

#: Fine for tests, whose data may die with the machine; about ten times faster on commits.
_CARELESS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class Postgres:
    """
    One cluster. Make a database per test: `create_database`.

    With `durable`, commits reach the disk as they would in production: for benchmarks, and for `crash`.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.port = free_port()
        self._bin = _newest_bin()
        self._dir = Path(tempfile.mkdtemp(prefix="mailconsent-postgres-"))
        # initdb and postgres refuse to run as root, so root drops to the user that the Debian package made.
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._dir, "postgres", "postgres")
        try:
            self._initialise()
            self._start()
        except BaseException:
            shutil.rmtree(self._dir, ignore_errors=True)
            raise

    def _initialise(self) -> None:
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [str(self._bin / "initdb"), "-D", str(self._dir / "data"), *options],
            check=True,
            cwd=self._dir,
            stdout=subprocess.DEVNULL,
            **self._as,
        )

    def _start(self) -> None:
        log = self._dir / "log"
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._dir}"]
        command = [str(self._bin / "postgres"), "-D", str(self._dir / "data"), "-p", str(self.port), *settings]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*command, *(() if self.durable else _CARELESS)],
                cwd=self._dir,
                stdout=subprocess.DEVNULL,
                stderr=out,
                **self._as,
            )
        try:
            wait_for_port(self.port, process=self._process, log=log)
            self._wait_until_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _wait_until_ready(self) -> None:
        """The port opens a little before the server stops saying "the database system is starting up"."""
        probe = [str(self._bin / "pg_isready"), "-q", "-t", "30", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(probe, check=False).returncode != 0:
            if self._process.poll() is not None:
                raise RuntimeError("PostgreSQL ended while starting")

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address of a database of this cluster."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The address of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        self._execute(f"create database {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._execute(f"drop database if exists {url.rpartition('/')[2]} with (force)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres", autocommit=True) as link:
            link.execute(statement.encode())

    def crash(self) -> None:
        """End the server as a power cut would, and start it again: it recovers from its log."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)
        self._start()

    def stop(self) -> None:
        """End the server and remove its files."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._dir, ignore_errors=True)


def _newest_bin() -> Path:
    found = list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise ServerMissing(
            "PostgreSQL is not installed, and these tests run against the real one: apt-get install postgresql"
        )
    return max(found, key=lambda path: float(path.parts[-3])).parent
