"""
What machines say, where no header tells: the files in `words` say it, one a language.

Rules of this file:

1. A subject is proof only if nobody writes it by hand, is no question, and speaks of no automatic response of ours.
2. A text is proof if a machine says in its first sentences that it is one, or that its owner is away. Thanks for a
   message are no proof, since people begin with them, too: a machine goes on with a promise or a number.
3. A question is put by somebody who waits for the answer. Who writes below what they quote is a person, and so is who
   speaks of a meeting, an order, next week, or what suits them. Who answers nothing and is away has to say more.
4. A machine that reports to us what others did answers nothing: it is no automatic response.
"""

import re
from functools import cache
from itertools import islice
from typing import NamedTuple

from mailconsent.classify.machine_text import holds_quote, load_goods, whole_text
from mailconsent.classify.sayings import MAX_BEGINNING, Sayings, beginning_of, begins, gather, hear, load_tables, says
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage
from mailconsent.own_words import own_words

#: RFC 3834 section 3.1.5.
AUTO_PREFIX = re.compile(r"\s*auto\s?:", re.IGNORECASE)
COLON = re.compile("[:：]")
#: In Greek it is a semicolon.
QUESTION = re.compile("[?？؟]|[\u0370-\u03ff\u1f00-\u1fff]\\s?;")
#: One that asks for nothing: whoever is in a hurry is told whom to ask.
HURRY = re.compile(
    r"\b(?:urgent|dringend|eilig|spoed|haster|hastar|brådskande|kiireellistä|urgente|pilne|naléhavé|sürgős)\s?\?",
    re.IGNORECASE,
)
#: A point within a word ends none: a greeting may be to an address.
SENTENCE = re.compile(r"(?:[^.!?,:;\n。！，]+(?:\.(?=\w))?|\.(?=\w))+")

#: In how much of it a promise follows thanks.
MAX_PROMISE = 800
MAX_SUBJECT = 400
#: Salutations and thanks before a machine comes to the point.
MAX_GREETINGS = 4
REPLY_LINES = 3  #: among how many lines one stands
MAX_NAME = 40  #: letters of a first line with no more than a name


class MachineWords(NamedTuple):
    """What automatic responses say, in all languages."""

    greetings: Sayings
    subjects: Sayings
    within: Sayings
    prefixes: Sayings
    spoken_of: Sayings
    machines: Sayings
    thanks: Sayings
    promises: Sayings
    absences: Sayings
    presences: Sayings
    wishes: Sayings
    handovers: Sayings
    reports: Sayings
    read_prefixes: Sayings
    read_texts: Sayings
    reply_lines: Sayings


@cache
def load_words() -> MachineWords:
    """The words in this package."""
    tables = load_tables("auto_reply/words").values()
    return MachineWords(
        **{kind: gather(saying for table in tables for saying in table.get(kind, ())) for kind in MachineWords._fields}
    )


def telling_words(message: InboundMessage) -> str:
    """`subject` or `text` if it speaks as only machines do, or nothing."""
    words = load_words()
    whole = whole_text(message)
    if is_automatic_subject(message.subject, words) or is_read_receipt(message.subject, whole, words):
        return "subject"
    text = below_reply_line(whole, words)
    answers = answers_something(message)
    # Quotes are told from own words only where a quick look found something: nearly all mail ends here.
    if not is_automatic(text, words, answers):
        return ""
    own = own_words(message) if text == whole else text  # to `own_words`, all below that line is a quote
    return "text" if is_automatic(own, words, answers) and not is_below_quote(text, own) else ""


def is_automatic_subject(subject: str, words: MachineWords) -> bool:
    """
    Whether a subject is one that programs write.

    Behind "Re:" it is that of a person who answers an automatic response, ours perhaps.
    """
    if AUTO_PREFIX.match(subject):
        return True
    subject = subject[:MAX_SUBJECT]
    said = hear(subject)
    head, *rest = COLON.split(subject, maxsplit=1)
    speaks = begins(said, words.subjects) or says(said, words.within)
    if not speaks and not (rest and begins(hear(head), words.prefixes)):
        return False
    is_reply, _rest = split_prefixes(subject)
    return not is_reply and "?" not in head and not says(hear(head), words.spoken_of)


