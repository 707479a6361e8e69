"""
Which messages are fetched together: small ones by the hundred, so that a transaction serves many; of large ones so few
that they are stored well before the lease ends, and take little memory.
"""

from collections.abc import Iterator, Set

from imapclient import IMAPClient

from mailconsent.errors import FetchBroken, MailboxRefused, MailboxUnavailable
from mailconsent.mailbox.plain_words import plain_words
from mailconsent.message import MAX_MESSAGE

#: Messages.
BATCH = 400
#: Bytes of them. A link of 3 Mbit/s takes 22 seconds for these; judged, they take up to five times as much memory.
PORTION = 8 * 1024 * 1024


def portions(client: IMAPClient, uids: list[int], suspects: Set[int], most: int) -> Iterator[list[int]]:
    """
    The UIDs in their order, in runs of at most `BATCH` messages and `most` bytes, or of one message that is larger.

    With one of the `suspects` near, each is a run of its own. Raises `FetchBroken` when the link is lost.
    """
    for start in range(0, len(uids), BATCH):
        together = uids[start : start + BATCH]
        if not suspects.isdisjoint(together):
            yield from ([uid] for uid in together)
            continue
        sizes = _sizes(client, together) if len(together) * MAX_MESSAGE > most else {}
        run: list[int] = []
        left = most
        for uid in together:
            size = min(sizes.get(uid, MAX_MESSAGE), MAX_MESSAGE)
            if run and size > left:
                yield run
                run, left = [], most
            run.append(uid)
            left -= size
        yield run


def _sizes(client: IMAPClient, uids: list[int]) -> dict[int, int]:
    """The bytes of messages, as far as the server tells (RFC 9051 section 7.5.2, RFC822.SIZE)."""
    try:
        with plain_words(refused="said no"):
            answers = client.fetch(uids, ["RFC822.SIZE"])
    except MailboxRefused:  # some refuse the whole batch for one message that they cannot render
        return {}
    except MailboxUnavailable as fault:  # and some break down over it
        raise FetchBroken(str(fault), uids) from None
    return {uid: size for uid, data in answers.items() if isinstance(size := data.get(b"RFC822.SIZE"), int)}
