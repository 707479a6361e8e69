"""What shops tell of their sales."""

from mailconsent import wire
from mailconsent.services import Rules, sales
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from web.openapi import Operation
from web.v1.keys import receipt_of


def record_sale(tx: Transaction, key: ApiKey, asked: wire.SaleRequest, _rules: Rules) -> wire.Recorded:
    """A sale, or the end of one."""
    told = asked.telling(sales.order_reference(tx, asked.order))
    receipt = receipt_of(key, asked.source, asked.occurred_at)
    outcome = sales.record_sale(tx, asked.address, told, receipt, language=asked.language)
    return {"event_id": str(outcome.event_id), "repeated": outcome.repeated}


OPERATIONS = (
    Operation(
        path="/sales",
        summary="Record a sale, on which soft opt-in may rest",
        request=wire.SaleRequest,
        answer=wire.Recorded,
        scope=Scope.SALES,
        view=record_sale,
        writes=True,
    ),
)
