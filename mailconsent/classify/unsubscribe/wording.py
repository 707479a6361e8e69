"""
The phrases that mean "unsubscribe", and those that only sound like it: data in `phrases/<language>.toml`, read once.

Rules of this file:

1. All languages are matched at once. Nobody's language is guessed: a Dane may write "unsubscribe", and guesses fail on
   the shortest messages. A language has its say when all words of one of its phrases are there.
2. A set of words that many phrases share has a name, `{list}`, and stands in the file's `sets`.
3. What asks is compared by the words of one language. What speaks against asking counts in every language, but for
   single words: they count where their language has a say.
4. One slip of the finger is forgiven, in the words listed for it only. Where a letter mistaken makes another word
   ("anmelden" is one from "abmelden"), letters may be lost, doubled and swapped.
5. Every number is `0`: "order 0" is an order, whichever it is.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from mailconsent.classify.phrase import HEAD, Choice, Phrases, index, keys, meets, phrases_of, rarest
from mailconsent.classify.unsubscribe.spelling import lose_or_swap, misspell, misspell_twice
from mailconsent.classify.words import known_words, spellings, split_words

#: Stands for any address. It is part of no word.
ADDRESS = "@"
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


class Wording(NamedTuple):
    """What the languages say, together."""

    #: Misspelled words and what is meant.
    spellings: Mapping[str, str]
    #: A greeting at the beginning of a line, up to its comma: "Hi Anna,".
    greeting: re.Pattern[str]
    #: The words of scripts without blanks, told from what is around them.
    known: re.Pattern[str]
    #: A sentence with one of these asks for nothing: negations, questions about others, reports of the past.
    not_requests: Phrases
    #: A request in a message with one of these is for a human.
    doubts: Phrases
    #: A message with one of these is a mailing, that tells its readers how to unsubscribe.
    instructions: Phrases
    #: The heads of all stems in commands and requests.
    heads: frozenset[str]
    #: The choices of each command and request, the rarest first, by the words of that one.
    cues: Mapping[str, tuple[tuple[tuple[Choice, ...], Language], ...]]

    def split(self, text: str) -> list[str]:
        """The words of a text, with slips put right, and each number as `0`."""
        return ["0" if word.isdecimal() else self.spellings.get(word, word) for word in split_words(text, self.known)]


@cache
def load_wording() -> Wording:
    """The wording of all languages in this package."""
    folder = resources.files("mailconsent.classify.unsubscribe") / "phrases"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    tables = {file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8")) for file in files}
    return make_wording(tables)


def make_wording(tables: Mapping[str, Mapping[str, Any]]) -> Wording:
    """The wording of languages from the tables of their files. English courtesy stands in mail of every language."""

    def lines(name: str, kind: str) -> list[str]:
        table = tables[name]
        found = [fill_in(text, table.get("sets", {})) for text in table.get(kind, ())]
        return [*found, *map(to_cyrillic, found)] if table.get("cyrillic") else found

    def words(name: str, kind: str) -> frozenset[str]:
        return frozenset(form for word in " ".join(lines(name, kind)).split() for form in spellings(word))

    def gather(kind: str) -> list[str]:
        return [text for name in tables for text in lines(name, kind)]

    courtesy = words("en", "fillers") | words("en", "polite") if "en" in tables else frozenset()
    loose = {form for word in gather("loose_spelling") for form in spellings(word)}
    slips = {wrong: word for word in sorted(loose) for wrong in misspell(word)}
    slips |= {wrong: word for word in gather("looser_spelling") for wrong in misspell_twice(word)}
    careful = {form for word in gather("careful_spelling") for form in spellings(word)}
    slips |= {wrong: word for word in sorted(careful) for wrong in lose_or_swap(word)}
    languages = [
        Language(
            name=name,
            polite=words(name, "polite"),
            fillers=words(name, "fillers") | courtesy,
            own_address=tuple(lines(name, "own_address")),
            short_commands=index(lines(name, "short_commands")),
            commands=index(lines(name, "commands")),
            requests=index(lines(name, "requests")),
            together=index(lines(name, "together")),
            bought=index(lines(name, "bought")),
            goods=index(lines(name, "goods")),
            plain=index([*lines(name, "plain"), *(sets[kind] for kind in MAILINGS if kind in sets)]),
            regardless=index(lines(name, "regardless")),
            not_requests=index(text for text in lines(name, "not_requests") if len(text.split()) == 1),
        )
        for name, table in tables.items()
        for sets in [table.get("sets", {})]
    ]
    against = index(text for text in gather("not_requests") if len(text.split()) > 1)
    doubts = index(gather("doubts"))
    instructions = index(gather("instructions"))
    asking = {
        (phrase.choices, language.name): (phrase, language)
        for language in languages
        for phrases in language.asking
        for some in phrases.values()
        for phrase in some
    }
    cues: dict[str, dict[tuple[tuple[Choice, ...], str], Language]] = {}
    used = {
        (key, of.name) for phrase, of in asking.values() for choice in phrase.choices if choice for key in keys(choice)
    }
    spread = Counter(key for key, _ in used)
    own = {language.name: words(language.name, "own_address") for language in languages}
    for phrase, language in asking.values():
        rare = tuple(or_address(choice, own[language.name]) for choice in rarest(phrase, spread))
        for key in keys(rare[0]):
            cues.setdefault(key, {})[rare, language.name] = language
    choices = [
        choice
        for phrase in (
            *(phrase for phrase, _ in asking.values()),
            *(phrase for language in languages for phrase in phrases_of(language.bought)),
            *(phrase for language in languages for phrase in phrases_of(language.goods)),
            *phrases_of(against),
            *phrases_of(doubts),
            *phrases_of(instructions),
        )
        for choice in phrase.choices
        if choice
    ]
    meant = {word for choice in choices for word in choice.words}
    meant |= {form for word in gather("words_of_their_own") for form in spellings(word)}
    # Not among those that are `meant`: with their stems begins every slip, too.
    plain = {
        word
        for language in languages
        for phrase in phrases_of(language.plain)
        for choice in phrase.choices
        if choice
        for word in choice.words
    }
    stems: dict[str, set[str]] = {}
    for stem in {stem for choice in choices for stem in choice.stems}:
        stems.setdefault(stem[:HEAD], set()).add(stem)
    greetings = sorted({word for line in gather("greetings") for word in map(re.escape, line.split())})
    courtesies = {word for language in languages for word in language.polite | language.fillers}
    return Wording(
        spellings={
            wrong: word
            for wrong, word in slips.items()
            if wrong not in meant and not wrong.startswith(tuple(stems.get(wrong[:HEAD], ())))
        },
        greeting=re.compile(rf"^\W{{0,9}}(?:{'|'.join(greetings) or '(?!)'})\b[^,，،.!?\n]{{0,40}}[,，،]", re.I | re.M),
        known=known_words(meant.union(courtesies, *stems.values(), plain)),
        not_requests=against,
        doubts=doubts,
        instructions=instructions,
        heads=frozenset(
            stem[:HEAD] for phrase, _ in asking.values() for choice in phrase.choices if choice for stem in choice.stems
        ),
        cues={key: tuple((rare, of) for (rare, _), of in found.items()) for key, found in cues.items()},
    )


def or_address(choice: Choice, words: Iterable[str]) -> Choice:
    """A choice that an address meets, too, if one of these words does."""
    return Choice(choice.words | {ADDRESS}, choice.stems) if any(meets(choice, word) for word in words) else choice


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
