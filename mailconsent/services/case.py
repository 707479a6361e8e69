"""
What a human needs to decide about a mail that awaits them, and no more: the writer's own words and subject, whom it may
be about, and why it was not clear. What it quotes, its header and what is attached are left in the inbox.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum

from mailconsent.authentication import read_authentication
from mailconsent.classify import ReadToken, classify
from mailconsent.classify.identity import writers
from mailconsent.errors import InvalidAddress
from mailconsent.mail_id import MailId
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import Classification, EventId, EventKind
from mailconsent.own_words import own_words
from mailconsent.services.review import waiting_mail
from mailconsent.store import Transaction
from mailconsent.store.dossier import find_recipient, kept_address
from mailconsent.store.ledger import read_events
from mailconsent.store.review import Waiting, events_of, read_text

#: Characters of own words that are shown: whoever asks for something has done so by then.
MAX_WORDS = 2_000
MAX_SUBJECT = 400


class Part(StrEnum):
    """How a mail brings somebody in."""

    WRITER = "writer"
    NAMED = "named"  #: the writer, or a report, speaks of this address
    LINK = "link"  #: it quotes a link of ours that was sent to them, or is about mail of ours to them


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom a mail may be about."""

    part: Part
    #: None where only such a link tells of them, and their address is not kept.
    address: str | None
    #: Whether anything was recorded of them before they were asked about.
    known: bool
    #: The question that stops mail to them; None where nobody was asked about.
    question: EventId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mail, as far as a human needs it to decide."""

    waiting: Waiting
    #: Whether it could be read; else it has to be looked at in the inbox.
    readable: bool
    subject: str = ""
    words: str = ""
    #: Whether there is more of the words.
    cut: bool = False
    people: tuple[Person, ...] = ()
    #: What our server found of the sender, as "dmarc=pass dkim=pass spf=none"; None where no server of ours says so.
    authentication: str | None = None


def read_case(tx: Transaction, mail: MailId, read_token: ReadToken, trusted: Set[str] = frozenset()) -> Case:
    """A mail that awaits a human. `trusted`: the authserv-ids of our own servers. Raises `Refused` for any other."""
    waiting = waiting_mail(tx, mail)
    raw = read_text(tx, mail)
    try:
        message = parse_message(raw or b"")
        words = own_words(message)
        found = read_authentication(message, trusted)
        parts = _parts(message, classify(message, read_token))
    except Exception:  # noqa: BLE001 - what broke the reader may do so again (design 5.6)
        return Case(waiting=waiting, readable=False, people=tuple(_people(tx, waiting, ())))
    return Case(
        waiting=waiting,
        readable=bool(raw) and message.defect is None,
        subject=message.subject[:MAX_SUBJECT],
        words=words[:MAX_WORDS],
        cut=len(words) > MAX_WORDS,
        people=tuple(_people(tx, waiting, parts)),
        authentication=found.summary() if found else None,
    )


def _parts(message: InboundMessage, verdict: Classification) -> list[tuple[Part, str]]:
    wrote = writers(message)
    others = [one for one in (*verdict.addresses, *verdict.named) if one not in wrote]
    return [(Part.WRITER, one) for one in wrote] + [(Part.NAMED, one) for one in others]


def _people(tx: Transaction, waiting: Waiting, parts: Iterable[tuple[Part, str]]) -> Iterable[Person]:
    asked: dict[int, EventId | None] = {question.recipient_id: question for question in waiting.questions}
    # A report puts no question; who failed by it may be another than it names.
    asked = asked or {event.recipient_id: None for event in events_of(tx, waiting.id)}
    for part, address in parts:
        try:
            found = find_recipient(tx, address)
        except InvalidAddress:
            continue
        question = asked.pop(found.id, None) if found else None
        known = found is not None and _is_known(tx, found.id)
        yield Person(part=part, address=address, known=known, question=question)
    for recipient_id, question in asked.items():
        kept, known = kept_address(tx, recipient_id), _is_known(tx, recipient_id)
        yield Person(part=Part.LINK, address=kept, known=known, question=question)


def _is_known(tx: Transaction, recipient_id: int) -> bool:
    return any(event.kind is not EventKind.QUESTIONED for event in read_events(tx, recipient_id))
