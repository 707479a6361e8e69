"""
The queue of mail that awaits a human. Rules (design 5.3 and 5.6):

1. It was a request: it becomes a withdrawal from all marketing, as of the receipt of the mail, and the question ends.
2. It was none: the question is released, and what was allowed before is allowed again. So are requests of a mail that
   was misread or forged, as far as an operator may end them.
3. An answer is to one mail. A question that another mail asks too stays until that one is answered, and a request that
   another mail makes again stays until that one is dismissed.
4. The text of a mail stays only where an event names it, and then for as long as retention keeps it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailconsent.errors import Refused
from mailconsent.facts import ended
from mailconsent.mail_id import MailId
from mailconsent.model import ALL_TOPICS, Channel, Event, EventId, EventKind, Evidence, Label, Receipt
from mailconsent.services.operators import is_releasable, release
from mailconsent.services.recipients import withdraw
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import lock_address, lock_copies, lock_recipient
from mailconsent.store.review import (
    Waiting,
    awaits_mail,
    events_of,
    hang,
    is_stored,
    questions_of,
    read_waiting,
    settle,
    unhang,
)

#: Why the question to somebody ends whom the mail turned out not to be about.
OTHERS = "the mail is about another address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of an answer: the events that say so, each of one recipient."""

    withdrawn: Sequence[EventId] = ()
    released: Sequence[EventId] = ()


def apply(
    tx: Transaction, mail: MailId, receipt: Receipt, *, addresses: Sequence[str] = (), reason: str = ""
) -> Answered:
    """
    It was a request, of all whom the question was put to; or, where the human read it so, of these addresses alone. The
    reason, where there is one, is kept as evidence.

    Raises `InvalidAddress`; `Refused` where nobody is named, or the mail does not await a human.
    """
    waiting = waiting_mail(tx, mail)
    if not waiting.questions and not addresses:
        raise Refused("Whom this mail is about is not known: name the address behind its id.")
    act = _act_of(waiting, receipt, reason.strip() or "applied")
    meant = {lock_address(tx, address).id: address for address in addresses}
    asked = {question.recipient_id for question in waiting.questions}
    unhang(tx, mail)
    withdrawn: list[EventId] = []
    released: list[EventId] = []
    for question in waiting.questions:
        if addresses and question.recipient_id not in meant:
            released += _drop(tx, question, receipt, OTHERS)
        else:
            withdrawn += answer(tx, question, act)
    new = (address for recipient_id, address in meant.items() if recipient_id not in asked)
    told = [withdraw(tx, address, act) for address in new]
    hang(tx, mail, {outcome.event_id for outcome in told if outcome.repeated})
    withdrawn += [outcome.event_id for outcome in told]
    _settle(tx, mail, label=Label.UNSUBSCRIBE)
    return Answered(withdrawn=withdrawn, released=released)


def dismiss(tx: Transaction, mail: MailId, receipt: Receipt, reason: str) -> Answered:
    """
    It was no request, or a forged one. Of a mail that was taken for one already, what it did is released.

    Raises `Refused` for whoever is no operator, without a reason, and where there is nothing to take back.
    """
    if receipt.channel is not Channel.OPERATOR or not reason.strip():
        raise Refused("Only an operator dismisses a mail, and with a reason.")
    if read_waiting(tx, mail) is None:
        return _take_back(tx, mail, receipt, reason)
    asked = questions_of(tx, mail)
    unhang(tx, mail)
    released = [event for question in asked for event in _drop(tx, question, receipt, reason)]
    _settle(tx, mail)
    return Answered(released=released)


def waiting_mail(tx: Transaction, mail: MailId) -> Waiting:
    """A mail that awaits a human. Raises `Refused` for any other."""
    found = read_waiting(tx, mail)
    if found:
        return found
    if is_stored(tx, mail):
        raise Refused("This mail awaits nobody: it was decided already, or was clear.")
    raise Refused("There is no such mail: `mailconsent review list` has those that wait.")


