"""
Reading the contact inbox: the worker's own sweep, with one durable transaction for each batch.

The limit is IMAPClient fetching the same messages, five hundred at a time, and the standard library's plain parser
reading them one after the other. Nothing of that is judged or stored: since understanding alone may take three times as
long as that parser (`benchmarks.classify`), no more can be reached here.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence, Set
from email import message_from_bytes
from email.policy import compat32
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from imapclient import IMAPClient
from sqlalchemy import func, select

from benchmarks.figure import Figure, rate
from benchmarks.mails import mailbox
from benchmarks.rounds import medians, progress
from benchmarks.site import KINDS, sites
from mailconsent import logs
from mailconsent.mailbox import PORTION, Fetched, Mailbox, connect
from mailconsent.store.tables import inbound_messages
from tests.real.dovecot import PASSWORD, Dovecot
from worker import Worker

SIZE = 20_000
ROUNDS = 9
#: Messages in one FETCH of the bare reader, and in one APPEND.
TOGETHER = 500


def run(*, small: bool) -> Iterator[Figure]:
    """A mailbox of twenty thousand messages; four thousand in fewer rounds if `small`."""
    size, rounds = (SIZE // 5, ROUNDS // 2) if small else (SIZE, ROUNDS)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        logs.configure()  # to where standard error leads at this moment
    dovecot = Dovecot()
    try:
        user = dovecot.new_user()
        progress(f"inbox: {size:,} messages")
        messages = mailbox(size)
        while some := list(islice(messages, TOGETHER)):
            dovecot.append(user, some)
        for kind in KINDS:
            progress(f"inbox, {kind}")
            yield _compare(kind, dovecot, user, size // (rounds + 1), rounds)
    finally:
        dovecot.stop()


def _compare(kind: str, dovecot: Dovecot, user: str, count: int, rounds: int) -> Figure:
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(sites(kind))()
        url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
        installation = stack.enter_context(site.opened(IMAP_URL=url, IMAP_PASSWORD=PASSWORD))
        (reader,) = Worker(installation).readers
        box = stack.enter_context(connect(reader.imap, PASSWORD))
        bare = _Bare(stack.enter_context(dovecot.session(user, readonly=True)))

        def own_turn() -> float:
            reader.take_lease()
            began = time.perf_counter()
            reader.sweep(_Next(box, count))
            return time.perf_counter() - began

        seconds = medians({"own": own_turn, "bare": lambda: bare.read(count)}, rounds)
        with installation.store.read() as tx:
            stored = tx.connection.execute(select(func.count()).select_from(inbound_messages)).scalar_one()
        assert stored == count * (rounds + 1) == bare.parsed
    return Figure(
        name=f"inbox, {kind}, {stored:,} messages",
        figure=rate(count / seconds["own"]),
        limit=rate(count / seconds["bare"]),
        ratio=seconds["bare"] / seconds["own"],
        target=0.35,
    )


class _Next(Mailbox):
    """The next so many messages of an open mailbox, so that two readers can take turns."""

    def __init__(self, box: Mailbox, count: int) -> None:
        self._box, self._count = box, count
        self.uidvalidity = box.uidvalidity

    def since(
        self, uid: int, *, suspects: Set[int] = frozenset(), withheld: Set[int] = frozenset(), most: int = PORTION
    ) -> Iterator[list[Fetched]]:
        left = self._count
        for batch in self._box.since(uid, suspects=suspects, withheld=withheld, most=most):
            yield batch[:left]  # what is cut off is fetched again in the next turn, at our own cost
            left -= len(batch)
            if left <= 0:
                return


class _Bare:
    """Fetches and parses, in the order of the UIDs."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client
        self._uids: Sequence[int] = client.search()
        self.parsed = 0

    def read(self, count: int) -> float:
        began = time.perf_counter()
        for start in range(self.parsed, self.parsed + count, TOGETHER):
            uids = self._uids[start : min(start + TOGETHER, self.parsed + count)]
            for answer in self._client.fetch(uids, ["BODY.PEEK[]"]).values():
                message_from_bytes(answer[b"BODY[]"], policy=compat32)
        self.parsed += count
        return time.perf_counter() - began
