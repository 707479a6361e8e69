"""
A benchmark that no longer runs is noticed here, and not by whoever needs its figures.

Only that each comes to its end, and not what it measures: a machine that runs tests is not quiet. The two that take a
minute and more even when small are left out, `check` and `push`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("classify", ["classify, an inbox", "classify, our vectors"]),
        ("inbox", ["inbox, SQLite, 4,000 messages", "inbox, PostgreSQL, 4,000 messages"]),
        ("oneclick", ["one-click, SQLite, 16 clients", "one-click, PostgreSQL, 16 clients"]),
        ("sweep", ["first sweep, SQLite, 2,000 messages", "first sweep, PostgreSQL, 2,000 messages"]),
    ],
)
def test_a_benchmark_comes_to_its_end_and_prints_its_figures(name: str, figures: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks", "--small", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode in (0, 1), done.stderr  # 1: a target was missed
    assert "Traceback" not in done.stderr
    for figure in figures:
        assert any(line.startswith(figure) for line in done.stdout.splitlines()), done.stdout
