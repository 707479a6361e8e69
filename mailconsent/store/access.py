"""
Who may ask: API keys and their scopes; what was answered to a repeated write; topic numbers ever used.

An API key is `mc_<id>_<secret>`. The database holds a SHA-256 of the secret: 256 random bits need no slow hash, and a
thief of the database cannot use them.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailconsent.errors import ConfigError, IdempotencyMismatch, KeyRefused, UnderWay
from mailconsent.policy import Topic
from mailconsent.store import Transaction
from mailconsent.store.tables import api_keys, idempotency, topics


class Scope(StrEnum):
    """What an API key may do."""

    CHECK = "check"
    CHECK_TRANSACTIONAL = "check:transactional"
    CONSENTS = "consents"
    SUPPRESSIONS = "suppressions"
    WITHDRAWALS = "withdrawals"
    SALES = "sales"
    IMPORTS = "imports"
    SENDS = "sends"
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    RECIPIENTS = "recipients"
    RECIPIENTS_ERASE = "recipients:erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that is valid now."""

    id: str
    scopes: frozenset[str]


_KEY = re.compile(r"mc_([0-9a-f]{12})_([0-9a-f]{64})")
_FIND = select(api_keys.c.secret_digest, api_keys.c.scopes, api_keys.c.revoked_at).where(
    api_keys.c.id == bindparam("key_id")
)


def create_key(tx: Transaction, name: str, scopes: list[Scope], *, now: datetime) -> str:
    """Make a key. What is returned is its only copy."""
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    tx.connection.execute(
        insert(api_keys).values(
            id=key_id,
            name=name,
            secret_digest=_digest(secret),
            scopes=" ".join(sorted(scope.value for scope in scopes)),
            created_at=now,
        )
    )
    return f"mc_{key_id}_{secret}"


def revoke_key(tx: Transaction, key_id: str, *, now: datetime) -> bool:
    """End a key from now on; whether there was one to end."""
    alive = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return tx.connection.execute(alive.values(revoked_at=now)).rowcount == 1


def list_keys(tx: Transaction) -> list[tuple[str, str, str, datetime, datetime | None]]:
    """(id, name, scopes, made, revoked) of every key; no secret."""
    columns = (api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.created_at, api_keys.c.revoked_at)
    return [tuple(row) for row in tx.connection.execute(select(*columns).order_by(api_keys.c.created_at))]


def read_key(tx: Transaction, text: str) -> ApiKey:
    """The key in this text; `KeyRefused` if it is not a valid one. Which part was wrong is not told."""
    # PostgreSQL takes no NUL, and neither takes half a character: only what could be a key is looked for.
    shape = _KEY.fullmatch(text)
    key_id, secret = shape.groups() if shape else ("", "")
    row = tx.connection.execute(_FIND, {"key_id": key_id}).first()
    right = row is not None and hmac.compare_digest(row.secret_digest, _digest(secret))
    if row is None or not right or row.revoked_at is not None:
        raise KeyRefused("The API key is unknown or revoked.")
    return ApiKey(id=key_id, scopes=frozenset(row.scopes.split()))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def answered(tx: Transaction, key: ApiKey, idempotency_key: str, request: bytes) -> str | None:
    """
    The answer given before to this key, None if there was none; `IdempotencyMismatch` if it went with another request.

    draft-ietf-httpapi-idempotency-key-header-07.
    """
    row = tx.connection.execute(
        select(idempotency.c.request_digest, idempotency.c.answer).where(
            idempotency.c.api_key_id == key.id, idempotency.c.key_digest == _fingerprint(idempotency_key, b"")
        )
    ).first()
    if row is None:
        return None
    if not hmac.compare_digest(row.request_digest, _fingerprint(idempotency_key, request)):
        raise IdempotencyMismatch
    return str(row.answer)


def remember_answer(
    tx: Transaction, key: ApiKey, idempotency_key: str, request: bytes, answer: str, *, now: datetime
) -> None:
    """Keep an answer, in the transaction that made it true. Raises `UnderWay` if the same request just did so too."""
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    kept = tx.connection.execute(
        dialect.insert(idempotency)
        .on_conflict_do_nothing()
        .values(
            api_key_id=key.id,
            key_digest=_fingerprint(idempotency_key, b""),
            request_digest=_fingerprint(idempotency_key, request),
            answer=answer,
            answered_at=now,
        )
        .returning(idempotency.c.api_key_id)  # psycopg's count of an INSERT does not reach us
    )
    if kept.first() is None:
        raise UnderWay


def _fingerprint(idempotency_key: str, request: bytes) -> bytes:
    # Keyed with a text that the database does not hold, so that a request cannot be guessed back from it.
    key = hashlib.blake2b(idempotency_key.encode(), digest_size=32).digest()
    return hashlib.blake2b(request, key=key, digest_size=16).digest()


def register_topics(tx: Transaction, published: tuple[Topic, ...]) -> None:
    """
    Remember the topic numbers in use. Raises `ConfigError` if one was another topic before: links that name it are out.
    """
    known = {row.number: row.key for row in tx.connection.execute(select(topics.c.number, topics.c.key))}
    faults = [
        f'policy: topics: number {topic.number} was "{known[topic.number]}" before, and links that say so are out: '
        f'give "{topic.key}" a number of its own'
        for topic in published
        if known.get(topic.number, topic.key) != topic.key
    ]
    if faults:
        raise ConfigError(*faults)
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    for topic in published:
        if topic.number not in known:
            # Another process that starts at this moment may have been first.
            new = dialect.insert(topics).values(number=topic.number, key=topic.key)
            tx.connection.execute(new.on_conflict_do_nothing())
