"""Setting an installation up, and making sure on every start that nothing has gone missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailconsent.errors import ConfigError, SchemaError
from mailconsent.keyring import Keyring, KeySource, Purpose, append_key
from mailconsent.services import Rules
from mailconsent.settings import Settings
from mailconsent.store import Store, Transaction
from mailconsent.store.access import register_topics
from mailconsent.store.generations import has_events, install, key_faults, register_keys
from mailconsent.store.journal import Journal
from mailconsent.store.mailboxes import Sweep, last_sweeps
from mailconsent.store.policies import register_policy
from mailconsent.store.schema import check_schema, migrate

#: After so long a mailbox whose worker died is taken for one that nobody means to read any more.
FORGOTTEN = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Everything a door needs, opened and checked."""

    settings: Settings
    store: Store
    rules: Rules


def init(settings: Settings) -> list[str]:
    """
    Make what is missing: keys, schema, first state. Safe to run again. What was done comes back, a line each.

    Raises `ConfigError` rather than make new keys over existing events: under other keys the suppression list says
    nothing, and whoever opted out would be mailed.
    """
    policy = settings.policy()
    done: list[str] = []
    missing = [source for source in (settings.digest_keys, settings.signing_keys) if source.is_missing()]
    if missing and _has_events(settings):
        raise ConfigError(
            *(f"{source.name}: the keys of this database are missing: bring {source.path} back" for source in missing)
        )
    for source in missing:
        if source.path:
            append_key(source.path)
            done.append(f"made {source.path}")
    store = Store(settings.database_url, settings.keyring())
    try:
        migrate(store)
        done.append("the database is up to date")
        with store.begin() as tx:
            held = {purpose: tx.keyring.keys(purpose) for purpose in Purpose}
            install(tx.connection, len(held[Purpose.DIGEST]), len(held[Purpose.SIGNING]))
            _check_keys(tx)
            for purpose, keys in held.items():
                register_keys(tx.connection, purpose, keys)
            register_topics(tx, policy.topics)
    finally:
        store.close()
    return done


def _has_events(settings: Settings) -> bool:
    # No key is needed to see that there is something to lose.
    unused = Keyring(KeySource("none", text=_UNUSED), KeySource("none", text=_UNUSED))
    store = Store(settings.database_url, unused)
    try:
        with store.read() as tx:
            try:
                check_schema(tx.connection)
            except SchemaError as fault:
                if fault.empty:
                    return False
                raise
            return has_events(tx.connection)
    finally:
        store.close()


_UNUSED = "A" * 43 + "="


def start(settings: Settings) -> Installation:
    """
    Open an installation, and remember the policy that comes into force with it.

    Raises `ConfigError` with one line per fault: not migrated, keys missing or moved, ...
    """
    faults: list[str] = []
    keyring, policy = None, None
    for part in ("keyring", "policy"):
        try:
            if part == "keyring":
                keyring = settings.keyring()
            else:
                policy = settings.policy()
        except ConfigError as fault:
            faults += fault.faults
    if faults or keyring is None or policy is None:
        raise ConfigError(*faults)
    journal = Journal(settings.journal)
    journal.check()
    store = Store(settings.database_url, keyring, journal)
    try:
        with store.read() as tx:
            check_schema(tx.connection)
            _check_keys(tx)
        with store.begin() as tx:
            register_topics(tx, policy.topics)
            # A start is at no other time than now.
            register_policy(tx, policy.text, now=datetime.now(UTC))
    except BaseException:
        store.close()
        raise
    mailto = settings.mailto or policy.controller.contact
    rules = Rules(policy=policy, base_url=settings.base_url, mailto=mailto, return_path=settings.return_path or mailto)
    return Installation(settings=settings, store=store, rules=rules)


def _check_keys(tx: Transaction) -> None:
    def faults() -> list[str]:
        return [f for purpose in Purpose for f in key_faults(tx.connection, purpose, tx.keyring.keys(purpose))]

    # A key that a rotation added since we read the file is no fault.
    if faults() and (not tx.keyring.refresh() or faults()):
        raise ConfigError(*faults())


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether this process can do its work, and how the inbox worker fares."""

    #: How many mailboxes a worker ever read.
    mailboxes: int
    #: Seconds since the mailbox that waits longest was read to its end; None if it never was.
    sweep_age: float | None


def readiness(tx: Transaction, *, now: datetime) -> Readiness:
    """Raises `SchemaError`, `ConfigError` or `KeyMissing` when this process cannot serve."""
    check_schema(tx.connection)
    _ = tx.state
    sweeps = last_sweeps(tx)
    return Readiness(mailboxes=len(sweeps), sweep_age=_sweep_age(sweeps, now))


def _sweep_age(sweeps: Sequence[Sweep], now: datetime) -> float | None:
    """
    Of the mailbox that waits longest, among those that are held or were when their worker died. Where none is, of the
    last that was read: the row of a mailbox that was let go for another stays, and is no reason for alarm.
    """
    held = [sweep.checked_at for sweep in sweeps if sweep.lease_until and sweep.lease_until > now - FORGOTTEN]
    read = [at for at in held if at]
    if len(read) < len(held):
        return None
    at = min(read) if read else max((sweep.checked_at for sweep in sweeps if sweep.checked_at), default=None)
    return (now - at).total_seconds() if at else None
