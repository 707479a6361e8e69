"""What an import does, or would do, in numbers: nothing in it tells of a person."""

import json
from collections import Counter
from dataclasses import dataclass, field, fields

from mailconsent.model import Reason


@dataclass(slots=True, kw_only=True)
class Difference:
    """Counts of rows, added up as they are read."""

    rows: int = 0
    #: They add something.
    new: int = 0
    #: They say what is recorded already.
    repeated: int = 0
    #: They could not be read, or prove nothing.
    bad: int = 0
    #: Of people with a no, by reason: consents, which are refused, and sales, which are recorded and lift nothing.
    denied: Counter[Reason] = field(default_factory=Counter)
    #: Topic -> how many people may be mailed about it with the import, and could not be without, and the other way
    #: round. A dry run tells.
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Difference") -> None:
        """Add the counts of other rows."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    def as_json(self) -> dict[str, object]:
        """The counts by their names."""
        return {
            part.name: dict(value) if isinstance(value := getattr(self, part.name), Counter) else value
            for part in fields(self)
        }


def read_difference(text: str) -> Difference:
    """The counts in the JSON text of `as_json`."""
    told = json.loads(text)
    return Difference(
        **{name: told[name] for name in ("rows", "new", "repeated", "bad")},
        denied=Counter({Reason(reason): count for reason, count in told["denied"].items()}),
        gained=Counter(told["gained"]),
        lost=Counter(told["lost"]),
    )
