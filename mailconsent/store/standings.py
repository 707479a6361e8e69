"""
Standings: read in bulk before every mailing, and always equal to the fold of the events that remain.

The bulk query stands here and nowhere else. Its form is the fastest measured on each database: one parameter whatever
the batch, so that the statement is prepared once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, or_, select

from mailconsent.address import DIGEST_SIZE
from mailconsent.decision import ConsentTerms
from mailconsent.model import ALL_TOPICS, Grade, Standing
from mailconsent.store import Transaction
from mailconsent.store.driver import change, driver_cursor
from mailconsent.store.tables import standings

#: Digests per query: enough to spread its cost, few enough to keep the read transaction's memory small.
CHUNK = 20_000

#: What the fold says of a topic; the rest follows from what was sent.
FOLDED = tuple(name for name in Standing._fields if name != "used_on")
_FIELDS = ", ".join(f"s.{name}" for name in ("digest", "topic", *Standing._fields))

# The keys are one blob, cut into pieces by a recursive CTE; CROSS JOIN pins the order, keys first (SQLite's promise).
_SQLITE = f"""
    with recursive place(i) as (select 0 union all select i + 1 from place where i < :count - 1),
    asked(digest) as (select substr(:digests, i * {DIGEST_SIZE} + 1, {DIGEST_SIZE}) from place)
    select {_FIELDS} from asked cross join standings s on s.digest = asked.digest and s.topic in (0, :topic)
    """  # noqa: S608 - made of constants
# The same blob: the server takes it apart in a third of the time in which the driver puts an array together.
_POSTGRESQL = f"""
    select {_FIELDS} from standings s where s.topic in (0, %(topic)b) and s.digest = any(array(
        select substring(%(digests)b::bytea from i * {DIGEST_SIZE} + 1 for {DIGEST_SIZE})
        from generate_series(0, %(count)b::int - 1) i
    ))
    """  # noqa: S608


_COLUMNS = ("digest", "topic", *FOLDED)
#: What follows an INSERT of standings with all that is folded.
UPSERT_REST = "on conflict (digest, topic) do update set " + ", ".join(f"{name} = excluded.{name}" for name in FOLDED)
_UPSERT = f"""
    insert into standings ({", ".join(_COLUMNS)}) values ({", ".join(f":{name}" for name in _COLUMNS)}) {UPSERT_REST}
    """  # noqa: S608


def read_standings(tx: Transaction, digests: Sequence[bytes], topic: int) -> dict[bytes, Standing]:
    """The standings of these digests for a topic; a digest that is missing in the answer has none."""
    found: dict[bytes, Standing] = {}
    tx.plan_anew()
    # Neighbours in key order share pages: sorted, a cold file is read nine times faster.
    ordered = sorted(digests)
    for start in range(0, len(ordered), CHUNK):
        for row in _query(tx, ordered[start : start + CHUNK], topic):
            digest = row[0]
            # A topic's own row already includes what concerns all, so it wins over row 0.
            if row[1] != ALL_TOPICS or digest not in found:
                found[digest] = Standing._make(row[2:])
    return found


def _query(tx: Transaction, digests: Sequence[bytes], topic: int) -> list[tuple[Any, ...]]:
    values = {"digests": b"".join(digests), "count": len(digests), "topic": topic}
    with driver_cursor(tx.connection) as cursor:
        if tx.connection.dialect.name == "sqlite":
            return cursor.execute(_SQLITE, values).fetchall()  # type: ignore[no-any-return]
        return cursor.execute(_POSTGRESQL, values, binary=True).fetchall()  # type: ignore[no-any-return]


def save(tx: Transaction, digest: bytes, rows: Mapping[int, Standing]) -> None:
    """Replace the standings of one recipient for the topics given."""
    for topic, standing in rows.items():
        change(tx.connection, _UPSERT, {"digest": digest, "topic": topic, **standing._asdict()})


def count_alive(
    tx: Transaction, terms: ConsentTerms, *, within: Sequence[str] | None = None, outside: Sequence[str] = ()
) -> dict[int, int]:
    """Topic -> how many consents of people within these countries, or outside of these, count under such terms."""
    country = standings.c.country
    there = country.in_(within) if within is not None else or_(country.is_(None), country.not_in(outside))
    last = [standings.c.consent_at >= terms.lapsed_before, standings.c.used_on >= max(terms.unused_before, 0)]
    if terms.grade >= Grade.B:  # as `decide` has it: a newer one that is proven less well will do
        last.append(standings.c.newer_at >= terms.lapsed_before)
    standing = (standings.c.denial.is_(None), standings.c.failure.is_(None), standings.c.grade <= terms.grade.value)
    number = func.count().label("alive")
    alive = select(standings.c.topic, number).where(*standing, there, or_(*last)).group_by(standings.c.topic)
    return {row.topic: row.alive for row in tx.connection.execute(alive)}


def read_all(tx: Transaction, digest: bytes) -> dict[int, Standing]:
    """Every standing of one recipient, by topic number."""
    columns = (standings.c.topic, *(standings.c[name] for name in Standing._fields))
    rows = tx.connection.execute(select(*columns).where(standings.c.digest == digest))
    return {topic: Standing._make(row) for topic, *row in rows}


def replace_all(tx: Transaction, digest: bytes, rows: Mapping[int, Standing]) -> None:
    """Replace every standing of one recipient, with what follows from what was sent."""
    tx.connection.execute(standings.delete().where(standings.c.digest == digest))
    if rows:
        values = [{"digest": digest, "topic": topic, **standing._asdict()} for topic, standing in rows.items()]
        tx.connection.execute(standings.insert(), values)
