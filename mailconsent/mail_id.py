"""The name of a mail to the contact inbox: where it lay when it was read (RFC 9051 section 2.3.1.1)."""

import re
from typing import NamedTuple

from mailconsent.errors import Refused

# No more digits than the database's integers hold.
_ID = re.compile(r"(?:mail:)?(\d{1,18})/(\d{1,18})/(\d{1,18})", re.ASCII)


class MailId(NamedTuple):
    """The name of a mail. It says nothing of what is in it."""

    #: Our own number of the mailbox.
    mailbox_id: int
    uidvalidity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.mailbox_id}/{self.uidvalidity}/{self.uid}"

    @property
    def source(self) -> str:
        """As events name what they came from."""
        return f"mail:{self}"

    @classmethod
    def of_source(cls, source: str) -> "MailId | None":
        """The mail that an event came from; None where it came from something else."""
        shape = _ID.fullmatch(source) if source.startswith("mail:") else None
        return cls(*map(int, shape.groups())) if shape else None

    @classmethod
    def read(cls, text: str) -> "MailId":
        """The name that this text is. Raises `Refused` for what is none."""
        shape = _ID.fullmatch(text.strip())
        if not shape:
            raise Refused("This is not the id of a mail, such as 1/1700000000/42: `mailconsent review list` has them.")
        return cls(*map(int, shape.groups()))
