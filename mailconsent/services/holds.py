"""
Legal holds. Rules (GDPR Articles 5(1)(e) and 17(3)(e)):

1. A hold names a person, or a claim that records refer to: that some dispute is possible is no reason to keep anything.
2. A human looks at each within six months. A hold whose review is overdue goes on, and the retention run complains.
3. It blocks deletion only. A withdrawal counts as ever, and nobody becomes mailable.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from mailconsent.errors import Refused
from mailconsent.policy import Policy
from mailconsent.store import Transaction
from mailconsent.store.holds import Hold, HoldReason, add_hold, end, is_referred_to, new_id, read_holds
from mailconsent.store.recipients import lock_known
from mailconsent.terms import add_months, local_day

#: The longest time to the review of a hold.
REVIEW_MONTHS = 6
#: How long before its review a hold is spoken of.
NOTICE = timedelta(days=14)

#: As `source` may be, and no address.
_CLAIM = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


def place_hold(
    tx: Transaction,
    policy: Policy,
    *,
    address: str | None = None,
    claim: str | None = None,
    reason: HoldReason,
    review_by: date,
    now: datetime,
) -> Hold:
    """
    Keep the records of a person, or of everyone whom a claim is about, until the hold is ended.

    Raises `InvalidAddress`; `Refused` for a hold of nobody in particular, of whom nothing is recorded, or that nobody
    reviews in time.
    """
    if (address is None) == (claim is None):
        raise Refused("A hold is of one person or of one claim: name the address, or the claim.")
    today = local_day(now, policy.controller.time_zone)
    latest = add_months(today, REVIEW_MONTHS)
    if not today < review_by <= latest:
        raise Refused(f"A hold is reviewed within six months: give a day after today, and {latest} at the latest.")
    hold = Hold(
        id=new_id(),
        recipient_id=_recipient(tx, address) if address is not None else None,
        claim=_claim(tx, claim) if claim is not None else None,
        reason=reason,
        placed_at=now,
        review_by=review_by,
    )
    add_hold(tx, hold)
    return hold


def end_hold(tx: Transaction, hold_id: str, *, now: datetime) -> None:
    """End a hold: what is due by then is deleted in the next run. Raises `Refused` if there is none of this id."""
    if not end(tx, hold_id, now=now):
        raise Refused("No hold of this id stands; `mailconsent legal-hold list` shows them.")


def standing_holds(tx: Transaction) -> Sequence[Hold]:
    """The holds that block deletion, the one to be reviewed first at the top."""
    return [hold for hold in read_holds(tx) if hold.ended_at is None]


def reviews_due(holds: Sequence[Hold], today: date) -> Sequence[Hold]:
    """Those of which the review is near, or overdue."""
    return [hold for hold in holds if hold.review_by <= today + NOTICE]


def _recipient(tx: Transaction, address: str) -> int:
    recipient = lock_known(tx, address)
    if recipient is None:
        raise Refused("Nothing is recorded of this address, so there is nothing to hold.")
    return recipient.id


def _claim(tx: Transaction, claim: str) -> str:
    if not _CLAIM.fullmatch(claim):
        raise Refused("A claim is a reference such as case-2026-7: letters, digits and . _ : / - alone, at most 64.")
    if not is_referred_to(tx, claim):
        raise Refused("No record refers to this claim: a hold is of what has it as its source.")
    return claim
