"""
How one language asks to be taken off a list, and what in it only sounds so: a file of `phrases/`.

Rules of this file:

1. A set of words that many phrases share has a name, `{list}`, and stands in the file's `sets`.
2. English courtesy stands in mail of every language.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mailconsent.classify.phrase import Phrases, index
from mailconsent.classify.words import spellings

#: A file of phrases, read.
Table = Mapping[str, Any]

#: The sets of words that are `plain`, too.
MAILINGS = ("mail", "list", "news")
#: Serbian is written in both alphabets, letter for letter.
DIGRAPHS = {"dž": "џ", "lj": "љ", "nj": "њ"}
CYRILLIC = str.maketrans("abvgdđežzijklmnoprstćufhcčš", "абвгдђежзијклмнопрстћуфхцчш")


class Language(NamedTuple):
    """How one language asks."""

    name: str
    #: Words dropped everywhere, since they may stand between any two others ("please").
    polite: frozenset[str]
    #: Words dropped before a command is compared ("thanks", "hello"). Elsewhere they may matter.
    fillers: frozenset[str]
    #: In whose place an address may stand ("remove anna@example.com").
    own_address: tuple[str, ...]
    #: A whole subject, or a sentence of a message of a few words. They may mean much else.
    short_commands: Phrases
    #: Why people ask ("I never signed up for this"): with one, a short command counts in a longer mail.
    reasons: Phrases
    #: A whole subject or a whole sentence.
    commands: Phrases
    #: Anywhere in a sentence.
    requests: Phrases
    #: Words that ask in whatever order they stand in a clause: languages put their verbs where they like.
    together: Phrases
    #: Words that say, in whatever order, that what is cancelled has a price: a human decides.
    bought: Phrases
    #: Words of what is sent back, or was bought elsewhere: where the request has no word of `plain`, a human decides.
    goods: Phrases
    #: Words of mailings and of leaving them.
    plain: Phrases
    #: Words that ask in whatever order they stand in a sentence, whatever else it says: of who was not heard before
    #: ("I unsubscribed twice and still get it"), and of who is polite ("grateful if you did not ...").
    regardless: Phrases
    #: Single words that make a sentence ask for nothing ("colleague"); in other languages they may mean much else.
    not_requests: Phrases

    @property
    def asking(self) -> tuple[Phrases, ...]:
        """All phrases that ask."""
        return self.short_commands, self.commands, self.requests, self.together, self.regardless


def make_languages(tables: Mapping[str, Table]) -> list[Language]:
    """The languages of these tables, by their names."""
    english = tables.get("en", {})
    courtesy = words_of(english, "fillers") | words_of(english, "polite")
    return [
        Language(
            name=name,
            polite=words_of(table, "polite"),
            fillers=words_of(table, "fillers") | courtesy,
            own_address=tuple(lines_of(table, "own_address")),
            short_commands=index(lines_of(table, "short_commands")),
            reasons=index(lines_of(table, "reasons")),
            commands=index(lines_of(table, "commands")),
            requests=index(lines_of(table, "requests")),
            together=index(lines_of(table, "together")),
            bought=index(lines_of(table, "bought")),
            goods=index(lines_of(table, "goods")),
            plain=index([*lines_of(table, "plain"), *mailings_of(table)]),
            regardless=index(lines_of(table, "regardless")),
            not_requests=index(text for text in lines_of(table, "not_requests") if len(text.split()) == 1),
        )
        for name, table in tables.items()
    ]


def lines_of(table: Table, kind: str) -> list[str]:
    """The phrases of one kind, as they are written in each alphabet of the language."""
    found = [fill_in(text, table.get("sets", {})) for text in table.get(kind, ())]
    return [*found, *map(to_cyrillic, found)] if table.get("cyrillic") else found


def mailings_of(table: Table) -> list[str]:
    """The words for mailings, of the sets that have them."""
    sets = table.get("sets", {})
    return [sets[name] for name in MAILINGS if name in sets]


def words_of(table: Table, kind: str) -> frozenset[str]:
    """The words of one kind, in each form in which they may come in."""
    return every_form(lines_of(table, kind))


def every_form(lines: Iterable[str]) -> frozenset[str]:
    """The words of some lines, in each form in which they may come in."""
    return frozenset(form for line in lines for word in line.split() for form in spellings(word))


def fill_in(text: str, sets: Mapping[str, str]) -> str:
    """A phrase with the words of the sets that it names: `{list}`."""
    for name, words in sets.items():
        text = text.replace(f"{{{name}}}", words)
    if "{" in text:
        raise ValueError(f"no such set of words, in a phrase: {text}")
    return text


def to_cyrillic(text: str) -> str:
    """A Serbian phrase in the other alphabet."""
    for latin, letter in DIGRAPHS.items():
        text = text.replace(latin, letter)
    return text.translate(CYRILLIC)
