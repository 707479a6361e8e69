"""Who the tests are about, and how their acts reach us."""

from datetime import UTC, datetime, timedelta

from mailconsent.model import Channel, Evidence, Receipt

ANNA = "anna@example.com"
BO = "bo@example.net"
CECILIA = "cecilia@example.org"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def receipt(channel: Channel = Channel.API, *, minutes: int = 0, **evidence: str) -> Receipt:
    """An act that reached us so many minutes after `NOW`, with evidence or with some that will do."""
    return Receipt(
        channel=channel,
        received_at=NOW + timedelta(minutes=minutes),
        source="test",
        evidence=Evidence(details=evidence or {"wording": "Send me the blog", "form": "/newsletter"}),
    )
