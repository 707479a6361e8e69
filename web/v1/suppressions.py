"""Suppressions: recorded and listed. Only an operator releases them, at the command line (design 5.3)."""

from mailconsent import wire
from mailconsent.model import EventId, Evidence
from mailconsent.services import Rules, operators
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from mailconsent.store.suppressions import list_suppressions
from web.openapi import Operation
from web.v1.keys import receipt_of


def suppress(tx: Transaction, key: ApiKey, asked: wire.SuppressionRequest, _rules: Rules) -> wire.Recorded:
    """No more marketing to an address, or to a domain."""
    evidence = Evidence(details={"reason": asked.reason} if asked.reason.strip() else {})
    receipt = receipt_of(key, asked.source, None, evidence=evidence)
    if asked.of_domain:
        outcome = operators.suppress_domain(tx, asked.domain, receipt)
    else:
        outcome = operators.suppress(tx, asked.address, receipt)
    return {"event_id": str(outcome.event_id), "repeated": outcome.repeated}


def list_standing(
    tx: Transaction, _key: ApiKey, asked: wire.SuppressionListRequest, _rules: Rules
) -> wire.SuppressionList:
    """The suppressions that stand, a page at a time."""
    after = EventId.read(asked.after) if asked.after is not None else None
    found = list_suppressions(tx, after=after, limit=asked.limit)
    return {
        "suppressions": [
            wire.listed(one.event_id, one.channel, one.received_at, one.source, domain=one.domain) for one in found
        ]
    }


OPERATIONS = (
    Operation(
        path="/suppressions",
        summary="Stop marketing to an address or to a whole domain",
        request=wire.SuppressionRequest,
        answer=wire.Recorded,
        scope=Scope.SUPPRESSIONS,
        view=suppress,
        writes=True,
    ),
    Operation(
        path="/suppressions/list",
        summary="The suppressions that stand, without addresses",
        request=wire.SuppressionListRequest,
        answer=wire.SuppressionList,
        scope=Scope.SUPPRESSIONS,
        view=list_standing,
        writes=False,
    ),
)
