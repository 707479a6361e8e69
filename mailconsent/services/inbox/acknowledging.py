"""
The acknowledgement of a request that came by mail. Rules (RFC 3834, design 5.6):

1. It waits in the outbox from the transaction of the request on: none without the other.
2. Whether a request counts and whether it is answered are two questions. What keeps the answer back keeps nothing else.
3. To one address, with its tagged forms, at most one a week (RFC 3834 section 2), whatever comes from it. What answers
   an answer of ours is not answered, also from another address. So two machines that answer each other come to an end.
4. Only of recent mail, and of none that a first sweep finds: it may be of years ago.
5. The link that undoes goes to nobody but whose opt-out it is.
"""

import re
import secrets
from dataclasses import replace
from datetime import timedelta

from mailconsent import logs
from mailconsent.acknowledgement import Stopped, choose_language, compose, may_answer
from mailconsent.address import deliverable, domain_of, match_key, tagless_key
from mailconsent.classify.identity import writers
from mailconsent.errors import InvalidAddress, Unavailable
from mailconsent.message import InboundMessage
from mailconsent.model import ALL_TOPICS, UnsubscribeClaim
from mailconsent.retention import UNDO
from mailconsent.services import Rules
from mailconsent.services.inbox.answers import Answers
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.undoing import offer_undo
from mailconsent.store import Transaction
from mailconsent.store.dossier import find_recipient
from mailconsent.store.ledger import Recipient
from mailconsent.store.outbox import Letter, LetterKind, add_letter, was_written
from mailconsent.store.recipients import lock_address

#: How long after its receipt a request is acknowledged: a weekend.
RECENT = timedelta(days=3)
#: RFC 3834 section 2 recommends seven days.
BETWEEN_TWO = timedelta(days=7)
#: The Message-ID of an answer, by which what answers it is known.
NAME = "<answer.{id}@{domain}>"
_OURS = re.compile(r"<answer\.[0-9a-f]{32}@")


def acknowledge(tx: Transaction, mail: Mail, effect: Effect) -> bool:
    """Let the acknowledgement of a request that was applied wait in the outbox; whether there is to be one."""
    try:
        with tx.savepoint():
            return _acknowledge(tx, mail, effect)
    except InvalidAddress:
        return False
    except Unavailable:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever is wrong with an answer, the request stands
        logs.failure("request not acknowledged", fault)
        return False


def _acknowledge(tx: Transaction, mail: Mail, effect: Effect) -> bool:
    message, answers = mail.judged.message, mail.answers
    if answers is None or message is None or not _is_recent(mail):
        return False
    if _OURS.search(f"{message.in_reply_to} {message.references}"):
        return False
    if silence := may_answer(message, ours=answers.ours, authentication=mail.judged.authentication):
        logs.info("request not answered", reason=silence.value)
        return False
    to = deliverable(writers(message)[0])
    lock_address(tx, tagless_key(match_key(to)))  # first, so that of two forms of it one waits for the other
    recipient = lock_address(tx, to)
    if was_written(tx, recipient.id, LetterKind.ACKNOWLEDGEMENT, since=mail.now - BETWEEN_TWO):
        return False
    add_letter(tx, _letter(tx, mail, effect, answers, message, to=to, recipient=recipient))
    return True


def _is_recent(mail: Mail) -> bool:
    return mail.swept and mail.judged.fetched.received_at > mail.now - RECENT


def _letter(
    tx: Transaction,
    mail: Mail,
    effect: Effect,
    answers: Answers,
    message: InboundMessage,
    *,
    to: str,
    recipient: Recipient,
) -> Letter:
    controller = answers.rules.policy.controller
    known = find_recipient(tx, to)
    language = choose_language(message, known=known.language if known else None, otherwise=controller.language)
    undo = offer_undo(tx, effect.outcomes, to)
    name = secrets.token_hex(16)
    composed = compose(
        message,
        to=to,
        sender=controller.contact,
        controller=controller,
        stopped=replace(
            _stopped(mail, effect, recipient, answers.rules, language),
            elsewhere=mail.verdict.detector == "token"
            and any(done.event_id.recipient_id != recipient.id for done in effect.outcomes),
        ),
        language=language,
        undo_url=f"{answers.rules.base_url}/r/{undo}" if undo else None,
        message_id=NAME.format(id=name, domain=domain_of(controller.contact)),
        now=mail.now,
    )
    return Letter(
        recipient_id=recipient.id,
        id=name,
        kind=LetterKind.ACKNOWLEDGEMENT,
        address=to,
        raw=composed.as_bytes(),
        created_at=mail.now,
        # With the link in it.
        expires_at=mail.now + UNDO,
    )


def _stopped(mail: Mail, effect: Effect, recipient: Recipient, rules: Rules, language: str) -> Stopped:
    """What the request ended for who is answered; where it ended nothing of theirs, what the page would say."""
    theirs = {done.event_id.seq for done in effect.outcomes if done.event_id.recipient_id == recipient.id}
    ended = {event.topic for event in recipient.events if event.seq in theirs}
    topics = ended or {claim.topic for claim in mail.verdict.claims if isinstance(claim, UnsubscribeClaim)}
    if mail.verdict.detector != "token" or ALL_TOPICS in topics:
        return Stopped(everything=True)
    names = (rules.policy.name(topic, language) for topic in sorted(topics))
    return Stopped(topics=tuple(filter(None, names)))
