"""Messages as a server hands them out."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mailconsent.message import MAX_MESSAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One message as the server holds it."""

    uid: int
    #: The first `MAX_MESSAGE` at most, with CRLF line ends.
    raw: bytes = field(repr=False)
    #: INTERNALDATE: when the server got it. UTC.
    received_at: datetime
    #: The server names the message and does not hand it out, so that nobody can know what it says.
    withheld: bool = False


def read_answers(answers: Iterable[tuple[int, dict[bytes, Any]]]) -> Iterator[Fetched]:
    """The messages in the answers to one FETCH, by UID."""
    for uid, data in sorted(answers):
        # A server that ignores the partial fetch answers without the offset.
        raw = data.get(b"BODY[]<0>", data.get(b"BODY[]"))
        if not isinstance(raw, bytes):
            continue  # NIL stands for the body of what was expunged (RFC 2180 section 4.1)
        yield Fetched(uid=uid, raw=raw[:MAX_MESSAGE], received_at=_utc(data.get(b"INTERNALDATE")))


def _utc(moment: datetime | None) -> datetime:
    if moment is not None:
        with contextlib.suppress(ValueError, OverflowError):  # zones and years that no clock shows
            return moment.astimezone(UTC)
    return datetime.now(UTC)  # absent or unreadable; it came no later than this
