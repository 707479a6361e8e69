"""What newsletter systems tell of the mail that they sent."""

from datetime import UTC, datetime

from mailconsent import wire
from mailconsent.services import Rules
from mailconsent.services.sends import record_sends as record
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from web.openapi import Operation


def record_sends(tx: Transaction, _key: ApiKey, asked: wire.SendsRequest, rules: Rules) -> wire.SendsAnswer:
    """A mailing that went out."""
    done = record(
        tx,
        rules.policy,
        rules.policy.topic(asked.topic),
        asked.send_id,
        asked.addresses,
        sent_at=asked.sent_at,
        now=datetime.now(UTC),
    )
    return {
        "recorded": done.recorded,
        "without_ground": [{"place": place, "reason": reason} for place, reason in done.without_ground],
    }


OPERATIONS = (
    Operation(
        path="/sends",
        summary="Record what was really sent",
        request=wire.SendsRequest,
        answer=wire.SendsAnswer,
        scope=Scope.SENDS,
        view=record_sends,
        writes=True,
    ),
)
