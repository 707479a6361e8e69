"""
What was really sent. It answers "why did you mail me on that day?", and it is the use that keeps a consent alive where
a country lets unused ones lapse.

1. A send is judged as of the moment of sending: by what we had received by then, and by today's policy.
2. Only mail that had a ground keeps that ground alive. Mail that had none is recorded as such, and the sender is told.
3. Of people who are not known nothing is recorded: a list of strangers does not become one of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from mailconsent.decision import NO_LEGAL_BASIS, NOT_AN_ADDRESS, Mailing, decide
from mailconsent.errors import Refused
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Decision, MailKind, Reason
from mailconsent.policy import Policy, Topic
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.domains import under_domains
from mailconsent.soft_opt_in import sales_of
from mailconsent.store import Transaction
from mailconsent.store.ledger import read_all_events
from mailconsent.store.sends import Send, find_recipients, keep_sends, read_uses_until
from mailconsent.terms import local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class SendsRecorded:
    """What came of a batch of sends."""

    #: How many are new: the others were told before, or went to people we do not know.
    recorded: int
    #: Which had no ground: places in the batch, from 0, each with the reason.
    without_ground: Sequence[tuple[int, Reason]]


def record_sends(
    tx: Transaction,
    policy: Policy,
    topic: Topic,
    send_id: str,
    addresses: Sequence[str],
    *,
    sent_at: datetime | None = None,
    now: datetime,
) -> SendsRecorded:
    """
    Record that a mailing went to these addresses. Of who had this send id before, the first telling stays.

    Raises `Refused` for transactional mail, and for a time that has not come yet.
    """
    require_marketing_mail(topic)
    sent_at = sent_at or now
    if sent_at > now:
        raise Refused("The time of sending lies in the future.")
    day = local_day(sent_at, policy.controller.time_zone)
    tx.settle()  # a rotation that begins while we look would hide people and domains from us
    known = _recipients_of(tx, addresses)
    judged = _judge(tx, mailing_of(policy, topic, now=sent_at), {i for i in known if i}, sent_at, day)
    own = [judged[i] if i else NO_LEGAL_BASIS if i is None else NOT_AN_ADDRESS for i in known]
    told = under_domains(tx, topic.kind, addresses, own, at=sent_at)
    decided = {i: decision for i, decision in zip(known, told, strict=True) if i}
    sends = [_send(recipient_id, decision) for recipient_id, decision in decided.items()]
    return SendsRecorded(
        recorded=keep_sends(tx, send_id, topic.number, day, sends),
        without_ground=[(place, decision.reason) for place, decision in enumerate(told) if not decision.allowed],
    )


def record_permitted(
    tx: Transaction, policy: Policy, topic: Topic, send_id: str, decisions: Sequence[Decision], *, now: datetime
) -> int:
    """
    Record as sent what a check just allowed; how many are new. For a sender who mails everybody who may be mailed.

    Raises `Refused` for transactional mail.
    """
    require_marketing_mail(topic)
    allowed = {d.event_id.recipient_id: d for d in decisions if d.allowed and d.event_id}
    sends = [_send(recipient_id, decision) for recipient_id, decision in allowed.items()]
    return keep_sends(tx, send_id, topic.number, local_day(now, policy.controller.time_zone), sends)


def require_marketing_mail(topic: Topic) -> None:
    """Raises `Refused` for a topic whose mail needs no ground, and so no record of it (GDPR Article 5(1)(c))."""
    if topic.kind is not MailKind.MARKETING:
        raise Refused("This topic is transactional: its mail needs no marketing ground, so it is not recorded.")


#: In the place of a recipient: what was written there is no address.
_NOBODY = 0


def _recipients_of(tx: Transaction, addresses: Sequence[str]) -> list[int | None]:
    """The recipient of each address, in their order; None for who is unknown, `_NOBODY` for what is no address."""
    by_generation = [tx.digester.digests(addresses, generation) for generation in tx.state.live]
    found = find_recipients(tx, sorted({digest for digests in by_generation for digest in digests if digest}))
    return [
        next((found[digest] for digest in digests if digest in found), None) if digests[0] else _NOBODY
        for digests in zip(*by_generation, strict=True)
    ]


def _judge(
    tx: Transaction, mailing: Mailing, recipient_ids: set[int], sent_at: datetime, day: date
) -> Mapping[int, Decision]:
    ordered = sorted(recipient_ids)
    uses = read_uses_until(tx, ordered, mailing.topic, day)
    judged = {}
    for recipient_id, events in read_all_events(tx, ordered).items():
        received = [event for event in events if event.received_at <= sent_at]
        standings, sales = fold(recipient_id, received), sales_of(recipient_id, received)
        standing = standings.get(mailing.topic, standings.get(ALL_TOPICS))
        used_on, last_sent_on = uses.get(recipient_id, (None, None))
        judged[recipient_id] = decide(
            standing._replace(used_on=used_on.toordinal() if used_on else None) if standing else None,
            mailing,
            sales and replace(sales, last_sent_on=last_sent_on),
        )
    return judged


def _send(recipient_id: int, decision: Decision) -> Send:
    event_id = decision.event_id
    return Send(
        recipient_id=recipient_id,
        reason=decision.reason,
        basis=decision.legal_basis,
        # Of the recipient's own events: the one that suppressed their domain is not among them.
        seq=event_id.seq if event_id and event_id.recipient_id == recipient_id else None,
    )
