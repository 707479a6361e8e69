"""What people asked about their own data, and that it was answered. No row says who asked."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import RowMapping, insert, select, update

from mailconsent.rights import Answer, Delay, Right, RightsRequest
from mailconsent.store import Transaction
from mailconsent.store.tables import rights_requests


def new_id() -> str:
    """A random name, short enough to be typed."""
    return secrets.token_hex(6)


def add_request(tx: Transaction, request: RightsRequest) -> None:
    """Store a new request."""
    tx.connection.execute(insert(rights_requests).values(asdict(request)))


def lock_request(tx: Transaction, request_id: str) -> RightsRequest | None:
    """The request of this id, held until the transaction ends; None if there is none."""
    found = select(rights_requests).where(rights_requests.c.id == request_id).with_for_update()
    row = tx.connection.execute(found).mappings().first()
    return _request(row) if row else None


def save_request(tx: Transaction, request: RightsRequest) -> None:
    """Change a request that is there."""
    tx.connection.execute(update(rights_requests).where(rights_requests.c.id == request.id).values(asdict(request)))


def open_requests(tx: Transaction) -> Sequence[RightsRequest]:
    """What is not answered yet, oldest first."""
    waiting = select(rights_requests).where(rights_requests.c.answered_on.is_(None))
    ordered = waiting.order_by(rights_requests.c.received_on, rights_requests.c.id)
    return [_request(row) for row in tx.connection.execute(ordered).mappings()]


def _request(row: RowMapping) -> RightsRequest:
    return RightsRequest(
        id=row["id"],
        kind=Right(row["kind"]),
        received_on=row["received_on"],
        recipient_id=row["recipient_id"],
        identified_on=row["identified_on"],
        extended_on=row["extended_on"],
        delay=Delay(row["delay"]) if row["delay"] else None,
        answered_on=row["answered_on"],
        answer=Answer(row["answer"]) if row["answer"] else None,
    )
