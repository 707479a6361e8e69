"""
Sales of a recipient and what bars soft opt-in, in one row each, since they are judged together. Always equal to what
`sales_of` makes of the events that remain, and read only for a mail that may rest on soft opt-in.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from mailconsent.address import DIGEST_SIZE
from mailconsent.sales import Customer, Obtained, Sale, SaleState
from mailconsent.soft_opt_in import Sales
from mailconsent.store import Transaction
from mailconsent.store.driver import change, driver_cursor
from mailconsent.store.standings import CHUNK
from mailconsent.store.tables import sales

# As the bulk query of standings, which says why it has this form.
_SQLITE = f"""
    with recursive place(i) as (select 0 union all select i + 1 from place where i < :count - 1),
    asked(digest) as (select substr(:digests, i * {DIGEST_SIZE} + 1, {DIGEST_SIZE}) from place)
    select s.digest, s.recipient_id, s.told, s.last_sent_on from asked cross join sales s on s.digest = asked.digest
    """  # noqa: S608 - made of constants
_POSTGRESQL = f"""
    select s.digest, s.recipient_id, s.told, s.last_sent_on from sales s where s.digest = any(array(
        select substring(%(digests)b::bytea from i * {DIGEST_SIZE} + 1 for {DIGEST_SIZE})
        from generate_series(0, %(count)b::int - 1) i
    ))
    """  # noqa: S608
_UPSERT = """
    insert into sales (digest, recipient_id, told) values (:digest, :recipient_id, :told)
    on conflict (digest) do update set recipient_id = excluded.recipient_id, told = excluded.told
    """


def read_sales_of(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, Sales]:
    """What was sold to these digests; one that is missing in the answer bought nothing."""
    found: dict[bytes, Sales] = {}
    tx.plan_anew()
    ordered = sorted(digests)
    for start in range(0, len(ordered), CHUNK):
        for digest, *row in _query(tx, ordered[start : start + CHUNK]):
            found[digest] = _read(*row)
    return found


def save_sales(tx: Transaction, digest: bytes, sold: Sales) -> None:
    """Replace what was sold to one recipient."""
    change(tx.connection, _UPSERT, {"digest": digest, "recipient_id": sold.recipient_id, "told": _written(sold)})


def read_one(tx: Transaction, digest: bytes) -> Sales | None:
    """What was sold to one recipient."""
    columns = (sales.c.recipient_id, sales.c.told, sales.c.last_sent_on)
    row = tx.connection.execute(select(*columns).where(sales.c.digest == digest)).first()
    return _read(*row) if row else None


def replace_sales(tx: Transaction, digest: bytes, sold: Sales | None) -> None:
    """Make the row of one recipient be this, with what follows from what was sent, or not be."""
    tx.connection.execute(sales.delete().where(sales.c.digest == digest))
    if sold:
        save_sales(tx, digest, sold)
        last = sold.last_sent_on and sold.last_sent_on.toordinal()
        tx.connection.execute(sales.update().where(sales.c.digest == digest).values(last_sent_on=last))


def _query(tx: Transaction, digests: Sequence[bytes]) -> list[tuple[Any, ...]]:
    values = {"digests": b"".join(digests), "count": len(digests)}
    with driver_cursor(tx.connection) as cursor:
        if tx.connection.dialect.name == "sqlite":
            return cursor.execute(_SQLITE, values).fetchall()  # type: ignore[no-any-return]
        return cursor.execute(_POSTGRESQL, values, binary=True).fetchall()  # type: ignore[no-any-return]


def _written(sold: Sales) -> str:
    return json.dumps({"sales": [_row(sale) for sale in sold.sales], "bars": dict(sold.bars)}, sort_keys=True)


def _row(sale: Sale) -> Mapping[str, object]:
    return {
        "seq": sale.seq,
        "order": sale.order,
        "sold_on": sale.sold_on.isoformat() if sale.sold_on else None,
        "entity": sale.entity,
        "categories": sorted(sale.categories),
        "state": sale.state,
        "obtained": sale.obtained,
        "notice": sale.notice,
        "offered_at": _utc(sale.offered_at) if sale.offered_at else None,
        "country": sale.country,
        "customer": sale.customer,
        "occurred_at": _utc(sale.occurred_at),
        "received_at": _utc(sale.received_at),
        "cancelled_by": sale.cancelled_by,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _read(recipient_id: int, told: str, last_sent_on: int | None) -> Sales:
    values = json.loads(told)
    return Sales(
        recipient_id=recipient_id,
        sales=[_sale(row) for row in values["sales"]],
        bars={int(topic): seq for topic, seq in values["bars"].items()},
        last_sent_on=date.fromordinal(last_sent_on) if last_sent_on else None,
    )


def _sale(row: Mapping[str, Any]) -> Sale:
    return Sale(
        seq=row["seq"],
        order=row["order"],
        sold_on=date.fromisoformat(row["sold_on"]) if row["sold_on"] else None,
        entity=row["entity"],
        categories=frozenset(row["categories"]),
        state=SaleState(row["state"]) if row["state"] else None,
        obtained=Obtained(row["obtained"]) if row["obtained"] else None,
        notice=row["notice"],
        offered_at=datetime.fromisoformat(row["offered_at"]) if row["offered_at"] else None,
        country=row["country"],
        customer=Customer(row["customer"]) if row["customer"] else None,
        occurred_at=datetime.fromisoformat(row["occurred_at"]),
        received_at=datetime.fromisoformat(row["received_at"]),
        cancelled_by=row["cancelled_by"],
    )
