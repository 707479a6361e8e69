"""Which languages have their say in a text. Asked of all mail, so it is made to be quick."""

from collections.abc import Iterable, Mapping, Set

from mailconsent.classify.phrase import HEAD, Choice
from mailconsent.classify.unsubscribe.cues import ADDRESS_MARK
from mailconsent.classify.unsubscribe.language import Language
from mailconsent.classify.unsubscribe.wording import Wording
from mailconsent.classify.words import split_words


def asking_languages(text: str, wording: Wording) -> tuple[Language, ...]:
    """The languages with a command or request of which a text has all words, in any order. Mostly there is none."""
    words = set(split_words(text, wording.known))
    words |= {wording.spellings[word] for word in words & wording.spellings.keys()}
    if ADDRESS_MARK in text:
        words.add(ADDRESS_MARK)
    heads: dict[str, list[str]] = {}
    known = wording.cues.heads
    for word in words:
        head = word[:HEAD]
        if head in known:
            heads.setdefault(head, []).append(word)
    found: dict[str, Language] = {}
    for key in wording.cues.phrases.keys() & (words | {f"{head}*" for head in heads}):
        for choices, language in wording.cues.phrases[key]:
            # A word is the first choice, by which it was found; a head may be another word's.
            if language.name not in found and has_all(words, heads, choices if key[-1] == "*" else choices[1:]):
                found[language.name] = language
    return tuple(found[name] for name in sorted(found))


def has_all(words: Set[str], heads: Mapping[str, list[str]], choices: Iterable[Choice]) -> bool:
    """Whether one word of each choice is among these; `heads` are the words that stems may begin, by their heads."""
    for choice in choices:  # noqa: SIM110 - a generator would take as long again, and this is asked of all mail
        if choice.words.isdisjoint(words) and not begins_any(choice.stems, heads):
            return False
    return True


def begins_any(stems: Iterable[str], heads: Mapping[str, list[str]]) -> bool:
    """Whether one of these stems begins a word."""
    for stem in stems:
        for word in heads.get(stem[:HEAD], ()):
            if word.startswith(stem):
                return True
    return False
