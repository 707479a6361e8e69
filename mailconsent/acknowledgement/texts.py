"""
What an acknowledgement says: data in `texts/<language>.toml`, one for each language in which requests are understood.

Which one a person reads is told from what they wrote. Where that could be several languages (many write no more than
"unsubscribe", or "stop"), what is known of them decides, then the country of their address, then what the company
speaks.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from mailconsent.classify.identity import writers
from mailconsent.classify.subject import split_prefixes
from mailconsent.classify.unsubscribe import MAX_SUBJECT, MAX_SUBJECT_CHARS
from mailconsent.classify.unsubscribe.asking import asking_languages
from mailconsent.classify.unsubscribe.reading import MAX_WORDS, read
from mailconsent.classify.unsubscribe.wording import load_wording
from mailconsent.message import InboundMessage
from mailconsent.own_words import own_words

#: In which many write who speak another language.
ENGLISH = "en"
#: In how many languages a word that says no language may be one.
LOAN = 2
#: Languages under another name (ISO 639), and those whose readers read another one of ours.
ALSO = {"no": "nb", "nn": "nb", "iw": "he", "bs": "hr", "sh": "hr", "cnr": "sr", "gl": "pt"}
#: The language of a country, by its top-level domain, where it is not called like its country.
SPOKEN_IN = {
    "at": "de", "ba": "hr", "br": "pt", "by": "ru", "cn": "zh", "cz": "cs", "dk": "da", "ee": "et", "gr": "el",
    "ie": "en", "il": "he", "in": "en", "jp": "ja", "kr": "ko", "me": "sr", "mx": "es", "no": "nb", "rs": "sr",
    "se": "sv", "si": "sl", "ua": "uk", "uk": "en",
}  # fmt: skip
#: What most people speak who might have written any of several languages.
WIDESPREAD = (ENGLISH, "ru")


class Texts(NamedTuple):
    """One language. `{...}` is what is filled in."""

    subject: str
    #: How a name is quoted: `{name}`.
    quoted: str
    #: That a machine wrote this.
    automatic: str
    #: What was stopped: all marketing, `{topics}`, or a topic that has no name any more.
    all: str
    topics: str
    kind: str
    #: The same of somebody else's address, whose link the person used. It may be their own other one.
    elsewhere: str
    #: That some may be on its way.
    soon: str
    #: What still comes, after each of the two.
    still_all: str
    still_topics: str
    #: What stands before the link, which is valid for 24 hours.
    undo: str
    #: `{contact}`, and `{authority}`.
    complain: str
    authority: str


@cache
def load_texts() -> Mapping[str, Texts]:
    """The texts in this package, by language."""
    folder = resources.files("mailconsent.acknowledgement") / "texts"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): Texts(**tomllib.loads(file.read_text("utf-8"))) for file in files}


def choose_language(message: InboundMessage, *, known: str | None, otherwise: str) -> str:
    """
    The language to answer a request in: the one that it is written in; else the person's own, if it is `known`; else
    what their mail program says; else `otherwise`, or English where there is no text in that.
    """
    hints = [language for tag in (known or "", *_program_languages(message)) if (language := _available(tag))]
    written = written_in(message)
    shared = next((language for language in hints if language in written), None)
    if shared:
        return shared
    fallback = _available(otherwise) or ENGLISH
    # An English word is written by everybody, and may have become one of another language, too.
    if not written or (ENGLISH in written and len(written) <= LOAN):
        return hints[0] if hints else ENGLISH if written else fallback
    likely = [language for language, words in written.items() if words == max(written.values())]
    guesses = (*_spoken_at(message), fallback, *WIDESPREAD)
    return next((language for language in guesses if language in likely), likely[0])


def written_in(message: InboundMessage) -> Mapping[str, int]:
    """The languages in which a message asks, each with how many of its courtesies stand there. Mostly it is one."""
    wording = load_wording()
    _, subject = split_prefixes(message.subject)
    for text, limit in ((own_words(message), MAX_WORDS), (subject[:MAX_SUBJECT_CHARS], MAX_SUBJECT)):
        words = set(wording.split(text))
        found = {
            language.name: len(words & (language.polite | language.fillers))
            for language in asking_languages(text, wording)
            if read(text, wording, (language,), limit).request
        }
        if found:
            return found
    return {}


def _spoken_at(message: InboundMessage) -> Iterator[str]:
    for address in writers(message):
        country = address.rpartition(".")[2].lower()
        yield SPOKEN_IN.get(country, country)


def _program_languages(message: InboundMessage) -> Iterator[str]:
    """What mail programs write of their user's languages (RFC 3282): "da-DK, en-US"."""
    for name in ("accept-language", "content-language", "x-accept-language"):
        for tag in message.header(name)[:200].split(","):
            yield tag.partition(";")[0]


def _available(tag: str) -> str | None:
    """The language of ours that a tag (RFC 5646) such as "de-AT" means."""
    language = tag.strip().replace("_", "-").partition("-")[0].lower()
    language = ALSO.get(language, language)
    return language if language in load_texts() else None
