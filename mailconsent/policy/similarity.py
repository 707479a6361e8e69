"""
Which products count as similar to what somebody bought (ePrivacy Article 13(2)).

The company says it category by category, under a version: who asks later why a mail counted as similar is told by which
map. Nothing is similar that the map does not name, and everything that a mail advertises must be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailconsent.policy.table import KEY, Table
from mailconsent.policy.topic import Topic

MOST_VERSIONS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """The map of similar categories."""

    #: Counted up with every change; 0 for no map at all.
    version: int = 0
    #: What was sold -> what mail may advertise to the buyer.
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_similarity(file: Table, topics: Sequence[Topic]) -> Similarity:
    """The map of a policy file with these topics. A category that only one side names is a typing error."""
    advertised = {category for topic in topics for category in topic.categories}
    table = file.table("similar")
    version, categories = 0, dict[str, frozenset[str]]()
    if table is not None:
        version = table.number("version", 1, MOST_VERSIONS)
        categories = _categories(table)
        table.close()
    similar = frozenset[str]().union(*categories.values())
    # A topic that could not be read is told of already, and so is a list of categories.
    if not file.faults:
        for category in sorted(advertised - similar):
            file.fault("topics", f"categories: {category} is similar to nothing: [similar.categories] does not name it")
        for category in sorted(similar - advertised):
            file.fault("similar", f"categories: no topic advertises {category}")
    return Similarity(version=version, categories=categories)


def _categories(table: Table) -> dict[str, frozenset[str]]:
    below = table.table("categories")
    if below is None:
        table.fault("categories", "missing: what was sold, and what counts as similar to it")
        return {}
    if wrong := sorted(name for name in below.values if not KEY.fullmatch(name)):
        below.faults.append(f"{below.place}: not usable: {', '.join(map(repr, wrong))}")
    return {name: below.words(name) or frozenset() for name in below.values}
