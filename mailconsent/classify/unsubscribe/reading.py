"""
What a text asks for, by the phrases of `wording`.

Rules of this file:

1. A request is short. In a long letter the same words are as likely told as meant, and it is left alone.
2. What a sentence asks for is void if the same sentence speaks against it. A doubt in one is against the request of
   another.
3. Addresses in a text are passed over; where it then asks for nothing, they are read as the writer's own.
4. Who does not want "it" any more, and speaks of a refund, may have bought it. So a human decides.
5. What asks only within quotation marks in a sentence is left to a human.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mailconsent.classify.phrase import find_phrase, find_together, is_phrase
from mailconsent.classify.unsubscribe.language import Language
from mailconsent.classify.unsubscribe.mention import without_asides, without_mentions
from mailconsent.classify.unsubscribe.passage import ADDRESS, Passage, count, split_passages
from mailconsent.classify.unsubscribe.wording import Wording

MAX_WORDS = 120  #: of a text that is a request
MAX_AROUND_SHORT = 10  #: words of a text in which a short command is one
MAX_CLAUSE = 16  #: words that belong together, in whatever order they stand
MAX_SENTENCE = 40  #: words of a sentence that asks whatever else it says


class Reading(NamedTuple):
    """What a text says about it."""

    #: The phrase that asks.
    request: str | None = None
    #: Whether the text is that phrase and nothing else.
    whole: bool = False
    #: Whether it also speaks against asking.
    doubtful: bool = False
    #: Whether it tells its readers how to unsubscribe, as mailings do.
    instructs: bool = False
    #: How long it is, in words.
    length: int = 0


def read(text: str, wording: Wording, languages: Iterable[Language], limit: int) -> Reading:
    """
    What the sentences of a text of up to `limit` words ask for. A doubt in one is against the request of another.

    Addresses in it are passed over; where it then asks for nothing, they are read as the writer's own.
    """
    text = without_mentions(text)
    reading = read_sentences(text, wording, languages, limit)
    if reading.request and (rest := without_asides(text)) != text:
        # Who asks in quotation marks alone may be telling what somebody else says.
        return reading if read_sentences(rest, wording, languages, limit).request else reading._replace(doubtful=True)
    if reading.request or reading.length > limit or not ADDRESS.search(text):
        return reading
    owned = (
        read_sentences(ADDRESS.sub(f" {own} ", text), wording, [language], limit)
        for language in languages
        for own in language.own_address
    )
    return next((found for found in owned if found.request), reading)


def read_sentences(text: str, wording: Wording, languages: Iterable[Language], limit: int) -> Reading:
    """What the sentences of a text ask for, without the addresses in it."""
    passages = split_passages(text, wording)
    words = [word for passage in passages for word in passage.words]
    length = count(words)
    if length > limit:
        return Reading(length=length)
    for language in languages:
        for passage in passages:
            if request := read_passage(passage, wording, languages, language, length):
                return Reading(
                    request=request,
                    whole=read_command(words, language, length) is not None,
                    instructs=find_phrase(words, wording.instructions) is not None,
                    doubtful=is_doubtful(words, wording, language) or is_of_goods(passage.words, words, language),
                    length=length,
                )
    return Reading(length=length)


def read_passage(
    passage: Passage, wording: Wording, languages: Iterable[Language], language: Language, length: int
) -> str | None:
    """The phrase with which a passage asks, or a line in it: people write "unsubscribe", and below it their name."""
    words = passage.words
    if command := is_phrase(words, language.commands):
        return command
    said = drop(words, language.polite)
    if len(words) <= MAX_SENTENCE and (plea := find_together(said, language.regardless)):
        return plea
    asks = (
        read_command(words, language, length)
        or find_phrase(said, language.requests)
        or read_any(passage.clauses, language, MAX_WORDS)
        or read_together(passage.clauses or [words], language)
    )
    if asks and not is_against((said, words), wording, languages):
        return asks
    return read_any(passage.lines, language, length) if len(passage.lines) > 1 else None


def speaks_against(text: str, wording: Wording, languages: Iterable[Language]) -> bool:
    """Whether a text says anything that takes a request back, or makes it doubtful."""
    passages = split_passages(text, wording)
    words = [word for passage in passages for word in passage.words]
    return any(is_against([passage.words], wording, languages) for passage in passages) or any(
        is_doubtful(words, wording, language) for language in languages
    )


def is_of_goods(asking: list[str], words: list[str], language: Language) -> bool:
    """Whether these words ask, in a text about what is sent back or was bought elsewhere, and not of any mailing."""
    return find_phrase(words, language.goods) is not None and find_phrase(asking, language.plain) is None


def is_doubtful(words: list[str], wording: Wording, language: Language) -> bool:
    """Whether a text of these words is about what was bought, or about others who are recipients, maybe."""
    return find_together(words, language.bought) is not None or any(
        find_phrase(said, wording.doubts) for said in (words, drop(words, language.polite))
    )


def is_against(forms: Iterable[list[str]], wording: Wording, languages: Iterable[Language]) -> bool:
    """Whether a sentence, in one of these forms of it, asks for nothing, whatever else it says."""
    against = (wording.not_requests, *(language.not_requests for language in languages))
    return any(find_phrase(words, phrases) for words in forms for phrases in against)


def read_any(parts: Iterable[list[str]], language: Language, length: int) -> str | None:
    """The phrase that one of these parts of a sentence is by itself, in a text of that many words."""
    return next((phrase for part in parts if (phrase := read_command(part, language, length))), None)


def read_together(clauses: Iterable[list[str]], language: Language) -> str | None:
    """The words with which one of these clauses asks, in whatever order. In a long one they may not belong together."""
    return next(
        (
            words
            for clause in clauses
            if len(clause) <= MAX_CLAUSE and (words := find_together(drop(clause, language.polite), language.together))
        ),
        None,
    )


def read_command(words: list[str], language: Language, length: int) -> str | None:
    """The phrase that a sentence is, in a text of that many words."""
    said = drop(words, language.polite)
    return is_phrase(said, language.commands, language.fillers) or (
        is_phrase(said, language.short_commands, language.fillers) if length <= MAX_AROUND_SHORT else None
    )


def drop(words: list[str], dropped: frozenset[str]) -> list[str]:
    """The words but for those."""
    return [word for word in words if word not in dropped]
