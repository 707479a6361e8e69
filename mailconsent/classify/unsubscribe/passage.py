"""The passages of a text: what stands between two ends of a sentence, in words."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from mailconsent.classify.unsubscribe.wording import Wording
from mailconsent.classify.words import IS_UNSPACED

WRAPPED = 45  #: characters from which on a line may go on in the next one

ADDRESS = re.compile(r"(?<![^\s<>])[^\s<>@]+@[^\s<>]*\w")
LINK = re.compile(r"(?<![^\s<>])https?://[^\s<>]+")
#: "Art. 21", "Nr. 5", "§ 7 Abs. 2": the sentence goes on.
ABBREVIATED = re.compile(
    r"\b(art|abs|no|nr|núm|num|čl|odst|ust|pkt|par|al|lit|sec|cikk|str|st|бр|чл|ст)\.\s*(?=\d)", re.IGNORECASE
)
SENTENCE_END = re.compile(r"[.!?;:()…]+(?=\s|$)|[?，。！？；｡।؟؛]|\n\s*\n")

COMMA = re.compile("[,،、]| [-–—] ")


class Passage(NamedTuple):
    """What stands between two ends of a sentence, in words."""

    lines: list[list[str]]
    #: Its parts between commas, if it has any: "not interested, please unsubscribe".
    clauses: list[list[str]]

    @property
    def words(self) -> list[str]:
        """All of them."""
        return [word for line in self.lines for word in line]


def split_passages(text: str, wording: Wording) -> list[Passage]:
    """
    The passages between two ends of a sentence, each in lines of words. A line that was wrapped is one with the next.
    """
    if "@" in text:
        text = ADDRESS.sub(" ", text)
    if "://" in text:
        text = LINK.sub(" ", text)
    text = ABBREVIATED.sub(r"\1 ", text)
    passages = []
    for passage in SENTENCE_END.split(wording.greeting.sub("\n\n", text)):
        lines: list[list[str]] = []
        wrapped = False
        for line in passage.split("\n"):
            words = wording.split(line)
            if wrapped:
                lines[-1] += words
            elif words:
                lines.append(words)
            wrapped = bool(words) and len(line) >= WRAPPED
        if lines:
            clauses = COMMA.split(passage)
            passages.append(Passage(lines, list(map(wording.split, clauses)) if len(clauses) > 1 else []))
    return passages


def count(words: Iterable[str]) -> int:
    """How long a text is, in words: numbers are none, and three characters of a script without blanks are one."""
    units = sum(1 if IS_UNSPACED.match(word) else 0 if word.isdecimal() else 3 for word in words)
    return -(-units // 3)
