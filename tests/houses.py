"""
A house of its own for each test: keys, database, policy and settings in a folder, opened in this process or run as the
real commands.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import make_url, text

from mailconsent.decision import Mailing
from mailconsent.keyring import Keyring, KeySource
from mailconsent.model import Channel, Decision, Event, Evidence, Receipt
from mailconsent.policy.mailing import mailing_of
from mailconsent.services import senders
from mailconsent.services.installation import Installation, init, start
from mailconsent.settings import Settings, load_settings
from mailconsent.store import Store
from mailconsent.store.ledger import read_events
from mailconsent.store.rebuilding import added_up
from mailconsent.store.sales import read_one
from mailconsent.store.schema import migrate
from mailconsent.store.standings import read_all
from mailconsent.store.tables import metadata
from tests.commands import Command, Running, Surroundings, without_settings

POLICY = Path(__file__).parent.parent / "policy.toml"
PASSWORD = "secret"
#: Seconds after which something that should happen soon is taken for never.
PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True)
class House:
    """An installation as its operator has it: an environment."""

    folder: Path
    database_url: str
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The settings."""
        return {
            "MAILCONSENT_DATABASE_URL": self.database_url,
            "MAILCONSENT_DIGEST_KEYS_FILE": str(self.folder / "digest.keys"),
            "MAILCONSENT_SIGNING_KEYS_FILE": str(self.folder / "signing.keys"),
            "MAILCONSENT_POLICY": str(POLICY),
            "MAILCONSENT_MAILTO": "u@example.com",
            "MAILCONSENT_JOURNAL": str(self.folder / "journal"),
            **self.environ,
        }

    def settings(self) -> Settings:
        """The settings, read."""
        return load_settings(self.variables)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Installation]:
        """The installation in this process."""
        installation = start(self.settings())
        try:
            yield installation
        finally:
            installation.store.close()

    @contextlib.contextmanager
    def running(self, *arguments: str, log: str = "process.log") -> Iterator[Running]:
        """`mailconsent ...` as a process, ended with the block."""
        command = self.start(*arguments, log=log)
        try:
            yield command
        finally:
            command.terminate()
            try:
                command.wait(10)
            except subprocess.TimeoutExpired:
                command.kill()
                command.wait()

    def start(self, *arguments: str, log: str = "process.log") -> Running:
        """`mailconsent ...` as a process, to be ended by the caller."""
        path = self.folder / log
        environ = {**without_settings(os.environ), **self.variables}
        if "PYTHONPATH" in self.environ:  # it is to load other code than ours
            with path.open("ab") as out:
                command = [sys.executable, "-m", "mailconsent", *arguments]
                return subprocess.Popen(command, env=environ, stdout=out, stderr=out)
        path.touch()
        return Command(arguments, Surroundings(environ=environ, out=path, err=path))

    def log(self, log: str = "process.log") -> str:
        """What a process said."""
        return (self.folder / log).read_text("utf-8", "replace")


def inbox_settings(url: str, **more: str) -> dict[str, str]:
    """Settings of an inbox, brisk enough for tests."""
    return {
        "MAILCONSENT_IMAP_URL": url,
        "MAILCONSENT_IMAP_PASSWORD": PASSWORD,
        "MAILCONSENT_IMAP_CYCLE": "1",
        "MAILCONSENT_IMAP_LEASE": "6",
        "MAILCONSENT_IMAP_TIMEOUT": "3",
        **{f"MAILCONSENT_{name}": value for name, value in more.items()},
    }


def build(folder: Path, database_url: str, environ: dict[str, str] | None = None) -> House:
    """A new, initialised house."""
    house = House(folder=folder, database_url=database_url, environ=environ or {})
    url = make_url(database_url)
    if url.drivername == "sqlite" and url.database and not Path(url.database).exists():
        Path(url.database).write_bytes(_migrated())
    init(house.settings())
    return house


