"""
The phrases of all languages together, read once from `phrases/<language>.toml`.

Rules of this file:

1. All languages are matched at once. Nobody's language is guessed: a Dane may write "unsubscribe", and guesses fail on
   the shortest messages. A language has its say when all words of one of its phrases are there.
2. What asks is compared by the words of one language. What speaks against asking counts in every language, but for
   single words: they count where their language has a say.
3. One slip of the finger is forgiven, in the words listed for it only. Where a letter mistaken makes another word
   ("anmelden" is one from "abmelden"), letters may be lost, doubled and swapped.
4. Every number is `0`: "order 0" is an order, whichever it is.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from mailconsent.classify.phrase import HEAD, Phrases, choices_of, index, phrases_of
from mailconsent.classify.unsubscribe.cues import Cues, make_cues
from mailconsent.classify.unsubscribe.language import Language, Table, every_form, lines_of, make_languages
from mailconsent.classify.unsubscribe.spelling import lose_or_swap, misspell, misspell_twice
from mailconsent.classify.words import known_words, split_words


class Wording(NamedTuple):
    """What the languages say, together."""

    languages: tuple[Language, ...]
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
    #: By which words each language is found.
    cues: Cues

    def split(self, text: str) -> list[str]:
        """The words of a text, with slips put right, and each number as `0`."""
        return ["0" if word.isdecimal() else self.spellings.get(word, word) for word in split_words(text, self.known)]


@cache
def load_wording() -> Wording:
    """The wording of all languages in this package."""
    folder = resources.files("mailconsent.classify.unsubscribe") / "phrases"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return make_wording({file.name.removesuffix(".toml"): tomllib.loads(file.read_text("utf-8")) for file in files})


def make_wording(tables: Mapping[str, Table]) -> Wording:
    """The wording of languages from the tables of their files."""
    languages = make_languages(tables)
    against = index(line for line in gather(tables, "not_requests") if len(line.split()) > 1)
    doubts = index(gather(tables, "doubts"))
    instructions = index(gather(tables, "instructions"))
    told = (said for of in languages for said in (*of.asking, of.bought, of.reasons, of.goods))
    words, stems = meant(against, doubts, instructions, *told)
    # Their stems are none of those: with "unsub" every slip of it begins.
    plain, _stems = meant(*(of.plain for of in languages))
    courtesies = {word for language in languages for word in language.polite | language.fillers}
    return Wording(
        languages=tuple(languages),
        spellings=slips(tables, words | every_form(gather(tables, "words_of_their_own")), stems),
        greeting=greeting_of(gather(tables, "greetings")),
        known=known_words(words | courtesies | stems | plain),
        not_requests=against,
        doubts=doubts,
        instructions=instructions,
        cues=make_cues(languages),
    )


def gather(tables: Mapping[str, Table], kind: str) -> list[str]:
    """The lines of one kind of all languages."""
    return [line for table in tables.values() for line in lines_of(table, kind)]


def meant(*said: Phrases) -> tuple[set[str], set[str]]:
    """The words, and the stems, of phrases."""
    choices = [choice for phrases in said for phrase in phrases_of(phrases) for choice in choices_of(phrase)]
    return {word for choice in choices for word in choice.words}, {stem for choice in choices for stem in choice.stems}


def slips(tables: Mapping[str, Table], words: set[str], stems: Iterable[str]) -> dict[str, str]:
    """Misspelled words and what is meant, but for those that are a word of a phrase, or begin with a stem of one."""
    found: dict[str, str] = {}
    for kind, slip in (
        ("loose_spelling", misspell),
        ("looser_spelling", misspell_twice),
        ("careful_spelling", lose_or_swap),
    ):
        found |= {wrong: word for word in sorted(every_form(gather(tables, kind))) for wrong in slip(word)}
    by_head: dict[str, tuple[str, ...]] = {}
    for stem in stems:
        by_head[stem[:HEAD]] = (*by_head.get(stem[:HEAD], ()), stem)
    return {
        wrong: word
        for wrong, word in found.items()
        if wrong not in words and not wrong.startswith(by_head.get(wrong[:HEAD], ()))
    }


def greeting_of(lines: Iterable[str]) -> re.Pattern[str]:
    """A greeting of one of these words, at the beginning of a line, up to its comma."""
    words = "|".join(sorted({re.escape(word) for line in lines for word in line.split()}))
    return re.compile(rf"^\W{{0,9}}(?:{words or '(?!)'})\b[^,，،.!?\n]{{0,40}}[,，،]", re.I | re.M)
