"""
A table of the policy file while it is read.

Whatever is wrong is noted and reading goes on, so that all faults come back at once. A name that nobody asked for is a
fault too: a misspelt one would leave its default in force, silently.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

#: Of topics, notices and categories: what programs call them.
KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
LANGUAGE = re.compile(r"[a-z]{2,3}")
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, where it stands, and what was found wrong so far."""

    place: str
    values: Mapping[str, object]
    #: Shared by all tables of a file.
    faults: list[str]
    asked: set[str] = field(default_factory=set)

    def take(self, name: str) -> object:
        """What stands under the name; None for nothing."""
        self.asked.add(name)
        return self.values.get(name)

    def fault(self, name: str, said: str) -> None:
        """Note what is wrong with a name."""
        self.faults.append(f"{self.place}: {name}: {said}")

    def close(self) -> None:
        """Note the names that nobody asked for."""
        if unknown := sorted(set(self.values) - self.asked):
            self.faults.append(f"{self.place}: unknown: {', '.join(unknown)}")

    def text(self, name: str, shape: re.Pattern[str] | None = None) -> str:
        """A line of text; empty if it is missing or not usable, which is a fault."""
        value = self.take(name)
        if isinstance(value, str) and is_line(value) and (shape is None or shape.fullmatch(value)):
            return value
        self.fault(name, "missing" if value is None else "not usable")
        return ""

    def optional_text(self, name: str, shape: re.Pattern[str] | None = None) -> str | None:
        """A line of text, or None where the file says nothing."""
        return self.text(name, shape) if self.take(name) is not None else None

    def number(self, name: str, least: int, most: int) -> int:
        """A whole number within these bounds; `least` if it is not one, which is a fault."""
        value = self.take(name)
        # A truth counts as a number to Python.
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(name, f"must be a whole number from {least} to {most}")
        return least

    def optional_number(self, name: str, least: int, most: int) -> int | None:
        """A whole number, or None where the file says nothing."""
        return self.number(name, least, most) if self.take(name) is not None else None

    def truth(self, name: str) -> bool | None:
        """True or false; None where the file says nothing."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        self.fault(name, "must be true or false")
        return None

    def day(self, name: str) -> date | None:
        """A date, or None where the file says nothing."""
        value = self.take(name)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.fault(name, "must be a date such as 2026-11-23, without quotes")
        return None

    def choice(self, name: str, among: type[Choice], default: Choice) -> Choice:
        """One of these strings; the default where the file says nothing."""
        value = self.take(name)
        if value is None or value in list(among):
            return default if value is None else among(str(value))
        *others, last = (f'"{member}"' for member in among)
        self.fault(name, f"must be {', '.join(others)} or {last}")
        return default

    def words(self, name: str) -> frozenset[str] | None:
        """A list of keys; None where the file says nothing, and where it is not one."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(word, str) and KEY.fullmatch(word) for word in value):
            return frozenset(value)
        self.fault(name, "must be a list of keys: small letters, digits and hyphens")
        return None

    def by_language(self, name: str, what: str) -> Mapping[str, str]:
        """Language -> a line of text; empty if it is missing or not usable, which is a fault."""
        value = self.take(name)
        if isinstance(value, dict) and all(LANGUAGE.fullmatch(k) and is_line(v) for k, v in value.items()):
            return value
        self.fault(name, f"must map languages (two or three letters) to a {what} on one line")
        return {}

    def table(self, name: str) -> "Table | None":
        """A table in this one; None if there is none."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(name, "must be a table")
            return None
        return Table(place=f"{self.place}: {name}", values=value, faults=self.faults)

    def tables(self, name: str) -> "Iterator[Table]":
        """The tables of a list, `[[name]]`; none if there is no such list."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, list):
            self.fault(name, f"must be a list of tables, [[{name}]]")
            return
        for number, entry in enumerate(value, 1):
            place = f"{self.place}: {name}, entry {number}"
            if isinstance(entry, dict):
                yield Table(place=place, values=entry, faults=self.faults)
            else:
                self.faults.append(f"{place}: must be a table")


def is_line(value: object) -> bool:
    """Whether this is a text on one line."""
    # Names go into mail headers: a line break there would let the file's author write headers of their own.
    return isinstance(value, str) and bool(value.strip()) and value.isprintable() and len(value) <= 255
