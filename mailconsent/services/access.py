"""Access: all that is recorded about an address, and what it adds up to now (GDPR Article 15)."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from mailconsent.address import match_key
from mailconsent.dossier import Dossier, Happening, Message, Program, Verdict
from mailconsent.due import event_due, terms_of
from mailconsent.errors import InvalidAddress
from mailconsent.message import parse_message
from mailconsent.model import Event, EventId, EventKind
from mailconsent.notice import Notice
from mailconsent.policy import Policy
from mailconsent.policy.mailing import mailing_of
from mailconsent.rights import restriction
from mailconsent.sales import read_sales
from mailconsent.services import senders
from mailconsent.store import Transaction
from mailconsent.store.access import list_keys
from mailconsent.store.dossier import find_recipient, open_mail, read_evidence, read_mail
from mailconsent.store.holds import seems_held
from mailconsent.store.ledger import read_events
from mailconsent.store.notices import read_notice
from mailconsent.store.outbox import read_letters
from mailconsent.store.review import mails_about
from mailconsent.store.sends import read_sends, read_uses

_HASH = re.compile(r"[0-9a-f]{64}")
_OF_CONSENT = frozenset({EventKind.CONSENT_REQUESTED, EventKind.CONSENT_GIVEN})


def read_dossier(tx: Transaction, policy: Policy, address: str, *, now: datetime) -> Dossier:
    """
    All that is recorded about an address. It tells of the mail that awaits a human too, where it is theirs.

    Raises `InvalidAddress`.
    """
    found = find_recipient(tx, address)
    events = read_events(tx, found.id) if found else []
    return Dossier(
        asked=address,
        made_at=now,
        recipient_id=found.id if found else None,
        address=found.address if found else None,
        language=found.language if found else None,
        happenings=_happenings(tx, policy, found.id, events) if found else (),
        sales=read_sales(events),
        messages=list(mail_of(tx, address, found.id if found else None, events)),
        sends=read_sends(tx, found.id) if found else (),
        answers=read_letters(tx, found.id) if found else (),
        verdicts=[
            Verdict(topic=topic, decision=senders.check(tx, mailing_of(policy, topic, now=now), [address])[0])
            for topic in policy.topics
        ],
        programs=[
            Program(name=name, scopes=scopes.split(), since=since, until=until)
            for _, name, scopes, since, until in list_keys(tx)
        ],
    )


def mail_of(tx: Transaction, address: str, recipient_id: int | None, events: Sequence[Event]) -> Iterator[Message]:
    """
    The mails that this recipient's events came from, and those in the queue for a human that are about them or that
    this address wrote.
    """
    # Of two mails that ask the same, only one made an event.
    asking = [] if recipient_id is None else mails_about(tx, recipient_id)
    named = dict.fromkeys([*(event.source for event in events), *(mail.source for mail in asking)])
    yield from read_mail(tx, named)
    key = match_key(address)
    yield from (mail for mail in open_mail(tx) if mail.source not in named and _wrote(key, mail))


def _wrote(key: str, mail: Message) -> bool:
    local = key.rpartition("@")[0]
    raw = mail.raw or b""
    # Most mail in the queue is somebody else's, and to look for the name costs a thousandth of reading the mail.
    if local.isascii() and local.encode() not in raw.lower():
        return False
    return any(_key(address) == key for address in parse_message(raw).from_addresses)


def _key(address: str) -> str | None:
    try:
        return match_key(address)
    except InvalidAddress:
        return None


def _happenings(tx: Transaction, policy: Policy, recipient_id: int, events: list[Event]) -> list[Happening]:
    support = read_evidence(tx, recipient_id)
    shown = {name for event in events if (name := _notice_of(event))}
    notices = {name: read_notice(tx, name) for name in shown}
    terms = terms_of(policy)
    used_on = {topic: date.fromordinal(day) for topic, day in read_uses(tx, recipient_id).of_consent.items()}
    held = restriction(events) is not None or seems_held(tx, recipient_id)
    return [
        Happening(
            id=EventId(recipient_id, event.seq),
            event=event,
            evidence=support.get(event.seq, {}),
            notice=_known(notices, event),
            due_on=None if held else event_due(event, events, terms, used_on),
        )
        for event in events
    ]


def _known(notices: dict[str, Notice | None], event: Event) -> Notice | None:
    name = _notice_of(event)
    return notices[name] if name else None


def _notice_of(event: Event) -> str | None:
    """The hash of the notice that a consent names. A sale names the version of one."""
    name = event.facts.get("notice", "")
    return name if event.kind in _OF_CONSENT and _HASH.fullmatch(name) else None
