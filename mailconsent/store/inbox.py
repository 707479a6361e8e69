"""What every message of the inbox was, and which were seen before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, insert, select, text, union_all

from mailconsent.model import Classification
from mailconsent.store import Transaction
from mailconsent.store.driver import driver_cursor
from mailconsent.store.mailboxes import Cursor
from mailconsent.store.tables import in_utc, inbound_messages

#: Letters of a reason that are kept.
LONGEST_REASON = 120


class State(StrEnum):
    """What became of a message."""

    DONE = "done"
    REVIEW = "review"  #: a human decides
    FAILED = "failed"  #: it broke us; a human looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A message as it is remembered."""

    uid: int
    raw_digest: bytes
    #: None where it would not tell two requests apart, and of mail that is none of our business.
    content_digest: bytes | None
    state: State
    #: A copy of a message that was seen before: no second effect.
    copy: bool
    classification: Classification
    received_at: datetime
    #: Kept only of mail that had an effect or awaits a human.
    raw: bytes | None
    #: Until when a human is to decide; None where nobody has to.
    review_until: datetime | None = None
    #: It had an effect, and is to get a mark in the mailbox.
    unmarked: bool = False


_THERE = select(inbound_messages.c.uid).where(
    inbound_messages.c.mailbox_id == bindparam("mailbox_id"),
    inbound_messages.c.uidvalidity == bindparam("uidvalidity"),
    inbound_messages.c.uid.between(bindparam("first"), bindparam("last")),
)
_HOLD = text("select pg_advisory_xact_lock(key) from unnest(cast(:keys as bigint[])) as key")
_DIGESTS = (inbound_messages.c.raw_digest, inbound_messages.c.content_digest)
# Not one query with OR: SQLite would walk through all that it has.
_SEEN = union_all(
    *(
        select(*_DIGESTS).where(
            inbound_messages.c.content_digest.is_not(None), column.in_(bindparam("digests", expanding=True))
        )
        for column in _DIGESTS
    )
)


def hold(tx: Transaction, digests: Iterable[bytes]) -> None:
    """
    Let nobody else store a message with one of these digests until this transaction ends; who does waits.

    Else two who read the same message at the same moment would each find that it was not seen before. On SQLite only
    one writes at a time; these locks of PostgreSQL end with the transaction, so they pass through a pooler.
    """
    if tx.connection.dialect.name != "postgresql":
        return
    # In one order, so that no two wait for each other.
    keys = sorted({int.from_bytes(digest[:8], "big", signed=True) for digest in digests})
    if keys:
        tx.connection.execute(_HOLD, {"keys": keys})


def seen(tx: Transaction, digests: Sequence[bytes]) -> set[bytes]:
    """The digests, raw and of content, of messages stored before that have one of these."""
    if not digests:
        return set()
    tx.plan_anew()
    found = {digest for row in tx.connection.execute(_SEEN, {"digests": list(digests)}) for digest in row}
    tx.plan_as_usual()
    return found


def remember(tx: Transaction, cursor: Cursor, messages: Sequence[Stored], *, now: datetime) -> None:
    """Store what these messages were. One already stored under its UID stays as it is."""
    uids = [message.uid for message in messages]
    if not uids:
        return
    span = {"first": min(uids), "last": max(uids), "mailbox_id": cursor.mailbox_id, "uidvalidity": cursor.uidvalidity}
    there = set(tx.connection.execute(_THERE, span).scalars())
    rows = [_row(cursor, message, now) for message in messages if message.uid not in there]
    if rows and tx.connection.dialect.name == "postgresql":
        # A statement for each row would take twice as long.
        names = ", ".join(rows[0])
        with driver_cursor(tx.connection) as link, link.copy(f"COPY inbound_messages ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    elif rows:
        tx.connection.execute(insert(inbound_messages), rows)


def _row(cursor: Cursor, message: Stored, now: datetime) -> dict[str, object]:
    verdict = message.classification
    return {
        "mailbox_id": cursor.mailbox_id,
        "uidvalidity": cursor.uidvalidity,
        "uid": message.uid,
        "raw_digest": message.raw_digest,
        "content_digest": message.content_digest,
        "state": message.state.value,
        "copy": message.copy,
        "label": verdict.label.value,
        "detector": verdict.detector,
        # A phrase of ours with all its choices may be long, and PostgreSQL would refuse the whole batch for it.
        "reason": verdict.reason[:LONGEST_REASON],
        "confidence": verdict.confidence,
        # Here, since COPY asks no column type.
        "received_at": in_utc(message.received_at),
        "stored_at": in_utc(now),
        "review_until": message.review_until and in_utc(message.review_until),
        "raw": message.raw,
        "unmarked": message.unmarked,
    }
