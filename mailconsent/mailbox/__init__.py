"""
The contact inbox, read over IMAP (RFC 9051, RFC 3501). The only IMAP code.

The inbox belongs to humans: it is opened with EXAMINE and read with BODY.PEEK, so that reading can change no flag, let
alone a message. It is opened for writing only to mark what was handled, for operators who want that.
"""

from mailconsent.mailbox.fetched import Fetched
from mailconsent.mailbox.portions import PORTION
from mailconsent.mailbox.session import Mailbox, connect

__all__ = ["PORTION", "Fetched", "Mailbox", "connect"]
