"""
`mailconsent ...` as real processes that start in a moment.

Loading the code takes a command most of a second and most tests are not about that, so each process is forked from one
that has it loaded. From there on it is what an operator starts: arguments, environment, folder, exit status; it gets
signals and dies alone. That the command as installed loads and runs is shown by its help in
`tests/doors/test_cli.py`, by `tests/docs/test_readme.py` and by `tests/doors/test_composition.py`.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *(f"mailconsent.cli.{room.stem}" for room in Path(__file__).parent.parent.glob("mailconsent/cli/[a-z]*.py")),
        *("web", "worker", "alembic.command", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"),
        "tests.preloaded",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a process is given."""

    environ: Mapping[str, str]
    #: Files for the three standard streams; output is appended.
    given: Path = Path(os.devnull)
    out: Path
    err: Path
    folder: Path | None = None


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without settings of ours."""
    return {name: value for name, value in environ.items() if not name.startswith("MAILCONSENT_")}


class Command:
    """A command that runs, as `subprocess.Popen` shows it."""

    def __init__(self, arguments: Sequence[str], around: Surroundings) -> None:
        self._arguments = ["mailconsent", *arguments]
        self._process = _FORKS.Process(target=_run, args=(self._arguments, around), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, or the signal that ended it as a negative number; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended. `subprocess.TimeoutExpired` if that takes longer."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0.0)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


#: A process of ours, forked or started anew.
Running = Command | subprocess.Popen[bytes]


def _run(arguments: list[str], around: Surroundings) -> None:
    for stream, path, flags in (
        (0, around.given, os.O_RDONLY),
        (1, around.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, around.err, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, stream)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # multiprocessing has put another in its place
    os.environ.clear()
    os.environ.update(around.environ)
    if around.folder:
        os.chdir(around.folder)
    sys.argv[:] = arguments

    from mailconsent.cli import main

    main()
