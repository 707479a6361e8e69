"""Taking turns: other work shares the machine, so what is compared runs in alternation, and medians are taken."""

import sys
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

_Name = TypeVar("_Name")


def medians(contenders: Mapping[_Name, Callable[[], float]], rounds: int) -> dict[_Name, float]:
    """The median of what each contender returns in so many rounds, every other one backwards; one more warms up."""
    taken: dict[_Name, list[float]] = {name: [] for name in contenders}
    for number in range(-1, rounds):
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            value = contenders[name]()
            if number >= 0:
                taken[name].append(value)
    return {name: median(values) for name, values in taken.items()}


def progress(text: str) -> None:
    """Say on standard error what goes on."""
    print(text, file=sys.stderr, flush=True)
