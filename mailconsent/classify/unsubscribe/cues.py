"""
Cues: the rarest word of each phrase that asks, by which its language is found without trying all phrases of all.

Nearly all mail asks for nothing. A text in which no phrase has all its words is not read any further.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mailconsent.classify.phrase import HEAD, Choice, Phrase, choices_of, keys, meets, phrases_of
from mailconsent.classify.unsubscribe.language import Language, every_form

#: A word of more languages than this is everywhere ("email", "stop").
MANY = 4
_EVERYDAY = """
a an the this that these those i me my we us our you your it he she they them and or but if so as of to in on at by for
from with about up out off not no is are was were be been have has had do does did can could will would should may must
get got make take send sent know think want need like see look find ask tell use work come go good new now just also
only more all any some one please thanks thank hello dear regards best update order time day
"""
#: Words of nearly all English mail, and so of most mail.
EVERYDAY = frozenset(_EVERYDAY.split())
#: Stands for any address. It is part of no word.
ADDRESS_MARK = "@"


class Cues(NamedTuple):
    """By which words a language is found."""

    #: The heads of all stems in phrases that ask.
    heads: frozenset[str]
    #: The choices of each such phrase, the rarest first, by the words of that one.
    phrases: Mapping[str, tuple[tuple[tuple[Choice, ...], Language], ...]]


def make_cues(languages: Iterable[Language]) -> Cues:
    """The cues of these languages."""
    asking = {
        (phrase.choices, language.name): (phrase, language)
        for language in languages
        for phrases in language.asking
        for phrase in phrases_of(phrases)
    }
    used = {(key, of.name) for phrase, of in asking.values() for choice in choices_of(phrase) for key in keys(choice)}
    spread = Counter(key for key, _ in used)
    found: dict[str, dict[tuple[tuple[Choice, ...], str], Language]] = {}
    for phrase, language in asking.values():
        own = every_form(language.own_address)
        rare = tuple(or_address(choice, own) for choice in rarest(phrase, spread))
        for key in keys(rare[0]):
            found.setdefault(key, {})[rare, language.name] = language
    return Cues(
        heads=frozenset(
            stem[:HEAD] for phrase, _ in asking.values() for choice in choices_of(phrase) for stem in choice.stems
        ),
        phrases={key: tuple((rare, of) for (rare, _), of in some.items()) for key, some in found.items()},
    )


def rarest(phrase: Phrase, spread: Mapping[str, int]) -> tuple[Choice, ...]:
    """
    The choices of a phrase, those first that few other texts have a word of. `spread` says in how many languages a word
    or the head of a stem is used: "email" is everywhere, if not in as much mail as "your". Of the others long ones are
    rare.
    """
    return tuple(
        sorted(
            set(choices_of(phrase)),
            key=lambda choice: (
                not EVERYDAY.isdisjoint(choice.words),
                max(spread[key] for key in keys(choice)) > MANY,
                -min(map(len, (*choice.words, *choice.stems))),
                sorted(keys(choice)),
            ),
        )
    )


def or_address(choice: Choice, words: Iterable[str]) -> Choice:
    """A choice that an address meets, too, if one of these words does."""
    return Choice(choice.words | {ADDRESS_MARK}, choice.stems) if any(meets(choice, word) for word in words) else choice
