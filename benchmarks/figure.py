"""One line of the result: what was measured, its raw limit, and the target."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured figure beside its limit. `target` is for `ratio`."""

    name: str
    #: As printed.
    figure: str
    limit: str
    #: Of the figure to the limit.
    ratio: float | None = None
    target: float | None = None
    #: The target is the highest ratio that will do, not the lowest.
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.ratio is None or self.target is None:
            return None
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


def rate(value: float) -> str:
    """So many per second."""
    return f"{value:,.0f}/s"


def milliseconds(seconds: float) -> str:
    """A duration."""
    return f"{seconds * 1000:,.2f} ms"


def table(figures: Iterable[Figure]) -> str:
    """All figures, one a line."""
    rows: list[Sequence[str]] = [("figure", "measured", "raw limit", "ratio", "target", "met")]
    for figure in figures:
        rows.append(
            (
                figure.name,
                figure.figure,
                figure.limit,
                "" if figure.ratio is None else f"{figure.ratio:.2f}",
                "" if figure.target is None else f"{'<=' if figure.at_most else '>='} {figure.target:.2f}",
                {None: "", True: "yes", False: "NO"}[figure.met],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *rest = (
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((name, *rest)).rstrip()
