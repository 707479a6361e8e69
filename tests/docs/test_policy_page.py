"""The page about the policy file names all that the file may say, and its example is a good one."""

import re
from datetime import date
from pathlib import Path

from mailconsent.policy import read_policy
from mailconsent.policy.retention import Records
from mailconsent.policy.review import review
from tests.docs.test_docs import BLOCK, table

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "policy.md"
#: How the code asks for what the file says: `table.text("name")`, `_month_day(table, "financial_year_end")`.
ASKED = re.compile(r'(?:\b(?:table|row|file|below)\.\w+\(|_month_day\(table, )"(\w+)"')

TABLES = {"controller", "topics", "similar", "countries", "retention", "bounces", "complaints", "notices"}


def asked() -> set[str]:
    """Every name that may stand in a policy file, but for those of its tables."""
    sources = [path.read_text("utf-8") for path in (ROOT / "mailconsent" / "policy").glob("*.py")]
    names = {name for source in sources for name in ASKED.findall(source)} | set(Records)
    return names - TABLES


def test_every_name_in_the_file_has_its_row_and_every_row_its_name() -> None:
    rows = table("docs/policy.md") - TABLES

    assert len(asked()) > 30
    assert rows == asked()


def test_the_example_is_a_whole_policy_that_keeps_within_the_law() -> None:
    blocks = [block for language, block in BLOCK.findall(PAGE.read_text("utf-8")) if language == "toml"]

    policy = read_policy("\n".join(blocks))

    assert [topic.key for topic in policy.topics] == ["alerts", "orders"]
    assert len(blocks) == 8
    assert [warning.partition(":")[0] for warning in review(policy, date(2026, 11, 23))] == ["minimum_grade"]
