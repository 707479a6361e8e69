"""
What a status code (RFC 3463, registry of RFC 5248) means for the address it is about.

Rules of this file:

1. A hard bounce says that the address is dead. Where the fault may be ours (5.7.x: policy, reputation, authentication)
   or the message's (5.6.x, 5.3.4), it is `bounce_unknown`, so that nobody is suppressed for our own fault.
2. If the reply code of SMTP and the status disagree on the class, SMTP wins (RFC 3463 section 2 leaves it open; mail in
   the wild has `421 5.7.32`).
3. Words count only where no code says more than "failed". They stand for the code that a better server would have
   given. Some overrule a hard code: servers answer 5.1.1 to those they have blocked, and 5.2.1 to those in a hurry.
"""

import re
from functools import cache
from typing import NamedTuple

from mailconsent.classify.sayings import Sayings, gather, hear, load_table, says
from mailconsent.failures import PATIENCE, STATUSES, Trouble
from mailconsent.model import Label

#: 5.1.2 says that there is no such domain; that it takes two of them to end an address is another matter.
NO_DOMAIN, NO_ROUTE = "5.1.2", "5.4.4"
#: The answer of DNS that there is no such domain, which Gmail returns with 4.0.0 when it has given up.
NXDOMAIN = "NXDOMAIN"
HARD = STATUSES[Trouble.GONE] | STATUSES[Trouble.OWNER_CHANGED] | {NO_DOMAIN}
#: Permanent by the first digit, temporary by meaning; so is a loop, 5.4.6, which says nothing of the address.
SOFT = frozenset({"5.4.6"}.union(*(STATUSES[trouble] for trouble in PATIENCE))) - HARD
#: These say what is wrong, and no word can make it the address's fault.
NOT_THE_ADDRESS = re.compile(r"5\.(?:7\.\d+|6\.\d+|5\.3|4\.5|3\.[3-5]|2\.3|1\.[78])")
#: These say that it failed, and not why.
VAGUE = re.compile(r"[45]\.0\.0|5\.(?:1\.9|2\.0|3\.0|4\.[01]|5\.\d+)")

STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
#: A reply code with a status: `550 5.1.1`, `550-5.1.1`, `552 #5.2.2`, `550 (5.1.1)`.
REPLY = re.compile(r"(?<![\d.])([245])\d\d[-: ][ (#\[]{0,2}[245](\.\d{1,3}\.\d{1,3})(?!\.?\d)")
#: A status that is marked as one: `(#5.1.1)` of qmail, `#5.1.1` of Exchange.
MARKED = re.compile(r"#\s?([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
#: A reply code alone, where a line or an answer begins: `550 no such user`, `smtp;550 ...`, `said: 550-...`.
BARE_REPLY = re.compile(r"(?:^|[:;<>=(\[])[ \t]{0,8}([45])[0-7]\d(?=[ -])", re.MULTILINE)

#: What is no word: addresses, links, and the reply codes of lines that go on, whose hyphen would join them to a word.
NO_WORDS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;]+|https?://\S+|(?<![\w.])[245]\d\d-(?=\D)")
SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n\s*\n")
MAX_SAID = 4_000


class Meaning(NamedTuple):
    """Sayings of one meaning, and the status they stand for."""

    status: str
    sayings: Sayings
    #: Whether they count for more than a hard code.
    overrules: bool


@cache
def load_guesses() -> Sayings:
    """The sayings of `forms.toml` by which a reason is known for a guess."""
    return gather(load_table("bounce/forms.toml")["guesses"])


@cache
def load_meanings() -> tuple[Meaning, ...]:
    """The meanings of `forms.toml`, in their order."""
    return tuple(
        Meaning(status=entry["status"], sayings=gather(entry["sayings"]), overrules=entry.get("overrules", False))
        for entry in load_table("bounce/forms.toml")["meaning"]
    )


def judge(code: str) -> Label:
    """What a status code means for the address."""
    if code in HARD:
        return Label.BOUNCE_HARD
    return Label.BOUNCE_SOFT if code.startswith("4") or code in SOFT else Label.BOUNCE_UNKNOWN


def read_status(status: str, diagnostic: str) -> str:
    """
    The most telling status of what a server answered, or nothing.

    What the refusing server said stands in the diagnostic; the Status field is the reporting server's reading of it,
    and often just 5.0.0 or 5.1.1.
    """
    reply = REPLY.search(diagnostic)
    if reply:
        return reply[1] + reply[2]
    match = MARKED.search(diagnostic)
    code = match[1] if match else (found[0] if (found := STATUS.search(status)) else "")
    bare = BARE_REPLY.search(diagnostic)
    if bare and not code.startswith((bare[1], "4")):  # at 4 the reporting server knew that it will pass
        return f"{bare[1]}.0.0"
    return code


def find_statuses(text: str) -> list[str]:
    """The status codes that a text gives, each once."""
    found = [first + rest for first, rest in REPLY.findall(text)] + MARKED.findall(text)
    if not found:
        found = [f"{digit}.0.0" for digit in BARE_REPLY.findall(text)]
    return list(dict.fromkeys(found))


def read_words(text: str) -> Meaning | None:
    """What a text means that gives reasons in words. Addresses and codes in it are no words."""
    said = hear(leave_out_guesses(NO_WORDS.sub(" ", text[:MAX_SAID])))
    return next((meaning for meaning in load_meanings() if says(said, meaning.sayings)), None)


def leave_out_guesses(text: str) -> str:
    """A text without the sentences that only guess at reasons: "The usual cause is an invalid address"."""
    if not says(hear(text), load_guesses()):  # nearly all
        return text
    return " . ".join(part for part in SENTENCE_END.split(text) if not says(hear(part), load_guesses()))


def weigh(code: str, text: str) -> tuple[str, bool]:
    """The status to go by, of a code and of the words beside it; and whether the words decided."""
    label = judge(code)
    if label == Label.BOUNCE_SOFT and not VAGUE.fullmatch(code):
        # No route, since there is no such domain: Postfix says both at once.
        no_domain = code == NO_ROUTE and (meaning := read_words(text)) is not None and meaning.status == NO_DOMAIN
        return (NO_DOMAIN, True) if no_domain else (code, False)
    if label == Label.BOUNCE_UNKNOWN and NOT_THE_ADDRESS.fullmatch(code):
        return code, False
    meaning = read_words(text)
    if code.startswith("4") and NXDOMAIN in text:
        return NO_DOMAIN, True
    if meaning is None or code.startswith("4") or (label == Label.BOUNCE_HARD and not meaning.overrules):
        return code, False
    return meaning.status, True
