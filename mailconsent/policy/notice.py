"""
The texts that people are shown before they decide: what they consent to, and how they may refuse.

A consent is informed only by what was shown (GDPR Article 7), so a text that was once in use is not changed: a new
wording is a new version.
"""

from dataclasses import dataclass

from mailconsent.policy.table import KEY, LANGUAGE, Table

MOST_VERSIONS = 1_000_000
LONGEST = 10_000  #: letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One version of a text in one language."""

    key: str
    version: int
    language: str
    text: str


def read_notices(file: Table) -> tuple[Notice, ...]:
    """The notices of a policy file."""
    notices = tuple(_notice(table) for table in file.tables("notices"))
    names = [(notice.key, notice.version, notice.language) for notice in notices]
    for key, version, language in sorted({name for name in names if names.count(name) > 1}):
        file.fault("notices", f"{key}, version {version}, is there twice in {language}")
    return notices


def _notice(table: Table) -> Notice:
    notice = Notice(
        key=table.text("key", KEY),
        version=table.number("version", 1, MOST_VERSIONS),
        language=table.text("language", LANGUAGE),
        text=_prose(table),
    )
    table.close()
    return notice


def _prose(table: Table) -> str:
    value = table.take("text")
    if isinstance(value, str) and value.strip() and len(value) <= LONGEST and value.replace("\n", "").isprintable():
        return value.strip()
    table.fault("text", "missing" if value is None else "not usable")
    return ""
