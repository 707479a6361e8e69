"""
`python -m tests.fuzz [FOLDER ...]`: exit status 1 if a message does what none may do.

The seeds are the messages of `tests/vectors`, and the `.eml` files of the folders given. Each mutant is made of its
number and the seed of the run, so `--first N --count 1 --keep FOLDER` writes that one again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from mailconsent.classify import preload
from tests.fuzz.acting import acting
from tests.fuzz.hostile import everything, huge
from tests.fuzz.mutation import mutant
from tests.fuzz.watch import Watch, peak

VECTORS = Path(__file__).parent.parent / "vectors" / "messages"
COUNT = 200_000
#: Mutants from one look at the memory to the next.
OFTEN = 200
#: Of so many mutants, one does what it does. Each takes as long as some ten that are judged only.
ACTING = 5
#: Of so many that are built, one is taken where only a few are asked for.
FEW = 23


def main() -> int:
    """Run what is asked for and say what was found."""
    arguments = read_arguments()
    seeds = [path.read_bytes() for folder in (VECTORS, *arguments.folders) for path in sorted(folder.glob("*.eml"))]
    preload()  # or the first message takes as long as all words
    began = time.perf_counter()
    with acting() as place:
        watch = Watch(seconds=arguments.seconds, acting=place)
        run_hostile(watch, arguments)
        run_mutants(watch, arguments, seeds)
    for finding in watch.findings:
        print(f"{finding.name}: {finding.what}")
    print(
        f"{sum(watch.labels.values()):,} messages from {len(seeds)} seeds in {time.perf_counter() - began:.0f} s; "
        f"slowest {watch.slowest[0]:.2f} s of CPU time ({watch.slowest[1]}); memory at most {peak() / 2**20:.0f} MB; "
        f"{len(watch.findings)} findings"
    )
    print(", ".join(f"{label} {count:,}" for label, count in watch.labels.most_common()))
    return 1 if watch.findings else 0


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Mail broken on purpose.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="more seeds: a folder of .eml files")
    parser.add_argument("--count", type=int, default=COUNT, help="mutants (%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other mutants (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of CPU time for one message (%(default)s)")
    parser.add_argument("--hostile", choices=("all", "few", "none"), default="all", help="of the ones that are built")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write what did wrong here; it may be real mail")
    return parser.parse_args()


def run_hostile(watch: Watch, arguments: argparse.Namespace) -> None:
    """The ones that are built: each by itself, since one alone may take all the memory there is."""
    if arguments.hostile == "none":
        return
    step = FEW if arguments.hostile == "few" else 1
    for name, make in islice(chain(everything(), huge()), arguments.first % step, None, step):
        raw = make()
        if not watch.look_at(name, raw, acts=True):
            keep(arguments.keep, name, raw)
        del raw
        watch.look_at_memory(name)


def run_mutants(watch: Watch, arguments: argparse.Namespace, seeds: Sequence[bytes]) -> None:
    """Seeds, changed at random."""
    for number in range(arguments.first, arguments.first + arguments.count):
        name = f"mutant {number} of seed {arguments.seed}"
        raw = mutant(number, arguments.seed, seeds)
        if not watch.look_at(name, raw, acts=not number % ACTING) or arguments.count == 1:
            keep(arguments.keep, name, raw)
        if not number % OFTEN:
            watch.look_at_memory(name)
        if sys.stderr.isatty() and not number % OFTEN:
            print(f"\r{number - arguments.first:,} mutants", end="\r", file=sys.stderr)


def keep(folder: Path | None, name: str, raw: bytes) -> None:
    """Write a message for whoever mends what it showed."""
    if folder:
        folder.mkdir(exist_ok=True)
        (folder / f"{''.join(letter if letter.isalnum() else '-' for letter in name)}.eml").write_bytes(raw)


if __name__ == "__main__":
    sys.exit(main())
