"""
The phrases that mean "unsubscribe", and those that only sound like it: data in `phrases/<language>.toml`, read once.

Rules of this file:

1. All languages are matched at once. Nobody's language is guessed: a Dane may write "unsubscribe", and guesses fail on
   the shortest messages.
2. A phrase is words. `a|b` is a choice, `*` up to four words of any kind, `.` the end of the sentence. No phrase is a
   regular expression, so none can backtrack, and somebody who knows the language but no code can write one.
3. Matching is by words, after NFKC and case folding, with hyphens and apostrophes dropped: "E-Mails" is "emails".
4. One slip of the finger is forgiven, in the words listed for it only: "anmelden" is one letter from "abmelden".
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

#: How many words `*` may stand for.
GAP = 4
#: The look-behind comes second: a pattern that begins with what to look for is searched faster.
DROPPED = re.compile(r"['’`´‑\u00ad-](?<=\w.)(?=\w)")
WORD = re.compile(r"\w+")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
#: The same for ASCII, where it takes a fifth of the time: of a run of marks none is within a word.
MARKS = "'`-"
RUNS = tuple(one + other for one in MARKS for other in MARKS)
PLAIN_WORDS = {
    code: "" if chr(code) in MARKS else chr(code).lower() if WORD.match(chr(code)) else " " for code in range(128)
}

Words = Sequence[str]


class Phrase(NamedTuple):
    """A phrase as choices of words. None is the gap `*`, and no choice at all is the end `.`."""

    text: str
    choices: tuple[frozenset[str] | None, ...]


#: Phrases by each of their possible first words, so that a word of a message meets only those it can begin.
Phrases = Mapping[str, tuple[Phrase, ...]]


class Wording(NamedTuple):
    """What the languages say, together."""

    #: Words dropped everywhere, since they may stand between any two others ("please").
    polite: frozenset[str]
    #: Words dropped before a command is compared ("thanks", "hello"). Elsewhere they may matter.
    fillers: frozenset[str]
    #: Misspelled words and what is meant.
    spellings: Mapping[str, str]
    #: A whole subject, or a sentence of a message of a few words. They may mean much else.
    short_commands: Phrases
    #: A whole subject or a whole sentence.
    commands: Phrases
    #: Anywhere in a sentence.
    requests: Phrases
    #: A sentence with one of these asks for nothing: negations, questions about others, reports of the past.
    not_requests: Phrases
    #: A request in a message with one of these is for a human.
    doubts: Phrases
    #: Commands and requests by the words of that choice of each which few other texts have a word of.
    cues: Phrases


@cache
def load_wording() -> Wording:
    """The wording of all languages in this package."""
    folder = resources.files("mailconsent.classify") / "phrases"
    tables = [tomllib.loads(file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".toml")]

    def gather(kind: str) -> list[str]:
        return [text for table in tables for text in table.get(kind, ())]

    spellings = {wrong: word for word in gather("loose_spelling") for wrong in misspell(word)}
    asking = [index(gather(kind)) for kind in ("short_commands", "commands", "requests")]
    cues: dict[str, tuple[Phrase, ...]] = {}
    for phrase in {phrase for phrases in asking for some in phrases.values() for phrase in some}:
        for word in rarest(phrase):
            cues[word] = (*cues.get(word, ()), phrase)
    return Wording(
        polite=frozenset(split_words(" ".join(gather("polite")))),
        fillers=frozenset(split_words(" ".join(gather("fillers")))),
        spellings=spellings,
        short_commands=asking[0],
        commands=asking[1],
        requests=asking[2],
        not_requests=index(gather("not_requests")),
        doubts=index(gather("doubts")),
        cues=cues,
    )


def rarest(phrase: Phrase) -> frozenset[str]:
    """The choice of a phrase that few other texts have a word of: long words are rare."""
    return max(filter(None, phrase.choices), key=lambda choice: min(map(len, choice)))


def may_ask(text: str, wording: Wording) -> bool:
    """Whether a text has all the words of any command or request, in whatever order. Nearly all mail has not."""
    words = set(split_words(text))
    words |= {wording.spellings[word] for word in words & wording.spellings.keys()}
    return any(
        all(not choice or not choice.isdisjoint(words) for choice in phrase.choices)
        for word in words & wording.cues.keys()
        for phrase in wording.cues[word]
    )


def misspell(word: str) -> set[str]:
    """What one slip makes of a word: a letter lost, doubled, mistaken, or swapped with the next one."""
    slips = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    slips |= {word[:i] + word[i] + word[i:] for i in range(len(word))}
    slips |= {word[:i] + letter + word[i + 1 :] for i in range(1, len(word)) for letter in ALPHABET}
    slips |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    return slips - {word}


def index(texts: Iterable[str]) -> Phrases:
    """Phrases under their first words."""
    found: dict[str, list[Phrase]] = {}
    for text in texts:
        choices = tuple(
            None if item == "*" else frozenset(word for choice in item.split("|") for word in split_words(choice))
            for item in text.split()
        )
        for word in choices[0] or ():
            found.setdefault(word, []).append(Phrase(text, choices))
    return {word: tuple(phrases) for word, phrases in found.items()}


def split_words(text: str) -> list[str]:
    """The words of a text as phrases are written in."""
    if text.isascii():
        for run in RUNS:
            text = text.replace(run, " ")
        return text.translate(PLAIN_WORDS).split()
    return WORD.findall(DROPPED.sub("", unicodedata.normalize("NFKC", text).casefold()))


def find_phrase(words: Words, phrases: Phrases) -> str | None:
    """The first phrase that stands in these words, or None."""
    for at, word in enumerate(words):
        for phrase in phrases.get(word, ()):
            if match_end(words, at, phrase.choices) is not None:
                return phrase.text
    return None


def is_phrase(words: Words, phrases: Phrases) -> str | None:
    """The phrase that these words are, from the first to the last, or None."""
    for phrase in phrases.get(words[0], ()) if words else ():
        if match_end(words, 0, phrase.choices) == len(words):
            return phrase.text
    return None


def match_end(words: Words, at: int, choices: Sequence[frozenset[str] | None]) -> int | None:
    """Where the match of `choices` ends that begins at word `at`, taking for each gap as few words as will do."""
    gap, length = 0, len(words)
    for choice in choices:
        if choice is None:
            gap = GAP
            continue
        if not choice:
            return at if at == length else None
        last = min(at + gap, length - 1)
        while at <= last and words[at] not in choice:
            at += 1
        if at > last:
            return None
        at, gap = at + 1, 0
    return at
