"""
The mark on mail that had an effect, where the operator wants one: a keyword, or a move into another folder.

The only place where anything in a mailbox is changed. Nothing is expunged here, and \\Seen and \\Deleted are left as
they are: where a server has no MOVE (RFC 6851), the message is copied, and stays where it was.
"""

from collections.abc import Callable, Sequence

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientReadOnlyError

from mailconsent.errors import MailboxRefused
from mailconsent.imap_settings import Mark
from mailconsent.mailbox.plain_words import plain_words

#: UIDs in one command, so that its line stays short: servers take 8000 letters at least (RFC 7162 section 4).
TOGETHER = 400
#: Takes UIDs that need no mark any more.
Note = Callable[[Sequence[int]], None]


def set_mark(client: IMAPClient, folder: str, uidvalidity: int, uids: Sequence[int], mark: Mark, note: Note) -> None:
    """
    Mark messages of a folder, which is then selected for writing. Those that are gone are passed over, and to mark one
    again changes nothing, but that another copy comes about where a server has no MOVE. So each command that succeeds
    is noted before the next is given.

    MailboxRefused, with what the operator can do, when the server does not let us.
    """
    with plain_words(refused="does not let this user change the mailbox"):
        try:
            answer = client.select_folder(folder)
        except IMAPClientReadOnlyError:  # of imaplib's class for a link that broke
            raise MailboxRefused("The IMAP server does not let this user change the mailbox.") from None
    if answer.get(b"UIDVALIDITY") != uidvalidity:
        note(uids)  # made anew meanwhile: these numbers are of other messages now
        return
    # Where a server does not say, all flags can be kept (RFC 9051 section 6.3.2).
    kept = {flag.lower() for flag in answer.get(b"PERMANENTFLAGS", (b"\\*",))}
    if mark.keyword and not kept & {b"\\*", mark.keyword.lower().encode()}:
        raise MailboxRefused("The IMAP server keeps no keywords of users in this mailbox: try IMAP_HANDLED_FOLDER.")
    for start in range(0, len(uids), TOGETHER):
        some = uids[start : start + TOGETHER]
        if mark.keyword:
            with plain_words(refused="did not take the keyword of IMAP_HANDLED_KEYWORD"):
                client.add_flags(some, [mark.keyword], silent=True)
        else:
            _move(client, some, mark.folder)
        note(some)


def _move(client: IMAPClient, uids: Sequence[int], folder: str) -> None:
    with plain_words():
        move = client.move if client.has_capability("MOVE") else client.copy
    try:
        with plain_words(refused="has no such folder"):
            move(uids, folder)
    except MailboxRefused:
        # Mostly because the folder is not there yet (RFC 9051 section 6.4.7, TRYCREATE).
        _make(client, folder)
        with plain_words(refused="did not let mail into the folder of IMAP_HANDLED_FOLDER"):
            move(uids, folder)


def _make(client: IMAPClient, folder: str) -> None:
    for make in (client.create_folder, client.subscribe_folder):  # many mail programs show only the subscribed
        try:
            with plain_words(refused="has it already, or refuses: the next attempt tells"):
                make(folder)
        except MailboxRefused:
            pass
