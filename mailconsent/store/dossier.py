"""Reading and erasing what is recorded about one recipient beside the ledger: address, evidence, mail."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, null, select, update
from sqlalchemy import delete as delete_from

from mailconsent.address import match_key
from mailconsent.dossier import Message
from mailconsent.mail_id import MailId
from mailconsent.model import EventId, Receipt
from mailconsent.store import Transaction
from mailconsent.store.inbox import State
from mailconsent.store.leaves import remove_event
from mailconsent.store.ledger import Recipient
from mailconsent.store.rights import new_id
from mailconsent.store.tables import (
    erasures,
    evidence,
    inbound_messages,
    outbox,
    questions,
    recipients,
    rights_requests,
    sales,
    sends,
    standings,
)

#: Mails held in memory at a time.
PAGE = 100
_KEY = (inbound_messages.c.mailbox_id, inbound_messages.c.uidvalidity, inbound_messages.c.uid)
_MAIL = (
    *_KEY,
    inbound_messages.c.received_at,
    inbound_messages.c.label,
    inbound_messages.c.state,
    inbound_messages.c.raw,
)


def find_recipient(tx: Transaction, address: str) -> Row[Any, Any, Any] | None:
    """(id, address, language) of whom this address belongs to; None if nobody. Locks nothing. `InvalidAddress`."""
    key = match_key(address)
    live = [tx.digester.digest(key, generation) for generation in tx.state.live]
    columns = (recipients.c.id, recipients.c.address, recipients.c.language)
    return tx.connection.execute(select(*columns).where(recipients.c.digest.in_(live))).first()


def kept_address(tx: Transaction, recipient_id: int) -> str | None:
    """The address of a recipient as it was given, where it is kept."""
    return tx.connection.execute(select(recipients.c.address).where(recipients.c.id == recipient_id)).scalar()


def read_evidence(tx: Transaction, recipient_id: int) -> Mapping[int, Mapping[str, str]]:
    """What supports the events of a recipient, by their `seq`."""
    found = select(evidence.c.seq, evidence.c.details).where(evidence.c.recipient_id == recipient_id)
    return {seq: _readable(json.loads(details)) for seq, details in tx.connection.execute(found)}


def _readable(details: Mapping[str, str]) -> Mapping[str, str]:
    # A mail may bring half a character, which no answer can be written with.
    return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in details.items()}


def read_mail(tx: Transaction, sources: Collection[str]) -> Iterator[Message]:
    """The mails that events name as their sources, as far as they are there."""
    for named in _named(sources):
        yield from (_message(row) for row in tx.connection.execute(select(*_MAIL).where(*named)))


def open_mail(tx: Transaction) -> Iterator[Message]:
    """The mails that await a human, oldest first, and that are kept whole."""
    waiting = (inbound_messages.c.state != State.DONE.value, inbound_messages.c.raw.is_not(None))
    ordered = select(*_MAIL).where(*waiting).order_by(inbound_messages.c.stored_at, *_KEY)
    with tx.connection.execute(ordered.execution_options(yield_per=PAGE)) as result:
        yield from (_message(row) for row in result)


def _named(sources: Collection[str]) -> Iterator[Sequence[ColumnElement[bool]]]:
    """For each mail that a source names: what finds its row. Sources of other kinds name none."""
    for source in sources:
        if mail := MailId.of_source(source):
            yield [column == part for column, part in zip(_KEY, mail, strict=True)]


def _message(row: Any) -> Message:
    return Message(
        source=MailId(row.mailbox_id, row.uidvalidity, row.uid).source,
        received_at=row.received_at,
        label=row.label,
        state=row.state,
        raw=row.raw,
    )


def forget_identity(tx: Transaction, recipient_id: int) -> bool:
    """Forget the address and the language; whether there was one of them."""
    row = recipients.c.id == recipient_id
    kept = recipients.c.address.is_not(None) | recipients.c.language.is_not(None)
    change = update(recipients).where(row, kept).values(address=None, language=None)
    return tx.connection.execute(change).rowcount > 0


def forget_evidence(tx: Transaction, recipient_id: int, *, until: int | None = None) -> int:
    """Delete what supports the events of a recipient, those up to this `seq` or all; of how many."""
    theirs = delete_from(evidence).where(evidence.c.recipient_id == recipient_id)
    return tx.connection.execute(theirs if until is None else theirs.where(evidence.c.seq <= until)).rowcount


def forget_mail(tx: Transaction, sources: Collection[str]) -> int:
    """
    Delete the text of these mails; of how many. One that awaited a human awaits none any more: nobody could read it.

    What it was, and its digest, stay, so that a copy of it has no effect either.
    """
    kept = inbound_messages.c.raw.is_not(None)
    changes = (update(inbound_messages).where(*named, kept) for named in _named(sources))
    done = {"raw": null(), "state": State.DONE.value, "review_until": None}
    return sum(tx.connection.execute(change.values(done)).rowcount for change in changes)


def forget_wholly(tx: Transaction, recipient: Recipient) -> int:
    """
    Remove a locked recipient from the database, digest and events included; how many events.

    Of each event its leaf hash and the reason stay, so that the ledger can still be verified. Its nonce goes with it:
    nobody can guess from the hash what the event said.
    """
    for event in recipient.events:
        remove_event(tx, EventId(recipient.id, event.seq), "erased")
    for table in (standings, sales):
        tx.connection.execute(delete_from(table).where(table.c.digest == recipient.digest))
    for table in (sends, outbox, questions):
        tx.connection.execute(delete_from(table).where(table.c.recipient_id == recipient.id))
    theirs = rights_requests.c.recipient_id == recipient.id
    tx.connection.execute(update(rights_requests).where(theirs).values(recipient_id=None))
    tx.connection.execute(delete_from(recipients).where(recipients.c.id == recipient.id))
    return len(recipient.events)


def note_erasure(tx: Transaction, recipient_id: int, receipt: Receipt, **counts: int | None) -> None:
    """Take down that something was erased (GDPR Article 5(2)): when, through whom, how much."""
    row = {"recipient_id": recipient_id, "id": new_id(), "erased_at": receipt.received_at, "source": receipt.source}
    tx.connection.execute(insert(erasures).values(**row, **counts))
