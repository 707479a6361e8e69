"""
Which messages had an effect and still lack their mark in the mailbox (`mailconsent/mailbox/marking.py`). That is noted
in the transaction of the effect, and struck out when the mark is there, so a process that dies between forgets none.
"""

from collections.abc import Sequence

from sqlalchemy import select, true, update

from mailconsent.model import Label
from mailconsent.store import Transaction
from mailconsent.store.inbox import State
from mailconsent.store.tables import inbound_messages, mailboxes

#: As the index has it.
_LACKING = inbound_messages.c.unmarked == true()
_DECIDED = (
    inbound_messages.c.state == State.DONE.value,
    inbound_messages.c.label != Label.UNSURE.value,
)
#: UIDs that are told at once, so that marking holds up reading for a moment only.
SOME = 1000


def unmarked(tx: Transaction, mailbox: str, uidvalidity: int) -> list[int]:
    """
    Some of them, by UID. What awaits a human is not among them, nor what a human dismissed, which is as unsure as it
    was. What had another UIDVALIDITY cannot be found any more.
    """
    query = (
        select(inbound_messages.c.uid)
        .join(mailboxes)
        .where(mailboxes.c.name == mailbox, inbound_messages.c.uidvalidity == uidvalidity, _LACKING, *_DECIDED)
        .order_by(inbound_messages.c.uid)
        .limit(SOME)
    )
    return list(tx.connection.execute(query).scalars())


def note_marked(tx: Transaction, mailbox: str, uidvalidity: int, uids: Sequence[int]) -> None:
    """These have their mark now, or are gone."""
    about = select(mailboxes.c.id).where(mailboxes.c.name == mailbox).scalar_subquery()
    tx.connection.execute(
        update(inbound_messages)
        .where(
            inbound_messages.c.mailbox_id == about,
            inbound_messages.c.uidvalidity == uidvalidity,
            inbound_messages.c.uid.in_(uids),
            _LACKING,
        )
        .values(unmarked=False)
    )
