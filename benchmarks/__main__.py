"""`python -m benchmarks [--small] [name ...]`: exit status 1 if a target is missed."""

import argparse
import importlib
import sys

from benchmarks.figure import Figure, table

NAMES = ("check", "oneclick", "inbox", "classify", "push", "sweep")


def main() -> int:
    """Run the benchmarks named, or all; print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Hot paths beside their raw limits.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES), default=[])
    parser.add_argument("--small", action="store_true", help="smaller tables and fewer rounds, for a quick look")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.names) - set(NAMES)):
        parser.error(f"there is no {', '.join(unknown)}")
    figures: list[Figure] = []
    try:
        for name in chosen.names or NAMES:
            for figure in importlib.import_module(f"benchmarks.{name}").run(small=chosen.small):
                figures.append(figure)
    finally:
        print(table(figures))  # also what was measured before an interruption
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
