"""
Under which keys the database is, and moving it to a new one while everything runs.

`digest_generation` counts the digest keys in use. During a rotation the rows are of two generations, from
`oldest_digest_generation` on, and every look-up asks for both. Existing recipients are found and locked under either
digest. Only who adds a *new* recipient must know the newest generation for certain, so only they take a shared lock on
the row that names it; nothing else in the write path is shared between recipients.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from mailconsent.address import Digester
from mailconsent.errors import ConfigError
from mailconsent.keyring import Purpose
from mailconsent.store.tables import events, installation, keys, recipients, sales, standings

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which keys the database is under."""

    oldest: int
    newest: int
    signing: int
    #: Whether any domain was ever suppressed: until then, none is looked for.
    domains: bool

    @property
    def live(self) -> range:
        """The digest generations that rows may be of."""
        return range(self.oldest, self.newest + 1)


#: Of a table called `i`, as `state_of` reads them.
STATE_COLUMNS = "i.oldest_digest_generation, i.digest_generation, i.signing_generation, i.domains"
_STATE = select(
    installation.c.oldest_digest_generation,
    installation.c.digest_generation,
    installation.c.signing_generation,
    installation.c.domains,
)


def read_state(connection: Connection, *, settled: bool = False) -> State:
    """
    The state as this transaction sees it. `settled` keeps it from changing until the transaction ends.

    Raises `ConfigError` if the database was never initialised.
    """
    row = connection.execute(_STATE.with_for_update(read=True) if settled else _STATE).first()
    if row is None:
        raise ConfigError("the database is empty: run `mailconsent init`")
    return state_of(row)


def state_of(row: Sequence[Any]) -> State:
    """The state in a row of the `STATE_COLUMNS`."""
    oldest, newest, signing, domains = row
    return State(oldest=oldest, newest=newest, signing=signing, domains=bool(domains))


def check_value(key: bytes) -> bytes:
    """By which a key is recognised and from which it cannot be found."""
    return hashlib.blake2b(b"mailconsent key check", key=key, digest_size=16).digest()


def key_faults(connection: Connection, purpose: Purpose, held: Sequence[bytes]) -> list[str]:
    """What is wrong with the keys at hand, as the database sees it: one line per fault, none if all is well."""
    known = connection.execute(
        select(keys.c.number, keys.c.check_value).where(keys.c.purpose == purpose.value).order_by(keys.c.number)
    ).all()
    values = [check_value(key) for key in held]
    faults = []
    for number, expected in known:
        here = number <= len(values) and hmac.compare_digest(values[number - 1], expected)
        if here:
            continue
        place = next((place for place, value in enumerate(values, 1) if hmac.compare_digest(value, expected)), None)
        what = f"stands at place {place}: put the keys back in order" if place else "is missing: bring it back"
        faults.append(f"{purpose.value} keys: key {number} of this database {what}")
    return faults


def register_keys(connection: Connection, purpose: Purpose, held: Sequence[bytes]) -> None:
    """Let the database know these keys by their check values."""
    count = len(connection.execute(select(keys.c.number).where(keys.c.purpose == purpose.value)).all())
    for number, key in enumerate(held[count:], count + 1):
        connection.execute(insert(keys).values(purpose=purpose.value, number=number, check_value=check_value(key)))


def install(connection: Connection, digest_keys: int, signing_keys: int) -> bool:
    """Name the first state, unless there is one; whether there was none."""
    if connection.execute(_STATE).first():
        return False
    connection.execute(
        insert(installation).values(
            id=1,
            oldest_digest_generation=digest_keys,
            digest_generation=digest_keys,
            signing_generation=signing_keys,
        )
    )
    return True


def has_events(connection: Connection) -> bool:
    """Whether anything was ever recorded here."""
    return connection.execute(select(events.c.seq).limit(1)).first() is not None


def set_signing(connection: Connection, generation: int) -> None:
    """From the end of this transaction on, links are signed under this key."""
    connection.execute(update(installation).values(signing_generation=generation))


def look_for_domains(connection: Connection) -> None:
    """From the end of this transaction on, every check asks for domains. Waits for whoever is adding recipients."""
    connection.execute(update(installation).where(installation.c.domains.is_(False)).values(domains=True))


def begin_rotation(connection: Connection, generation: int) -> None:
    """From the end of this transaction on, new rows are of this generation. Waits for whoever is adding recipients."""
    connection.execute(update(installation).values(digest_generation=generation))


def end_rotation(connection: Connection, generation: int) -> None:
    """All rows are of this generation."""
    connection.execute(update(installation).values(oldest_digest_generation=generation))


def rotate_batch(connection: Connection, digester: Digester, target: int, after: int | None) -> tuple[int, int] | None:
    """Move the recipients next after the id `after` to the target; the last id and how many, None at the end."""
    rows = connection.execute(
        select(
            recipients.c.id,
            recipients.c.digest,
            recipients.c.generation,
            recipients.c.tagless_digest,
            recipients.c.domain_digest,
        )
        .where(recipients.c.id > (-1 if after is None else after))
        .order_by(recipients.c.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    for row in rows:
        if row.generation < target:
            _move(
                connection, digester, row.id, row.generation, target, row.digest, row.tagless_digest, row.domain_digest
            )
    return (rows[-1].id, len(rows)) if rows else None


def _move(
    connection: Connection,
    digester: Digester,
    recipient_id: int,
    generation: int,
    target: int,
    digest: bytes,
    tagless: bytes | None,
    domain: bytes | None,
) -> None:
    lifted = digester.nest(digest, generation, target)
    connection.execute(
        update(recipients)
        .where(recipients.c.id == recipient_id)
        .values(
            digest=lifted,
            generation=target,
            tagless_digest=tagless and digester.nest(tagless, generation, target),
            domain_digest=domain and digester.nest(domain, generation, target),
        )
    )
    for table in (standings, sales):
        connection.execute(update(table).where(table.c.digest == digest).values(digest=lifted))


def count_recipients(connection: Connection) -> int:
    """How many recipients there are."""
    return connection.execute(select(func.count()).select_from(recipients)).scalar_one()
