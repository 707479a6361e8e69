"""
Requests in people's own words.

Rules of this file:

1. Only the writer's own words count, never the quoted newsletter under them, nor a footer of list software.
2. A request is short. In a long letter the same words are as likely told as meant, and it is left alone.
3. The subject of a reply is somebody else's; it speaks for the writer only where the body says nothing.
4. What asks and does not ask at once is `unsure`: a human reads it (design 5.6).
5. Who tells others how to unsubscribe sends a mailing, and asks for nothing; nor does code that does so.
6. A request is for who wrote it, see `identity`. If that is nobody, or one of several, nobody can be named: `unsure`.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from mailconsent.classify.identity import FEW_LINES, named_addresses, requesters, writers
from mailconsent.classify.mailing import is_mailing
from mailconsent.classify.mention import holds_code, without_mentions
from mailconsent.classify.phrase import find_phrase, find_together, is_phrase
from mailconsent.classify.token import quoted_claims
from mailconsent.classify.wording import Language, Wording, asking_languages, load_wording
from mailconsent.classify.words import IS_UNSPACED
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import MAX_CHARS, MAX_OWN, link_labels, own_words, reads_html

MAX_SUBJECT = 12  #: words of a subject that is a request
MAX_SUBJECT_CHARS = 400
MAX_WORDS = 120  #: of a body that is a request
FEW = 3  #: words of a body that says nothing
MAX_BESIDE_SUBJECT = 40  #: words of a body that says nothing about it, under a subject that is a request
MAX_AROUND_SHORT = 10  #: words of a body in which a short command is one
MAX_CLAUSE = 16  #: words that belong together, in whatever order they stand
MAX_SENTENCE = 40  #: words of a sentence that asks whatever else it says
MAX_LINKS = 100  #: from the end of a newsletter, where it tells how to unsubscribe
WRAPPED = 45  #: characters from which on a line may go on in the next one

#: What mail programs put before the subject of a reply or a forward, in whatever language: "Re[2]:", "RE :", "Ynt:".
PREFIX = re.compile(
    r"\s*\[?(?:re|ré|réf|r|res|rv|enc|tr|rif|i|aw|antw|antwort|wg|sv|svar|vs|vb|vl|vá|tov|továbbítás|fw|fwd|odp|pd|odg|na|prosl|"
    r"ynt|yan|ilt|bls|doorst|ang|rép|rsp|atb|ats|pārs|edasi|rúf|απ|σχετ|πρθ|отв|ответ|отн|на|пр|відп|відповідь|нт|"
    r"回复|回覆|答复|转发|轉寄|返信|転送|回信|답장|회신|전달|رد|إعادة توجيه|השב|הועבר|תשובה|ตอบ|ส่งต่อ|उत्तर)"
    r"(?:\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3}|\d{1,3}))?\s*[:：]\s*",
    re.IGNORECASE,
)
#: Before a subject: the tag of a list, or of a filter ("[garden-talk]", "[EXTERNAL]", "***SPAM***").
TAG = re.compile(r"\s*(?:\[[^\[\]]{1,40}\]|\*{2,3}[^*]{1,30}\*{2,3})(?=\s*\S)")
#: Before the old subject, where somebody put their own words in front of it.
INNER_PREFIX = re.compile(r"\s(?:re|aw|fw|fwd|wg|tr|sv|vs|rv|ref|antw|odp|rif|r|i|pd)\s?:\s", re.IGNORECASE)
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


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request to unsubscribe, if a person makes one in this message."""
    wording = load_wording()
    is_reply, subject = split_prefixes(message.subject, tagged=True)
    subject = INNER_PREFIX.sub(". ", subject[:MAX_SUBJECT_CHARS])
    # Nearly all mail asks for nothing, whoever wrote which of its lines.
    if not reads_html(message) and not asking_languages(f"{subject}\n{message.text[:MAX_CHARS]}", wording):
        return None
    body = own_words(message)
    languages = asking_languages(f"{subject}\n{body}", wording)
    if not languages:
        return None
    asked = read(subject, wording, languages, MAX_SUBJECT)
    said = read(body, wording, languages, MAX_WORDS) if len(body) < MAX_OWN else Reading(length=MAX_WORDS)
    is_answer = is_reply or bool(message.in_reply_to)
    if said.request and not is_answer and (said.instructs or (not said.whole and is_newsletter(message, wording))):
        return None
    if (said.request or asked.request) and holds_code(body):
        return None
    if said.request:
        doubtful = said.doubtful or said.instructs
        return answer(message, read_token, said.request, Label.UNSURE if doubtful else Label.UNSUBSCRIBE, body)
    if not asked.request or (is_reply and said.length > FEW):
        return None
    clear = asked.whole if is_reply else said.length <= (FEW if message.in_reply_to else MAX_BESIDE_SUBJECT)
    doubtful = asked.doubtful or not clear or speaks_against(body, wording, languages)
    # Where the subject asks, a longer text is no more than a signature.
    few = body if sum(map(bool, map(str.strip, body.split("\n")))) <= FEW_LINES else ""
    return answer(message, read_token, asked.request, Label.UNSURE if doubtful else Label.UNSUBSCRIBE, few)


def answer(
    message: InboundMessage, read_token: Callable[[str], MailedClaim], reason: str, label: Label, body: str = ""
) -> Classification:
    """The classification of a request, for who wrote it, with those whom the words of the body name."""
    if len(writers(message)) != 1:
        label, reason = Label.UNSURE, "not one From address"
    is_reply, subject = split_prefixes(message.subject, tagged=True)
    return Classification(
        label=label,
        detector="unsubscribe",
        reason=reason,
        confidence=0.9 if label == Label.UNSUBSCRIBE else 0.5,
        addresses=requesters(message),
        named=named_addresses(message, "" if is_reply else subject[:MAX_SUBJECT_CHARS], body),
        claims=quoted_claims(message, read_token),
    )


def is_newsletter(message: InboundMessage, wording: Wording) -> bool:
    """Whether a message goes to many, by its header or by a link in it that asks to be clicked."""
    return is_mailing(message) or any(
        read_command(wording.split(label), language, 1)
        for label in link_labels(message.html)[-MAX_LINKS:]
        for language in asking_languages(label, wording)
    )


def split_prefixes(subject: str, *, tagged: bool = False) -> tuple[bool, str]:
    """Whether a subject has the prefixes of a reply or a forward, and the subject behind them, and behind its tags."""
    rest, is_reply = subject, False
    for _ in range(10):
        if match := PREFIX.match(rest):
            is_reply = True
        elif not tagged or (match := TAG.match(rest)) is None:
            break
        rest = rest[match.end() :]
    return is_reply, rest


def read(text: str, wording: Wording, languages: Iterable[Language], limit: int) -> Reading:
    """
    What the sentences of a text of up to `limit` words ask for. A doubt in one is against the request of another.

    Addresses in it are passed over; where it then asks for nothing, they are read as the writer's own.
    """
    text = without_mentions(text)
    reading = read_sentences(text, wording, languages, limit)
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
                    doubtful=find_together(words, language.bought) is not None
                    or any(find_phrase(said, wording.doubts) for said in (words, drop(words, language.polite))),
                    length=length,
                )
    return Reading(length=length)


def count(words: Iterable[str]) -> int:
    """How long a text is, in words: numbers are none, and three characters of a script without blanks are one."""
    units = sum(1 if IS_UNSPACED.match(word) else 0 if word.isdecimal() else 3 for word in words)
    return -(-units // 3)


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
    """Whether a text says anything that takes a request back."""
    return any(is_against([passage.words], wording, languages) for passage in split_passages(text, wording))


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
