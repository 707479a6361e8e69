"""
The marks that mail programs leave around the words of others: data in `quotes.toml`, read once.

All languages are looked for at once, as with the phrases: a Dane's phone may speak English. No mark is a regular
expression; who knows the language but no code can add to them.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

#: What may begin or end a line that divides; the second row is what word processors make of hyphens.
DASHES = "-_=*#~+<>\u2010\u2011\u2012\u2013\u2014\u2015\u2500\u2501"
DIVIDING = DASHES.replace("*", "").replace("+", "")
#: What a line is drawn of: by Outlook above a quote, by list software above its footer.
DRAWN = {"_": 10, "-": 20, "=": 20, "*": 20, "\u2010": 20, "\u2014": 10, "\u2015": 10, "\u2500": 10, "\u2501": 10}
EDGES = DASHES + ".:：!\u00a0 \t"
#: Longer lines are prose.
MAX_MARK = 100
#: How many words may come before the first number of a date: "Il giorno lun 3 mar 2025".
BEFORE_DATE = 3

DATE_OR_TIME = re.compile(r"\d{1,2}[:.]\d{2}|\d{4}|\d{1,2}[/.]\d{1,2}")
BRACKETED_ADDRESS = re.compile(r"[<(\[][^\s<>()\[\]@]{1,100}@[^\s<>()\[\]@]{1,100}[>)\]]")
WORD = re.compile(r"[\w'’]+")
DEVICE_WORD = re.compile(r"[\w.]+")
#: In "发自我的iPhone" it is no word of its own.
ASCII_WORD = re.compile(r"[a-z0-9]+")
LINK = re.compile(r"<[^<>]*>|https?://\S+")


class Marks(NamedTuple):
    """The marks of all languages, in lower case."""

    #: The verbs of a line above a quote, and how each stands in it.
    wrote: Mapping[str, re.Pattern[str]]
    #: Such a verb with the colon after it, in the midst of a line.
    wrote_colon: re.Pattern[str]
    #: By each verb, in what words its language speaks of oneself.
    first: Mapping[str, frozenset[str]]
    #: Without blanks and hyphens.
    fields: frozenset[str]
    dividers: tuple[str, ...]
    sent_begins: tuple[str, ...]
    devices: tuple[str, ...]
    #: Those of scripts without blanks between words.
    wide_devices: tuple[str, ...]
    disclaimers: tuple[str, ...]
    formal: tuple[str, ...]
    wide_formal: tuple[str, ...]


@cache
def load_marks() -> Marks:
    """The marks of all languages in this package."""
    data = tomllib.loads((resources.files("mailconsent.own_words") / "quotes.toml").read_text("utf-8"))
    languages = data["language"].values()

    def gather(kind: str) -> list[str]:
        return sorted(
            {text for table in languages for text in _texts(table[kind])}, key=lambda text: (-len(text), text)
        )

    verbs = {
        verb: f"(?<!\\w){re.escape(verb)}(?!\\w)" if _is_spaced(verb) else re.escape(verb) for verb in gather("wrote")
    }
    devices = data["devices"].split()
    return Marks(
        wrote={verb: re.compile(pattern) for verb, pattern in verbs.items()},
        wrote_colon=re.compile(rf"(?:{'|'.join(verbs.values())})\)? ?[:：]"),
        first={
            verb: frozenset(word for table in languages if verb in table["wrote"] for word in table["first"].split())
            for verb in gather("wrote")
        },
        fields=frozenset(map(_field_key, gather("fields"))),
        dividers=tuple(gather("dividers")),
        sent_begins=tuple(gather("sent")),
        devices=tuple(filter(_is_spaced, devices)),
        wide_devices=tuple(device for device in devices if not _is_spaced(device)),
        disclaimers=tuple(gather("disclaimers")),
        formal=tuple(filter(_is_spaced, data["formal"].split())),
        wide_formal=tuple(word for word in data["formal"].split() if not _is_spaced(word)),
    )


def _texts(value: str | list[str]) -> Iterable[str]:
    return value.split() if isinstance(value, str) else value


def _is_spaced(text: str) -> bool:
    """Whether a text is of a script that puts blanks between words, as those of East Asia and Thailand do not."""
    return not any("\u0e00" <= letter <= "\u0e7f" or "\u2e80" <= letter <= "\ud7ff" for letter in text)


def _field_key(name: str) -> str:
    return name.replace(" ", "").replace("-", "").replace("\u00a0", "")


def is_attribution(text: str, marked: bool) -> bool:
    """
    Whether a text that ends with a colon says who wrote what comes next; `marked` if that is marked as a quote.

    Two signs of three are asked for: an address, a date, the verb. People write colons, and what they wrote themselves.
    """
    lower = text.casefold()
    marks = load_marks()
    verb = find_verb(lower)
    date = DATE_OR_TIME.search(lower) is not None
    if BRACKETED_ADDRESS.search(lower):
        return marked or verb is not None or (date and opens_date(text) and text.rstrip(" :：")[-1:] in ">)]")
    if verb is None:
        return marked and date and "@" in lower
    if not marks.first[verb].isdisjoint(WORD.findall(lower)):
        return False
    if marked or date or "@" in lower:
        return True
    core = lower.strip(EDGES)
    return len(core) < 60 and core != verb and (core.endswith(verb) or core.startswith(verb))


def find_verb(lower: str) -> str | None:
    """The first verb of a line above a quote in a text, the longest if several begin there."""
    wrote = load_marks().wrote
    # Looking for each verb as it stands takes a tenth of the time of one pattern with all of them.
    found = [match for verb in wrote if verb in lower and (match := wrote[verb].search(lower))]
    return min(found, key=lambda match: (match.start(), -match.end()))[0] if found else None


def opens_date(text: str) -> bool:
    """Whether a line begins with a date, as an attribution does that is wrapped after it."""
    return any(letter.isdigit() for word in text.split(maxsplit=BEFORE_DATE + 1)[: BEFORE_DATE + 1] for letter in word)


def attributes_within(line: str) -> bool:
    """Whether a line has an attribution and the quote itself, as Yahoo's app runs them together."""
    address = BRACKETED_ADDRESS.search(line) if "@" in line else None
    if address is None or not DATE_OR_TIME.search(line) or not opens_date(line):
        return False
    lower = line.casefold()
    return find_verb(lower) is not None and load_marks().wrote_colon.search(lower) is not None