def answer(tx: Transaction, question: EventId, act: Receipt) -> list[EventId]:
    """
    The question was a request: it ends with a withdrawal that stands in its place, also of the tagged forms that it
    reached. None where it was one already.
    """
    found = _lock_event(tx, question)
    if found is None:
        return []
    recipient, asked = found
    if any(event.kind is EventKind.WITHDRAWN and event.ends == asked.seq for event in recipient.events):
        return []
    made = append(tx, recipient, _withdrawal(asked, act), act.evidence)
    for tagged, copy in lock_copies(tx, recipient, question):
        append(tx, tagged, _withdrawal(copy, act, of=made), Evidence())
    return [made]


def answer_unread(tx: Transaction, mails: Iterable[MailId], receipt: Receipt) -> None:
    """
    The text of these mails is about to go, and nobody could read them any more. Those that await a human may have been
    requests, and are taken for that. No evidence is kept of it.
    """
    for mail in mails:
        waiting = read_waiting(tx, mail)
        if waiting:
            unhang(tx, mail)
            for question in waiting.questions:
                answer(tx, question, replace(_act_of(waiting, receipt, ""), evidence=Evidence()))


def answer_left_over(tx: Transaction, question: EventId, receipt: Receipt) -> Answered:
    """A question of which no mail is left, as after a restore, was a request. Raises `Refused` for any other event."""
    found = _lock_event(tx, question)
    if found is None or found[1].kind is not EventKind.QUESTIONED or question.seq in ended(found[0].events):
        raise Refused("There is no open question of this id: `mailconsent review list` has those that wait.")
    asked = found[1]
    if awaits_mail(tx, question):
        raise Refused("Answer the mail that asks it: `mailconsent review list` has its id.")
    act = replace(receipt, channel=asked.channel, occurred_at=asked.occurred_at, source=asked.source)
    return Answered(withdrawn=answer(tx, question, act))


def _withdrawal(question: Event, act: Receipt, *, of: EventId | None = None) -> Event:
    facts = {name: question.facts[name] for name in ("identified",) if name in question.facts}
    if of:
        facts["of"] = str(of)
    return act.event(EventKind.WITHDRAWN, ALL_TOPICS, ends=question.seq, facts=facts)


def _drop(tx: Transaction, question: EventId, receipt: Receipt, reason: str) -> list[EventId]:
    """Release a question, unless it ended already or another mail asks it too."""
    found = _lock_event(tx, question)
    if found is None or question.seq in ended(found[0].events) or awaits_mail(tx, question):
        return []
    return [release(tx, question, receipt, reason).event_id]


def _take_back(tx: Transaction, mail: MailId, receipt: Receipt, reason: str) -> Answered:
    if not is_stored(tx, mail):
        raise Refused("There is no such mail: `mailconsent review list` has those that wait.")
    made = [event for event in events_of(tx, mail) if _is_open(tx, event)]
    if not made and not questions_of(tx, mail):
        raise Refused("This mail was decided already, and did nothing that an operator may end.")
    unhang(tx, mail)
    return Answered(released=[release(tx, event, receipt, reason).event_id for event in made])


def _act_of(waiting: Waiting, receipt: Receipt, review: str) -> Receipt:
    """The person's own act: by mail, when that came."""
    details = {"detector": waiting.detector, "reason": waiting.reason, "review": review}
    return Receipt(
        channel=Channel.INBOX,
        received_at=receipt.received_at,
        occurred_at=min(waiting.received_at, receipt.received_at),
        source=waiting.id.source,
        evidence=Evidence(details=details),
    )


def _settle(tx: Transaction, mail: MailId, *, label: Label | None = None) -> None:
    # Last, so that of two who answer at once the second is told, and does nothing.
    if not settle(tx, mail, label=label, keep_text=bool(events_of(tx, mail))):
        raise Refused("Somebody else answered this mail just now.")


def _is_open(tx: Transaction, event_id: EventId) -> bool:
    found = _lock_event(tx, event_id)
    if found is None:
        return False
    recipient, event = found
    # What a human decided is ended by its own id; and of the copies in tagged forms the first takes care.
    ends_itself = event.ends is None and "of" not in event.facts
    return ends_itself and is_releasable(event) and event.seq not in ended(recipient.events)


def _lock_event(tx: Transaction, event_id: EventId) -> tuple[Recipient, Event] | None:
    recipient = lock_recipient(tx, event_id.recipient_id)
    event = next((event for event in recipient.events if event.seq == event_id.seq), None) if recipient else None
    return (recipient, event) if recipient and event else None