def is_read_receipt(subject: str, text: str, words: MachineWords) -> bool:
    """Whether a read receipt (RFC 8098) lost its report: "Read: News" over "Your message was read on Monday"."""
    head, *rest = COLON.split(subject[:MAX_SUBJECT], maxsplit=1)
    if not rest or not begins(hear(head), words.read_prefixes):
        return False
    return begins(hear(beginning_of(text)), words.read_texts)


def answers_something(message: InboundMessage) -> bool:
    """Whether a message answers another, by its header or by the prefix of its subject."""
    return bool(message.in_reply_to or message.references or split_prefixes(message.subject)[0])


def is_automatic(text: str, words: MachineWords, answers: bool) -> bool:
    """
    Whether a text begins as machines do, or tells in its first sentences that its writer is away.

    What answers nothing has to say more than that: people begin mails with it, too.
    """
    start = beginning_of(text)
    spoken = (match.start() for match in SENTENCE.finditer(start) if not match[0].isspace())
    sentences = list(islice(spoken, MAX_GREETINGS + 1))
    for number, at in enumerate(sentences[:MAX_GREETINGS]):
        said = hear(start[at:])
        if begins(said, words.machines):
            return not says(hear(text[:MAX_PROMISE]), words.reports)
        if begins(said, words.thanks) and promises(text[at:], words):
            return True
        end = sentences[number + 1] if number + 1 < len(sentences) else len(start)
        if not begins(said, words.greetings) and not (number == 0 and end < MAX_NAME):
            break
    if QUESTION.search(start) and QUESTION.search(HURRY.sub(" ", start)):
        return False
    said = hear(start)
    absent = says(said, words.absences)
    if not (absent or answers):  # nearly all mail
        return False
    hands_over = says(said, words.handovers)
    if not (absent or hands_over):
        return False
    if not answers and not says_more(start, words):
        return False
    if hands_over:
        said = hear(" . ".join(part for part in split_sentences(start) if not says(hear(part), words.handovers)))
    return not any(says(said, sayings) for sayings in (words.presences, words.wishes, load_goods()))


def says_more(start: str, words: MachineWords) -> bool:
    """Whether an absence is told twice, or with thanks, a promise, or whom to ask in a hurry."""
    said = hear(start)
    if says(said, words.promises) or says(said, words.handovers):
        return True
    sentences = split_sentences(start)
    if any(begins(hear(sentence), words.thanks) for sentence in sentences):
        return True
    return sum(says(hear(sentence), words.absences) for sentence in sentences) > 1


def split_sentences(text: str) -> list[str]:
    """The sentences and clauses of a text."""
    return [match[0].strip() for match in SENTENCE.finditer(text)]


def promises(text: str, words: MachineWords) -> bool:
    """Whether thanks go on as those of a machine do: somebody will answer, or it has a number."""
    said = hear(text[:MAX_PROMISE])
    return says(said, words.promises) and not says(said, words.wishes)


def below_reply_line(text: str, words: MachineWords) -> str:
    """A text without the line of a ticket system, among its first, above which one has to answer."""
    *first, rest = text.split("\n", REPLY_LINES)
    if not words.reply_lines.may_be_in(hear(" ".join(line[:MAX_BEGINNING] for line in first)).words):  # nearly all mail
        return text
    for number, line in enumerate(first):
        if says(hear(line[:MAX_BEGINNING]), words.reply_lines):
            return "\n".join((*first[number + 1 :], rest)).strip()
    return text


def is_below_quote(text: str, own: str) -> bool:
    """Whether the own words of a text stand below what it quotes."""
    first = own.partition("\n")[0].strip()
    return holds_quote(text[: max(text.find(first), 0)])