def is_divider(line: str) -> bool:
    """Whether a line is "-----Original Message-----" in some language; a well-known one needs no dashes."""
    core = line.strip(EDGES).casefold()
    if not core or len(line) > MAX_MARK:
        return False
    marks = load_marks()
    if core in marks.dividers or (line.endswith((":", "：")) and core.startswith(marks.dividers)):
        return True
    if not (line[0] in DIVIDING and line[1:2] in DIVIDING):
        return False
    # Lotus iNotes: "-----Shop <news@shop.example> wrote: -----"
    return core.startswith(marks.dividers) or (line[-1] in DASHES and find_verb(core) is not None)


def is_rule(line: str) -> bool:
    """Whether a line is drawn: by Outlook above a quote, by list software above its footer."""
    return len(line) >= DRAWN.get(line[0], len(line) + 1) and not line.strip(line[0])


def is_banner(line: str) -> bool:
    """Whether a line is a title drawn into a rule, as list software puts above footers; people draw shorter ones."""
    return line.startswith("-" * DRAWN["-"]) and line[-1] in DASHES


def is_field(line: str) -> bool:
    """Whether a line is a header field in some language: `From: ...`, or its name alone as Lotus Notes writes it."""
    name, colon, _ = line[:MAX_MARK].replace("：", ":").strip("* ").partition(":")
    if not colon and len(line) > 20:
        return False
    return _field_key(name.strip("* \u00a0").casefold()) in load_marks().fields


def has_field_shape(line: str) -> bool:
    """Whether a line is a name of a few letters, a colon and a value, in whatever language."""
    name, colon, value = line.replace("：", ":").partition(":")
    return bool(colon and value.strip("* ")) and 0 < len(name) <= 25 and not any(map(str.isdigit, name))


def is_app_line(line: str) -> bool:
    """Whether an app wrote this line, of its own name or the device's: "Sent from my iPhone"."""
    lower = LINK.sub("", line).casefold().strip(EDGES)
    if not lower or len(lower) > MAX_MARK or ". " in lower:
        return False
    marks = load_marks()
    if not (lower.startswith(marks.sent_begins) or lower.endswith(marks.sent_begins)):
        return False
    if any(device in lower for device in marks.wide_devices):
        return True
    return any(word.startswith(marks.devices) for word in DEVICE_WORD.findall(lower) + ASCII_WORD.findall(lower))


def begins_disclaimer(paragraph: str) -> bool:
    """Whether a paragraph is what a company's server adds: "This e-mail is confidential ..."."""
    lower = paragraph.casefold().strip(EDGES + "[(*\"'")
    marks = load_marks()
    if not lower.startswith(marks.disclaimers):
        return False
    return any(word.startswith(marks.formal) for word in WORD.findall(lower)) or any(
        word in lower for word in marks.wide_formal
    )
