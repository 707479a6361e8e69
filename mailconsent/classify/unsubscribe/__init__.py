"""
Requests in people's own words.

Rules of this file:

1. Only the writer's own words count, never the quoted newsletter under them, nor a footer of list software.
2. The subject of a reply is somebody else's; it speaks for the writer only where the body says nothing.
3. What asks and does not ask at once is `unsure`: a human reads it (design 5.6).
4. Who tells others how to unsubscribe sends a mailing, and asks for nothing; nor do code and list software.
5. "Please cancel" may mean much else. Under a subject about something else it is `unsure`.
6. A request is for who wrote it, see `identity`. If that is nobody, or one of several, nobody can be named: `unsure`.
"""

import re
from collections.abc import Callable

from mailconsent.classify.identity import FEW_LINES, named_addresses, requesters, writers
from mailconsent.classify.subject import INNER_PREFIX, split_prefixes
from mailconsent.classify.token import quoted_claims
from mailconsent.classify.unsubscribe.asking import asking_languages
from mailconsent.classify.unsubscribe.language import Language
from mailconsent.classify.unsubscribe.mailing import is_list_software, is_mailing
from mailconsent.classify.unsubscribe.mention import holds_code
from mailconsent.classify.unsubscribe.passage import split_passages
from mailconsent.classify.unsubscribe.reading import MAX_WORDS, Reading, read, read_command, speaks_against
from mailconsent.classify.unsubscribe.wording import Wording, load_wording
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import MAX_CHARS, MAX_OWN, link_labels, own_words, reads_html

#: What programs write where there is none: "(no subject)".
NO_SUBJECT = re.compile(r"^\s*[(<\[][^()<>\[\]]*[)>\]]\s*$")
#: Of an order, an invoice or a case, and no year.
NUMBER = re.compile(r"\b(?!(?:19|20)\d\d\b)\d{4,}\b")
MAX_LETTER = 250  #: words of a text in which a request is left to a human
MAX_SUBJECT = 12  #: words of a subject that is a request
MAX_SUBJECT_CHARS = 400
FEW = 3  #: words of a body that says nothing
MAX_BESIDE_SUBJECT = 40  #: words of a body that says nothing about it, under a subject that is a request
MAX_LINKS = 100  #: from the end of a newsletter, where it tells how to unsubscribe


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
    said = read(body, wording, languages, MAX_LETTER) if len(body) < MAX_OWN else Reading(length=MAX_LETTER)
    is_answer = is_reply or bool(message.in_reply_to)
    if said.request and not is_answer and (said.instructs or (not said.whole and is_newsletter(message, wording))):
        return None
    if (said.request or asked.request) and (holds_code(body) or is_list_software(message)):
        return None
    if said.request:
        doubtful = said.doubtful or said.instructs or said.length > MAX_WORDS
        if said.weak and not asked.request:
            doubtful = doubtful or is_about_else(subject, said.weak, is_answer, wording, languages)
        return answer(message, read_token, said.request, Label.UNSURE if doubtful else Label.UNSUBSCRIBE, body)
    if not asked.request or (is_reply and said.length > FEW):
        return None
    clear = asked.whole if is_reply else said.length <= (FEW if message.in_reply_to else MAX_BESIDE_SUBJECT)
    doubtful = asked.doubtful or not clear or speaks_against(body, wording, languages)
    # Where the subject asks, a longer text is no more than a signature.
    few = body if sum(map(bool, map(str.strip, body.split("\n")))) <= FEW_LINES else ""
    return answer(message, read_token, asked.request, Label.UNSURE if doubtful else Label.UNSUBSCRIBE, few)


def is_about_else(subject: str, asked: str, is_answer: bool, wording: Wording, languages: tuple[Language, ...]) -> bool:
    """Whether a subject says that "please cancel" is about something else: an order. That of an answer may be ours."""
    together = (f"{subject} {asked}", f"{asked} {subject}")
    if is_answer or not NO_SUBJECT.sub("", subject).strip():
        return bool(NUMBER.search(subject)) or any(speaks_against(text, wording, languages) for text in together)
    found = (read(text, wording, asking_languages(text, wording), MAX_SUBJECT) for text in together)
    return not any(reading.request and not reading.weak for reading in found)


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
        read_command(passage.words, language, 1)
        for label in link_labels(message.html)[-MAX_LINKS:]
        for language in asking_languages(label, wording)
        for passage in split_passages(label, wording)
    )
