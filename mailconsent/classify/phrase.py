"""
Phrases: words that mean something together, and how they are found in a text.

Rules of this file:

1. A phrase is words. `a|b` is a choice, `abc*` a word that begins so, `*` up to four words of any kind, `.` the end of
   the sentence, and `^` before the first word its beginning. No phrase is a regular expression, so none can backtrack,
   and somebody who knows the language but no code can write one.
2. A word meets only the phrases that it can begin: they are found by their first word, or by the head of its stem.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from mailconsent.classify.words import spellings, split_words

#: How many words `*` may stand for.
GAP = 4
#: Letters of a stem under which it is found.
HEAD = 3

Words = Sequence[str]


class Choice(NamedTuple):
    """The words that may stand at a place of a phrase: these, and all that begin with one of the stems."""

    words: frozenset[str]
    stems: tuple[str, ...] = ()


#: Before a phrase with which a sentence begins.
START = "^"
#: The end of a sentence.
END = Choice(frozenset())


class Phrase(NamedTuple):
    """A phrase as choices of words. None is the gap `*`."""

    text: str
    choices: tuple[Choice | None, ...]
    #: Whether it stands where a sentence begins, or nowhere.
    begins: bool = False


#: Phrases by each of their possible first words or heads of them, so that a word meets only those it can begin.
Phrases = Mapping[str, tuple[Phrase, ...]]


def phrases_of(phrases: Phrases) -> set[Phrase]:
    """All of them, once."""
    return {phrase for some in phrases.values() for phrase in some}


def choices_of(phrase: Phrase) -> list[Choice]:
    """The words of a phrase, without gaps and ends."""
    return [choice for choice in phrase.choices if choice and choice != END]


def keys(choice: Choice) -> set[str]:
    """Under what a choice is found: its words, and the heads of its stems."""
    return {*choice.words, *(f"{stem[:HEAD]}*" for stem in choice.stems)}


def index(texts: Iterable[str]) -> Phrases:
    """Phrases under their first words."""
    found: dict[str, list[Phrase]] = {}
    for text in texts:
        items = text.split()
        begins = items[0] == START
        phrase = Phrase(text, tuple(map(read_choice, items[begins:])), begins)
        for key in keys(phrase.choices[0] or END):
            found.setdefault(key, []).append(phrase)
    return {key: tuple(phrases) for key, phrases in found.items()}


def read_choice(item: str) -> Choice | None:
    """What stands at one place of a phrase."""
    if item == "*":
        return None
    if item == ".":
        return END
    words, stems = set[str](), set[str]()
    for written in item.split("|"):
        is_stem, forms = written.endswith("*"), spellings(written.rstrip("*"))
        if len(split_words(written.rstrip("*"))) != 1 or (is_stem and min(map(len, forms)) < HEAD):
            raise ValueError(f"not one word, or too short a stem, in a phrase: {item}")
        (stems if is_stem else words).update(forms)
    return Choice(frozenset(words), tuple(sorted(stems)))


def find_phrase(words: Words, phrases: Phrases) -> str | None:
    """The first phrase that stands in these words, or None."""
    found = phrases.get
    for at, word in enumerate(words):
        # Not `beginning`: this is asked of every word of all mail, and nearly none begins anything.
        exact, headed = found(word), found(word[:HEAD] + "*")
        if exact or headed:
            for phrase in (exact or ()) + (headed or ()):
                if (not at or not phrase.begins) and match_end(words, at, phrase.choices) is not None:
                    return phrase.text
    return None


def find_together(words: Words, phrases: Phrases) -> str | None:
    """The first phrase of which all words are among these, in any order, or None."""
    for word in words:
        for phrase in beginning(word, phrases):
            if all(any(map(partial(meets, choice), words)) for choice in phrase.choices if choice):
                return phrase.text
    return None


def meets(choice: Choice, word: str) -> bool:
    """Whether a word may stand where a choice does."""
    return word in choice.words or word.startswith(choice.stems)


def is_phrase(words: Words, phrases: Phrases, fillers: frozenset[str] = frozenset()) -> str | None:
    """The phrase that these words are, from the first to the last but for fillers, or None."""
    for at, word in enumerate(words):
        for phrase in beginning(word, phrases):
            if is_all(words[at:], phrase.choices, fillers):
                return phrase.text
        if word not in fillers:
            return None
    return None


def is_all(words: Words, choices: Sequence[Choice | None], fillers: frozenset[str]) -> bool:
    """Whether these choices, and fillers between them and behind them, are all words there are."""
    at, gap, length = 0, 0, len(words)
    for choice in choices:
        if choice is None:
            gap += GAP
            continue
        if choice == END:
            break
        while at < length and words[at] not in choice.words and not words[at].startswith(choice.stems):
            if words[at] not in fillers:
                if not gap:
                    return False
                gap -= 1
            at += 1
        if at == length:
            return False
        at, gap = at + 1, 0
    return sum(word not in fillers for word in words[at:]) <= gap


def beginning(word: str, phrases: Phrases) -> tuple[Phrase, ...]:
    """The phrases that this word may begin."""
    return phrases.get(word, ()) + phrases.get(f"{word[:HEAD]}*", ())


def match_end(words: Words, at: int, choices: Sequence[Choice | None]) -> int | None:
    """Where the match of `choices` ends that begins at word `at`, taking for each gap as few words as will do."""
    gap, length = 0, len(words)
    for choice in choices:
        if choice is None:
            gap += GAP
            continue
        if choice == END:
            return at if at == length else None
        last = min(at + gap, length - 1)
        while at <= last and words[at] not in choice.words and not words[at].startswith(choice.stems):
            at += 1
        if at > last:
            return None
        at, gap = at + 1, 0
    return at
