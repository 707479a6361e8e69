"""
Certificates: what retention deleted, how much of it, of which days, and by which policy. Nothing in one names anybody,
so they may be kept when everything else is gone, and prove that the policy was kept (GDPR Article 5(2)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from mailconsent.store import Transaction
from mailconsent.store.driver import change
from mailconsent.store.tables import certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was deleted on one day, of one kind."""

    made_on: date
    #: What it was kept as.
    records: str
    #: Why it went.
    reason: str
    #: SHA-256 of the policy that promised it.
    policy: bytes
    count: int
    #: Days of what was deleted.
    oldest: date
    newest: date


# Added up in the transaction that deletes: whatever breaks a run off, the certificate is of what is gone.
_ADD = """
    insert into certificates (made_on, records, reason, policy, count, oldest, newest)
    values (:made_on, :records, :reason, :policy, :count, :oldest, :newest)
    on conflict (made_on, records, reason, policy) do update set
        count = certificates.count + excluded.count,
        oldest = case when excluded.oldest < certificates.oldest then excluded.oldest else certificates.oldest end,
        newest = case when excluded.newest > certificates.newest then excluded.newest else certificates.newest end
    """


def certify(tx: Transaction, certificate: Certificate) -> None:
    """Add to the certificate of that day and kind."""
    values = {name: getattr(certificate, name) for name in Certificate.__dataclass_fields__}
    days = {name: value.isoformat() for name, value in values.items() if isinstance(value, date)}
    change(tx.connection, _ADD, values | (days if tx.connection.dialect.name == "sqlite" else {}))


def read_certificates(tx: Transaction) -> Sequence[Certificate]:
    """All certificates, the oldest first."""
    found = tx.connection.execute(select(certificates).order_by(certificates.c.made_on, certificates.c.records))
    return [Certificate(**row) for row in found.mappings()]
