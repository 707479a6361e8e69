"""`docs/standards.md` has a row for every standard and law that the code names, and for no other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "standards.md"
STATUSES = {"Yes", "Partial", "No"}
NAMED = re.compile(r"(?P<rfc>RFC \d+)|(?P<draft>draft-ietf-[a-z0-9-]+\d\d)|(?P<law>(?:GDPR|ePrivacy) Article \d+)")
#: A line break in a docstring or in a comment may part a name from its number.
BREAK = re.compile(r"\s*\n\s*(?:#:?\s*)?")


def named_in(source):
    return {match[0] for match in NAMED.finditer(BREAK.sub(" ", source))}


def modules():
    for path in (*ROOT.glob("mailconsent/**/*.py"), *ROOT.glob("web/**/*.py"), ROOT / "worker.py"):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path.read_text("utf-8")


def named_in_code():
    """Standard -> the modules that name it."""
    found = {}
    for name, source in modules():
        for standard in named_in(source):
            found.setdefault(standard, set()).add(name)
    return found


def read_rows(text):
    """The table: (standard, title, status, modules, what is done) of each row."""
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [row for row in cells if row[0] != "Standard" and not set(row[0]) <= set("-:")]


def faults(named, rows):
    """Where the table and the code disagree: a sentence each, saying which row to add or to mend."""
    said = []
    table = {row[0]: set(re.findall(r"`([^`]+)`", row[3])) for row in rows if len(row) == 5}
    for standard in sorted(named.keys() - table.keys()):
        modules = " ".join(f"`{name}`" for name in sorted(named[standard]))
        said.append(f"docs/standards.md has no row for {standard}: add | {standard} | title | status | {modules} | … |")
    for standard in sorted(table.keys() - named.keys()):
        said.append(f"the row of {standard} can go: no module names it any more")
    for standard in sorted(table.keys() & named.keys()):
        for module in sorted(named[standard] - table[standard]):
            said.append(f"the row of {standard} lacks `{module}`, which names it")
        for module in sorted(table[standard] - named[standard]):
            said.append(f"the row of {standard} names `{module}`, which does not name it any more")
    return said


def shape_faults(rows):
    """What is wrong with the rows themselves."""
    said = [f"the row of {row[0]} has {len(row)} cells instead of 5" for row in rows if len(row) != 5]
    for standard, title, status, _, done in (row for row in rows if len(row) == 5):
        if status not in STATUSES:
            said.append(f"the row of {standard} has the status {status!r}, and must have Yes, Partial or No")
        if not (title and done):
            said.append(f"the row of {standard} lacks its title, or what is done")
    standards = [row[0] for row in rows]
    return said + [f"{standard} has two rows" for standard in sorted({s for s in standards if standards.count(s) > 1})]


def test_the_table_and_the_code_name_the_same_standards_in_the_same_modules():
    assert "\n".join(faults(named_in_code(), read_rows(TABLE.read_text("utf-8")))) == ""


def test_every_row_is_whole():
    assert "\n".join(shape_faults(read_rows(TABLE.read_text("utf-8")))) == ""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("# RFC 8058 section 3.1", {"RFC 8058"}),
        ("(RFC 2369, RFC 6068)", {"RFC 2369", "RFC 6068"}),
        ('"""never expires (RFC\n   8058 section 3.1)."""', {"RFC 8058"}),
        ("x = 1  # the law says (GDPR\n# Article 7(1)) so", {"GDPR Article 7"}),
        ("#: ePrivacy Article 13(2): similar products", {"ePrivacy Article 13"}),
        ("GDPR Article 6(1)(a) and ePrivacy\n#: Article 13(1)", {"GDPR Article 6", "ePrivacy Article 13"}),
        ("draft-ietf-httpapi-idempotency-key-header-07.", {"draft-ietf-httpapi-idempotency-key-header-07"}),
        ("the RFC says so, and the GDPR too", set()),
    ],
)
def test_a_name_is_found_however_it_is_written(source, names):
    assert named_in(source) == names


ROW = ["RFC 8058", "One-Click", "Yes", "`web` `web.public`", "All of it."]


@pytest.mark.parametrize(
    ("named", "rows", "said"),
    [
        ({"RFC 8058": {"web", "web.public"}}, [ROW], []),
        (
            {"RFC 8058": {"web", "web.public"}, "RFC 9999": {"web.api", "worker"}},
            [ROW],
            ["docs/standards.md has no row for RFC 9999: add | RFC 9999 | title | status | `web.api` `worker` | … |"],
        ),
        ({}, [ROW], ["the row of RFC 8058 can go: no module names it any more"]),
        (
            {"RFC 8058": {"web", "worker"}},
            [ROW],
            [
                "the row of RFC 8058 lacks `worker`, which names it",
                "the row of RFC 8058 names `web.public`, which does not name it any more",
            ],
        ),
    ],
    ids=["agreed", "no row", "no code", "other modules"],
)
def test_a_disagreement_is_said_plainly(named, rows, said):
    assert faults(named, rows) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW, []),
        (ROW[:4], ["the row of RFC 8058 has 4 cells instead of 5"]),
        (
            [*ROW[:2], "yes", *ROW[3:]],
            ["the row of RFC 8058 has the status 'yes', and must have Yes, Partial or No"],
        ),
        ([ROW[0], "", *ROW[2:]], ["the row of RFC 8058 lacks its title, or what is done"]),
    ],
    ids=["whole", "a cell short", "no such status", "no title"],
)
def test_a_row_that_is_not_whole_is_said_plainly(row, said):
    assert shape_faults([row]) == said


def test_two_rows_for_one_standard_are_a_fault():
    assert shape_faults([ROW, ROW]) == ["RFC 8058 has two rows"]


def test_a_row_reads_as_it_is_written():
    text = (
        f"# Standards\n\n| Standard | Title | Status | Modules | Done |\n|---|:--|---|---|---|\n| {' | '.join(ROW)} |\n"
    )

    assert read_rows(text) == [ROW]
