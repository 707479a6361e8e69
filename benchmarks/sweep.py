"""
The first sweep of a large mailbox by a `mailconsent worker`, from its start to its end: its rate and its memory.

How near that is to what could be is told by the benchmarks `inbox` and `classify`.
"""

import contextlib
import time
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from sqlalchemy import func, select

from benchmarks.figure import Figure, rate
from benchmarks.mails import mailbox
from benchmarks.rounds import progress
from benchmarks.site import KINDS, Site, sites
from mailconsent.store.tables import events, inbound_messages
from tests.real.dovecot import PASSWORD, Dovecot

SIZE = 50_000
#: Messages in one APPEND.
TOGETHER = 500
#: Bytes; as much as any worker should need, whatever is in the mailbox.
MEMORY = 200 * 2**20


def run(*, small: bool) -> Iterator[Figure]:
    """Fifty thousand messages; two thousand if `small`."""
    size = SIZE // 25 if small else SIZE
    dovecot = Dovecot()
    try:
        user = dovecot.new_user()
        progress(f"sweep: {size:,} messages")
        messages = mailbox(size)
        while some := list(islice(messages, TOGETHER)):
            dovecot.append(user, some)
        for kind in KINDS:
            progress(f"sweep, {kind}")
            with sites(kind) as new:
                yield from _measure(kind, new(), f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX", size)
    finally:
        dovecot.stop()


def _measure(kind: str, site: Site, url: str, size: int) -> Iterator[Figure]:
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(site.opened())
        began = time.perf_counter()
        worker = stack.enter_context(site.worked(IMAP_URL=url, IMAP_PASSWORD=PASSWORD))
        worker.wait_for_sweep(here)
        seconds = time.perf_counter() - began
        with here.store.read() as tx:
            read = tx.connection.execute(select(func.count()).select_from(inbound_messages)).scalar_one()
            acted = tx.connection.execute(select(func.count()).select_from(events)).scalar_one()
        assert read == size
        assert acted > 0
        peak = worker.peak()
    yield Figure(name=f"first sweep, {kind}, {size:,} messages", figure=rate(size / seconds), limit="")
    yield Figure(
        name=f"first sweep, {kind}, memory of the worker",
        figure=f"{peak / 2**20:,.0f} MB",
        limit=f"{MEMORY / 2**20:,.0f} MB",
        ratio=peak / MEMORY,
        target=1.0,
        at_most=True,
    )
