"""
What machines say: the sentences by which automatic mail is known where no header says it, as data in TOML files beside
the code.

Rules of this file:

1. A saying is words as in the phrases: `a|b` is a choice, `*` up to four words of any kind, `.` the end of the text. No
   saying is a regular expression, so none can backtrack.
2. Chinese, Japanese, Korean and Thai put no space between words; a saying with their letters is looked for as it
   stands, spaces left out on both sides.
3. All languages are looked for at once (as in `wording`).
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

from mailconsent.classify.phrase import HEAD, Phrases, beginning, find_phrase, index, match_end
from mailconsent.classify.words import split_words

#: Letters of languages that put no space between words.
UNSPACED = re.compile("[\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
#: How much of a text is its beginning.
MAX_BEGINNING = 300
SPACE = re.compile(r"\s+")


class Sayings(NamedTuple):
    """Sayings ready to be looked for."""

    worded: Phrases
    unspaced: tuple[str, ...]
    #: The words with which a worded one may begin, and the heads of such words.
    starts: frozenset[str]
    heads: frozenset[str]

    def may_be_in(self, words: Sequence[str]) -> bool:
        """Whether any of these words may begin a worded one. In nearly all mail none does, and this is soon told."""
        return not self.starts.isdisjoint(words) or (
            bool(self.heads) and not self.heads.isdisjoint([word[:HEAD] for word in words])
        )


class Said(NamedTuple):
    """A text as sayings are compared with it."""

    words: Sequence[str]
    #: Without spaces, where it has letters of a language that uses none.
    letters: str


@cache
def load_table(name: str) -> Mapping[str, Any]:
    """A TOML file of this package."""
    text = resources.files("mailconsent.classify").joinpath(*name.split("/")).read_text("utf-8")
    return tomllib.loads(text)


@cache
def load_tables(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The TOML files of a folder of this package, by their names without the ending."""
    folder = resources.files("mailconsent.classify").joinpath(*name.split("/"))
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {file.removesuffix(".toml"): load_table(f"{name}/{file}") for file in files}


def gather(texts: Iterable[str]) -> Sayings:
    """These sayings, ready to be looked for."""
    all_texts = tuple(texts)
    worded = index(text for text in all_texts if not UNSPACED.search(text))
    return Sayings(
        worded=worded,
        unspaced=tuple(close_up(text) for text in all_texts if UNSPACED.search(text)),
        starts=frozenset(key for key in worded if not key.endswith("*")),
        heads=frozenset(key.removesuffix("*") for key in worded if key.endswith("*")),
    )


@lru_cache(maxsize=16)  # several detectors hear the same subject and the same beginning
def hear(text: str) -> Said:
    """A text as sayings are compared with it."""
    return Said(words=split_words(text), letters=close_up(text) if UNSPACED.search(text) else "")


def beginning_of(text: str) -> str:
    """As much of a text as tells who speaks. Several detectors hear it, and the same is heard once."""
    return text[:MAX_BEGINNING].strip()


def close_up(text: str) -> str:
    """A text without its spaces and the difference of wide, narrow, large and small letters."""
    return SPACE.sub("", unicodedata.normalize("NFKC", text).casefold())


def says(said: Said, sayings: Sayings) -> bool:
    """Whether any of these sayings stands anywhere in a text."""
    if said.letters and any(saying in said.letters for saying in sayings.unspaced):
        return True
    return sayings.may_be_in(said.words) and find_phrase(said.words, sayings.worded) is not None


def begins(said: Said, sayings: Sayings) -> bool:
    """Whether a text begins with any of these sayings."""
    if said.letters and said.letters.lstrip("【[《「(（").startswith(sayings.unspaced):
        return True
    if not sayings.may_be_in(said.words[:1]):
        return False
    phrases = beginning(said.words[0], sayings.worded)
    return any(match_end(said.words, 0, phrase.choices) is not None for phrase in phrases)
