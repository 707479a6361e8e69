"""
The figures of `docs/inbox.md`: how well requests are understood, by language, and which vectors stand for which rule.

    python -m tests.inbox_table            # prints them
    python -m tests.inbox_table --write    # writes them into the page

The corpus is measured where there is one (`CORPUS`, see `tests/doors/test_corpus.py`); without it that part of the page
stays as it is. Figures of it are printed, its mails never.
"""

import csv
import os
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mailconsent.classify import classify
from mailconsent.message import parse_message
from mailconsent.model import Label
from tests.said import all_said, classified, no_token

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "inbox.md"
VECTORS = ROOT / "tests" / "vectors"
FIRST = VECTORS / "inbox_first.toml"
CORPUS = Path(os.environ.get("CORPUS", ROOT.parent / "shared" / "corpus"))
NAMES = {"unsubscribe": "a request", "unsure": "unsure", "other": "no request"}


class Score(NamedTuple):
    """How a classifier did on texts of one language."""

    requests: int = 0
    found: int = 0
    unsure: int = 0
    others: int = 0
    false: int = 0

    @property
    def precision(self) -> str:
        """How much of what was taken for a request is one."""
        return share(self.found, self.found + self.false)

    @property
    def recall(self) -> str:
        """How many requests were found; one that waits for a human is half found."""
        return share(self.found + self.unsure / 2, self.requests)


def share(part: float, whole: int) -> str:
    """A share in per cent, or a dash where there is nothing to share."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def score(verdicts: Iterable[tuple[str, bool, Label]]) -> Mapping[str, Score]:
    """By language, and of all: from the language of each text, whether it asks, and what it was taken for."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for language, asks, found in verdicts:
        for name in (language, "all"):
            counts[name]["requests" if asks else "others"] += 1
            if found is Label.UNSUBSCRIBE:
                counts[name]["found" if asks else "false"] += 1
            elif found is Label.UNSURE and asks:
                counts[name]["unsure"] += 1
    return {name: Score(**counts[name]) for name in sorted(counts, key=lambda name: (name == "all", name))}


def beside_first(verdicts: Iterable[tuple[str, bool, Label]]) -> str:
    """Our own texts by language: as they were first measured, and now."""
    first = {name: Score(*counts) for name, counts in tomllib.loads(FIRST.read_text("utf-8")).items()}
    first["all"] = Score(*map(sum, zip(*first.values(), strict=True)))
    rows = [
        (name, str(now.requests), str(now.others), then.precision, then.recall, now.precision, now.recall)
        for name, now in score(verdicts).items()
        for then in [first.get(name, Score())]
    ]
    head = ("Language", "Requests", "Others", "Precision at first", "Recall at first", "Precision now", "Recall now")
    return table(head, rows)


def by_language(verdicts: Iterable[tuple[str, bool, Label]]) -> str:
    """Precision and recall by language."""
    rows = [(name, *map(str, found), found.precision, found.recall) for name, found in score(verdicts).items()]
    head = ("Language", "Requests", "found", "unsure", "Others", "taken for a request", "Precision", "Recall")
    return table(head, rows)


def of_vectors() -> Iterator[tuple[str, bool, Label]]:
    """Our own texts. What shall be unsure counts as neither."""
    for said in all_said():
        if said.label is not Label.UNSURE:
            yield said.language, said.label is Label.UNSUBSCRIBE, classified(said.subject, said.text).label


def of_corpus() -> Iterator[tuple[str, bool, Label]]:
    """The corpus, without the messages on which careful people differ."""
    with (CORPUS / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] in ("unsubscribe", "other") and "unsubscribe" not in row["accept"].split("|"):
                raw = (CORPUS / "messages" / row["file"]).read_bytes()
                if row["label"] == "unsubscribe" or not row["accept"]:
                    yield row["lang"], row["label"] == "unsubscribe", classify(parse_message(raw), no_token).label


def rules() -> str:
    """Which vectors stand for each rule."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for said in all_said():
        counts[NAMES[said.label], said.why]["inbox", said.language] += 1  # type: ignore[index]
    for path in sorted((VECTORS / "unsubscribe").glob("*.toml")):
        for label, reasons in tomllib.loads(path.read_text("utf-8")).items():
            for why, texts in reasons.items():
                kind = NAMES["unsubscribe" if label == "requests" else "other"]
                counts[kind, why]["unsubscribe", path.stem] += len(texts)  # type: ignore[index]
    rows = [
        (
            kind,
            why,
            str(sum(found.values())),
            str(len({language for _, language in found})),
            ", ".join(sorted({f"`{folder}/`" for folder, _ in found})),
        )
        for (kind, why), found in sorted(counts.items())
    ]
    return table(("Is", "Rule", "Texts", "Languages", "In `tests/vectors/`"), rows)


def identities() -> str:
    """Each vector of whom a mail is about."""
    vectors = tomllib.loads((VECTORS / "identity.toml").read_text("utf-8"))["vector"]
    return "".join(f"- {vector['why']}\n" for vector in vectors)


def parts() -> Iterator[tuple[str, str]]:
    """The parts of the page that are made here, by name."""
    yield "vectors by language", beside_first(of_vectors())
    if (CORPUS / "labels.csv").exists():
        yield "corpus by language", by_language(of_corpus())
    yield "rules", rules()
    yield "identity", identities()


def put(page: str, name: str, text: str) -> str:
    """The page with a part replaced."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return marks.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)


if __name__ == "__main__":
    page = PAGE.read_text("utf-8")
    for name, text in parts():
        page = put(page, name, text)
        print(f"{name}\n\n{text}")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page, "utf-8")
