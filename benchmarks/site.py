"""An installation of the benchmark's own: database, keys, and the real `mailconsent serve` over it."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from mailconsent.services.installation import Installation, init, start
from mailconsent.settings import PREFIX, load_settings
from mailconsent.store.mailboxes import last_sweeps
from tests.real.ports import free_port, wait_for_port
from tests.real.postgres import Postgres

ROOT = Path(__file__).parent.parent


class Site:
    """A migrated, empty installation."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.environ = {
            f"{PREFIX}DATABASE_URL": database_url,
            f"{PREFIX}DIGEST_KEYS_FILE": str(folder / "digest.keys"),
            f"{PREFIX}SIGNING_KEYS_FILE": str(folder / "signing.keys"),
            f"{PREFIX}POLICY": str(ROOT / "policy.toml"),
        }
        init(load_settings(self.environ))

    @contextlib.contextmanager
    def opened(self, **settings: str) -> Iterator[Installation]:
        """The installation, as a door opens it."""
        environ = self.environ | {f"{PREFIX}{name}": value for name, value in settings.items()}
        installation = start(load_settings(environ))
        try:
            yield installation
        finally:
            installation.store.close()

    @contextlib.contextmanager
    def served(self) -> Iterator["Running"]:
        """A `mailconsent serve` over this installation."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with running("mailconsent", "serve", folder=self.folder, environ=environ | self.environ) as server:
            yield server

    @contextlib.contextmanager
    def worked(self, **settings: str) -> Iterator["Working"]:
        """A `mailconsent worker` over this installation."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environ |= self.environ | {f"{PREFIX}{name}": value for name, value in settings.items()}
        log = self.folder / "worker.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "mailconsent", "worker"]
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
        try:
            yield Working(process, log)
        finally:
            process.terminate()
            process.wait(20)


class Working(NamedTuple):
    """A worker."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for_sweep(self, here: Installation) -> None:
        """Until it read its mailbox to the end. RuntimeError if it ends before."""
        while True:
            with here.store.read() as tx:
                if any(sweep.checked_at for sweep in last_sweeps(tx)):
                    return
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text()[-2000:])
            time.sleep(0.02)

    def peak(self) -> int:
        """The most bytes of memory that it ever used."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0


class Running(NamedTuple):
    """A process that listens."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(module: str, *arguments: str, folder: Path, environ: dict[str, str] | None = None) -> Iterator[Running]:
    """A Python module that listens on `--port`, as a process of its own; its log goes into the folder."""
    port = free_port()
    log = folder / f"{port}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        wait_for_port(port, process=process, log=log)
        yield Running(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def sites(kind: str) -> Iterator[Callable[[], Site]]:
    """Makes empty installations on `SQLite` or on a durable `PostgreSQL`; all are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mailconsent-bench-"))
    server = Postgres(durable=True) if kind == "PostgreSQL" else None
    count = 0

    def new() -> Site:
        nonlocal count
        count += 1
        place = folder / str(count)
        place.mkdir()
        return Site(place, server.create_database() if server else f"sqlite:///{place}/mailconsent.db")

    try:
        yield new
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


KINDS = ("SQLite", "PostgreSQL")