@cache
def _migrated() -> bytes:
    """A SQLite file with the schema and nothing else: to migrate a new one takes longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="mailconsent-schema-") as folder:
        path = Path(folder) / "mailconsent.db"
        unused = KeySource("unused", text="A" * 43 + "=")
        store = Store(f"sqlite:///{path}", Keyring(unused, unused))
        migrate(store)
        store.close()
        return path.read_bytes()


def clear(house: House) -> None:
    """Make a house on PostgreSQL as good as new: nobody in it, no journal, and the first keys only."""
    shutil.rmtree(house.folder / "journal", ignore_errors=True)
    # A superuser's way past the ledger's triggers.
    statements = ["set session_replication_role = replica"]
    statements += [f"delete from {t.name}" for t in metadata.sorted_tables if t.name not in ("installation", "keys")]
    statements.append("delete from keys where number > 1")
    statements.append(
        "update installation set oldest_digest_generation = 1, digest_generation = 1, signing_generation = 1,"
        " domains = false"
    )
    with closing(psycopg.connect(house.database_url.replace("+psycopg", ""), autocommit=True)) as connection:
        # At once, which is also one transaction.
        connection.execute("; ".join(statements).encode())
    for name in ("digest.keys", "signing.keys"):
        path = house.folder / name
        path.write_text(path.read_text().splitlines()[0] + "\n")


def receipt(channel: Channel = Channel.API, **details: str) -> Receipt:
    """An act that reaches us now."""
    return Receipt(channel=channel, received_at=datetime.now(UTC), evidence=Evidence(details=details))


def consent(here: Installation, *addresses: str, topic: str = "blog") -> None:
    """Record consents."""
    about = here.rules.policy.topic(topic)
    with here.store.begin() as tx:
        for address in addresses:
            senders.record_consent(tx, about, address, receipt(wording="Yes, send me the blog newsletter."))


def ask(here: Installation, *addresses: str, topic: str = "blog") -> list[Decision]:
    """The decisions on these addresses."""
    with here.store.read() as tx:
        return senders.check(tx, _mailing(here, topic), list(addresses))


def _mailing(here: Installation, topic: str) -> Mailing:
    return mailing_of(here.rules.policy, here.rules.policy.topic(topic), now=datetime.now(UTC))


def token_for(here: Installation, address: str, topic: str = "blog") -> str:
    """The token of the link that goes with a yes."""
    about = here.rules.policy.topic(topic)
    with here.store.read() as tx:
        decisions = senders.check(tx, _mailing(here, topic), [address])
        permit = senders.permits(tx, here.rules, about, [address], decisions, now=datetime.now(UTC))[0]
    assert permit, "no link without a yes"
    return permit.unsubscribe_url.rpartition("/")[2]


def rows(here: Installation, query: str) -> Sequence[tuple[object, ...]]:
    """What a query finds."""
    with here.store.read() as tx:
        return [tuple(row) for row in tx.connection.execute(text(query))]


def events(here: Installation) -> dict[int, list[Event]]:
    """Every event of every recipient."""
    with here.store.read() as tx:
        ids = [row[0] for row in tx.connection.execute(text("select id from recipients"))]
        return {recipient_id: read_events(tx, recipient_id) for recipient_id in ids}


def unfolded(here: Installation) -> list[int]:
    """Recipients whose standings or sales are not what their events and sends add up to. There should be none."""
    with here.store.read() as tx:
        found = list(tx.connection.execute(text("select id, digest from recipients")))
        wrong = [
            i for i, digest in found if (read_all(tx, bytes(digest)), read_one(tx, bytes(digest))) != added_up(tx, i)
        ]
        known = {bytes(digest) for _, digest in found}
        orphans = [
            row
            for table in ("standings", "sales")
            for row in tx.connection.execute(text(f"select digest from {table}"))
            if bytes(row[0]) not in known
        ]
    return wrong + [-1] * len(orphans)


def until(happened: Callable[[], object], what: str = "it", seconds: float = PATIENCE) -> None:
    """Wait for something that happens soon."""
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, f"waited {seconds:.0f} seconds for {what}"
        time.sleep(0.05)
