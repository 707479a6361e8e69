"""
Which messages had an effect and still lack their mark in the mailbox (`mailconsent/mailbox/marking.py`). That is noted
in the transaction of the effect, and struck out when the mark is there, so a process that dies between forgets none.
"""

from collections.abc import Sequence

from sqlalchemy import select, true, update

from mailconsent.mail_id import MailId
from mailconsent.store import Transaction
from mailconsent.store.tables import inbound_messages, mailboxes

#: As the index has it.
_LACKING = inbound_messages.c.unmarked == true()
#: UIDs that are told at once, so that marking holds up reading for a moment only.
SOME = 1000


def unmarked(tx: Transaction, mailbox: str, uidvalidity: int) -> list[int]:
    """Some of them, by UID. What had another UIDVALIDITY cannot be found any more."""
    query = (
        select(inbound_messages.c.uid)
        .join(mailboxes)
        .where(mailboxes.c.name == mailbox, inbound_messages.c.uidvalidity == uidvalidity, _LACKING)
        .order_by(inbound_messages.c.uid)
        .limit(SOME)
    )
    return list(tx.connection.execute(query).scalars())


def lack_mark(tx: Transaction, mail: MailId) -> None:
    """A human has just let this mail act."""
    names = mail._asdict().items()
    tx.connection.execute(
        update(inbound_messages)
        .where(*(inbound_messages.c[name] == value for name, value in names))
        .values(unmarked=True)
    )


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
