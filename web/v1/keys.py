"""Who calls, by the key they hold, and what their act makes."""

from datetime import UTC, datetime

from mailconsent.model import Channel, Evidence, Receipt
from mailconsent.store.access import ApiKey, Scope
from web.errors import Forbidden


def require(key: ApiKey, scope: Scope) -> None:
    """Raises `Forbidden` unless the key has this scope."""
    if scope.value not in key.scopes:
        raise Forbidden(f"This API key lacks the scope {scope.value}.")


def receipt_of(key: ApiKey, source: str, occurred_at: datetime | None, *, evidence: Evidence | None = None) -> Receipt:
    """An act that the holder of this key tells of."""
    return Receipt(
        channel=Channel.API,
        received_at=datetime.now(UTC),
        occurred_at=occurred_at,
        source=source or f"key:{key.id}",
        evidence=evidence or Evidence(),
    )
