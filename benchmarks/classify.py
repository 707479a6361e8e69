"""
Understanding mail: the bytes of a message, read and judged as the worker does it before anything is stored.

The limit is the standard library's plain parser reading the same bytes, which is where any understanding would begin.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path

from benchmarks.figure import Figure, rate
from benchmarks.mails import mailbox
from benchmarks.rounds import medians, progress
from mailconsent.classify import no_token, preload
from mailconsent.mailbox import Fetched
from mailconsent.model import Label
from mailconsent.services.inbox import judge

SIZE = 2_000
ROUNDS = 9
VECTORS = Path(__file__).parent.parent / "tests" / "vectors" / "messages"
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)


def run(*, small: bool) -> Iterator[Figure]:
    """An inbox as it is; and the messages of our tests, all small and each a special case, without a target."""
    preload()
    gc.freeze()  # as the worker does
    vectors = [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(VECTORS.glob("*.eml"))]
    size = SIZE // 4 if small else SIZE
    yield _compare("classify, an inbox", list(mailbox(size)), target=0.35, small=small)
    yield _compare("classify, our vectors", vectors * (size // len(vectors)), target=None, small=small)


def _compare(name: str, messages: Sequence[bytes], *, target: float | None, small: bool) -> Figure:
    progress(f"{name}: {len(messages):,} messages")
    fetched = [Fetched(uid=uid, raw=raw, received_at=MOMENT) for uid, raw in enumerate(messages, start=1)]

    def own_turn() -> float:
        began = time.perf_counter()
        labels = {judge(message, no_token).classification.label for message in fetched}
        seconds = time.perf_counter() - began
        assert Label.UNSUBSCRIBE in labels
        assert Label.OTHER in labels
        return seconds

    def bare_turn() -> float:
        began = time.perf_counter()
        for raw in messages:
            message_from_bytes(raw, policy=compat32)
        return time.perf_counter() - began

    seconds = medians({"own": own_turn, "bare": bare_turn}, ROUNDS // 3 if small else ROUNDS)
    return Figure(
        name=name,
        figure=rate(len(messages) / seconds["own"]),
        limit=rate(len(messages) / seconds["bare"]),
        ratio=seconds["bare"] / seconds["own"],
        target=target,
    )
