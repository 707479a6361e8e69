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
    notices = tuple(notice for table in file.tables("notices") for notice in _notices(table))
    names = [(notice.key, notice.version, notice.language) for notice in notices]
    for key, version, language in sorted({name for name in names if names.count(name) > 1}):
        file.fault("notices", f"{key}, version {version}, is there twice in {language}")
    return notices


def _notices(table: Table) -> list[Notice]:
    before = len(table.faults)
    key, version, texts = table.text("key", KEY), table.number("version", 1, MOST_VERSIONS), table.take("texts")
    if not isinstance(texts, dict) or not texts:
        table.fault("texts", "missing: a text for each language")
        texts = {}
    for language, text in texts.items():
        if not LANGUAGE.fullmatch(language):
            table.fault("texts", f"{language!r} is no language of two or three letters")
        elif not _is_prose(text):
            table.fault("texts", f"{language}: not usable")
    table.close()
    if len(table.faults) > before:
        return []
    return [Notice(key=key, version=version, language=name, text=text.strip()) for name, text in texts.items()]


def _is_prose(text: object) -> bool:
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        return False
    return text.replace("\n", "").isprintable()
