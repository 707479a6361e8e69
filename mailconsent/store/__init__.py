"""
The database: one `Store` per process, one `Transaction` per thing that happens.

A door begins a transaction and a service fills it. Leaving the block commits; an exception rolls back. Only after the
block is anything acknowledged.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property

from sqlalchemy import Connection, Engine

from mailconsent.address import Digester
from mailconsent.errors import KeyMissing
from mailconsent.keyring import Keyring, Purpose
from mailconsent.store.engine import WriterQueue, open_engine, transaction, translated
from mailconsent.store.generations import State, key_faults, read_state
from mailconsent.store.journal import Entry, Erasure, Journal
from mailconsent.tokens import TokenSigner


class Transaction:
    """One transaction, and the keys that the database is under while it lasts."""

    def __init__(self, connection: Connection, keyring: Keyring, trusted: set[object]) -> None:
        self.connection = connection
        self.keyring = keyring
        #: What the journal must hold before this is committed.
        self.journalled: list[Entry | Erasure] = []
        #: Whether the state can no longer change while this transaction lasts.
        self.settled = False
        self._trusted = trusted

    @cached_property
    def state(self) -> State:
        """Under which keys the database is, as this transaction sees it. Raises `KeyMissing` if we lack one of them."""
        return self._known(read_state(self.connection))

    def settle(self) -> State:
        """The state, read anew and held until the transaction ends: for who adds a recipient."""
        if not self.settled:
            self.state = self._known(read_state(self.connection, settled=True))
            self.settled = True
        return self.state

    def learn(self, state: State) -> None:
        """Take in a state that was read together with something else."""
        self.state = self._known(state)

    @property
    def digester(self) -> Digester:
        """Digests under the keys at hand."""
        return self.keyring.digester

    @property
    def signer(self) -> TokenSigner:
        """Signs under the key that the database names."""
        return self.keyring.signer(self.state.signing)

    def plan_anew(self) -> None:
        """
        From here on let PostgreSQL plan every query for the table as it is: for look-ups of many digests at once.

        A plan kept from when the table was small would read all of it, until its statistics are next taken.
        """
        if self.connection.dialect.name == "postgresql":
            self.connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")

    def plan_as_usual(self) -> None:
        """End what `plan_anew` began: for the small statements that follow in the same transaction."""
        if self.connection.dialect.name == "postgresql":
            self.connection.exec_driver_sql("SET LOCAL plan_cache_mode = DEFAULT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of this transaction that fails alone."""
        settled, noted = self.settled, len(self.journalled)
        try:
            with translated(), self.connection.begin_nested():
                yield
        except BaseException:
            self.settled = settled  # what was held since the savepoint is held no more
            del self.journalled[noted:]
            raise

    def _known(self, state: State) -> State:
        if not self._holds_keys_of(state):
            self.keyring.refresh()
            if not self._holds_keys_of(state):
                raise KeyMissing
        return state

    def _holds_keys_of(self, state: State) -> bool:
        """
        Whether our keys are those that the database is under, by their check values: under another key an opt-out would
        be recorded of nobody. Looked up once for each state and each set of keys.
        """
        held = {purpose: tuple(self.keyring.keys(purpose)) for purpose in Purpose}
        mark = (state.newest, state.signing, *held.values())
        if mark in self._trusted:
            return True
        if state.newest > len(held[Purpose.DIGEST]) or state.signing > len(held[Purpose.SIGNING]):
            return False
        if any(key_faults(self.connection, purpose, keys) for purpose, keys in held.items()):
            return False
        self._trusted.add(mark)
        return True


class Store:
    """An open database. Close it when done."""

    def __init__(self, url: str, keyring: Keyring, journal: Journal | None = None) -> None:
        self.engine: Engine = open_engine(url)
        self.keyring = keyring
        self._journal = journal
        self._trusted: set[object] = set()
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._queue = WriterQueue(self.engine.url.database or "") if self.is_sqlite else None
        # A bulk check reads the state of the keys and then rows: both must be of one moment.
        self._reader = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """
        A transaction that writes. Raises `StorageUnavailable` when the database or the journal fails, also on commit or
        after it: then nothing is to be acknowledged, and all may be said again.
        """
        written = None
        with self.queue_turn(), translated(), transaction(self.engine, writes=True) as connection:
            tx = Transaction(connection, self.keyring, self._trusted)
            yield tx
            if self._journal and tx.journalled:
                written = self._journal.write(tx.journalled)
        # When our turn is over: the next writer need not wait for the disk twice.
        if self._journal and written:
            self._journal.flush(written)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one moment and writes nothing."""
        with translated(), transaction(self._reader, writes=False) as connection:
            yield Transaction(connection, self.keyring, self._trusted)

    def queue_turn(self) -> AbstractContextManager[None]:
        """Our turn among the writers of a SQLite file; PostgreSQL needs no queue."""
        return self._queue.turn() if self._queue else nullcontext()

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
        if self._queue:
            self._queue.close()
