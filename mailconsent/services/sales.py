"""
Sales, as shops tell of them: what soft opt-in may rest on (ePrivacy Article 13(2)). Decision 0018.

A sale is a claim and grants nothing by itself: `mailconsent.soft_opt_in` judges it when a mail is to be sent. So nearly
nothing is refused here, and nothing that a shop tells lifts a no.
"""

from collections.abc import Sequence
from dataclasses import replace

from mailconsent.address import match_key, tagless_key, validated
from mailconsent.errors import InvalidAddress
from mailconsent.model import Event, EventId, EventKind, Evidence, Receipt
from mailconsent.sale_telling import Telling, news, tellings
from mailconsent.services.recipients import Outcome, reach_tagged
from mailconsent.store import Transaction
from mailconsent.store.ledger import Recipient, append
from mailconsent.store.recipients import describe, lock_address


def order_reference(tx: Transaction, order: str) -> str:
    """
    The keyed reference of a shop's order number: under the first digest key, which is never dropped, so that a
    rotation changes no reference. A blank line is in no address, so no address has the same digest.
    """
    return tx.digester.digest(f"order\n\n{order.strip()}", 1).hex()


def record_sale(
    tx: Transaction, address: str, told: Telling, receipt: Receipt, *, language: str | None = None
) -> Outcome:
    """
    Record what a shop tells of an order, and a refusal of marketing made in it, in one.

    An order that was told of before adds what is new; the outcome names its first event. An address that is not valid
    will do, since nobody is mailed for having been told of, but is not kept. Raises `InvalidAddress` without an `@`.
    """
    key = match_key(address)
    if receipt.occurred_at and receipt.occurred_at > receipt.received_at:
        receipt = replace(receipt, occurred_at=None)  # a wrong clock must not cost anyone their refusal
    recipient = lock_address(tx, address)
    added = news(told, recipient.events, receipt, reaching=tagless_key(key) == key)
    before = [EventId(recipient.id, event.seq) for event in tellings(told, recipient.events)]
    made = record_telling(tx, address, recipient, added, language=language)
    return Outcome(event_id=[*before, *made][0], repeated=not added)


def record_telling(
    tx: Transaction, address: str, recipient: Recipient, added: Sequence[Event], *, language: str | None
) -> list[EventId]:
    """Record the events that a telling adds to those of a locked recipient."""
    # Who only opts out, or asks for their money back, need not have their address kept.
    if any(event.kind is EventKind.SALE and event.facts.get("state") for event in added):
        describe(tx, recipient, address=_mailable(address), language=language)
    made: list[EventId] = []
    for event in added:
        if made:
            recipient = lock_address(tx, address)
        cancels = event.kind is EventKind.SALE_CANCELLED and event.ends is None
        made.append(append(tx, recipient, replace(event, ends=made[-1].seq) if cancels else event, Evidence()))
        if event.kind is EventKind.REFUSED:
            reach_tagged(tx, address, event, made[-1])
    return made


def _mailable(address: str) -> str | None:
    try:
        return validated(address)
    except InvalidAddress:
        return None
