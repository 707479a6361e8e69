"""What the systems that send hear of failures and complaints, where no bounce comes to the contact inbox."""

from mailconsent import wire
from mailconsent.services import Rules, reports
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from web.openapi import Operation
from web.v1.keys import receipt_of


def record_bounce(tx: Transaction, key: ApiKey, asked: wire.BounceRequest, _rules: Rules) -> wire.BounceRecorded:
    """A mail that failed."""
    asked.require_why()
    receipt = receipt_of(key, asked.source, asked.occurred_at)
    failed = reports.record_bounce(tx, asked.address, receipt, status=asked.status or "", said=asked.said or "")
    last = failed.outcomes[-1] if failed.outcomes else None
    return {
        "effect": failed.finding,
        "event_id": str(last.event_id) if last else None,
        "repeated": bool(last and last.repeated),
    }


def record_complaint(tx: Transaction, key: ApiKey, asked: wire.ComplaintRequest, _rules: Rules) -> wire.Recorded:
    """A report of spam."""
    outcome = reports.record_complaint(tx, asked.address, receipt_of(key, asked.source, asked.occurred_at))
    return {"event_id": str(outcome.event_id), "repeated": outcome.repeated}


OPERATIONS = (
    Operation(
        path="/bounces",
        summary="Record that mail to an address failed",
        request=wire.BounceRequest,
        answer=wire.BounceRecorded,
        scope=Scope.BOUNCES,
        view=record_bounce,
        writes=True,
    ),
    Operation(
        path="/complaints",
        summary="Record that mail was reported as spam",
        request=wire.ComplaintRequest,
        answer=wire.Recorded,
        scope=Scope.COMPLAINTS,
        view=record_complaint,
        writes=True,
    ),
)
