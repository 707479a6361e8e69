"""
What a newsletter system imports. It fails closed: a yes is only what mailconsent said, in full, about this address.

Three things that must never look alike: a denied answer is a value with `allowed` false; a key or a request that was
refused raises `KeyRefused` or `Refused`; no answer raises `ServiceUnavailable`.

    with Client("https://consent.example.com", api_key) as client:
        answer = client.check("anna@example.com", "blog")
        if answer.allowed:
            message.update(answer.headers)
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Any, Self

import httpx2

from mailconsent import wire
from mailconsent.errors import KeyRefused, Refused, ServiceUnavailable
from mailconsent.model import LegalBasis, Reason

#: Bytes of the largest answer there can be: 10 000 verdicts with header fields and long addresses.
MAX_ANSWER = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """May this address be mailed about this topic?"""

    address: str
    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None
    #: The event that decided, by which mailconsent can explain the answer.
    event_id: str | None
    #: To be set on the message as they are.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: For the visible footer.
    unsubscribe_url: str | None = None


class Client:
    """A connection to mailconsent. `timeout`, in seconds, is for the whole of a call, even if the answer drips."""

    def __init__(self, base_url: str, api_key: str, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._http = httpx2.Client(
            base_url=f"{base_url.rstrip('/')}/v1/",
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
        )

    def check(self, address: str, topic: str) -> Answer:
        """May I mail this address about this topic now? With the header fields and the link, if so."""
        return self._check([address], topic, headers=True)[0]

    def check_many(self, addresses: Iterable[str], topic: str, *, headers: bool = False) -> Iterator[Answer]:
        """Answers in the order of the addresses, however many; asked for as they are consumed. Send soon after."""
        rest = iter(addresses)
        while batch := list(islice(rest, wire.MAX_ADDRESSES)):
            yield from self._check(batch, topic, headers=headers)

    def record_consent(
        self,
        address: str,
        topic: str,
        evidence: Mapping[str, str],
        *,
        occurred_at: datetime | None = None,
        language: str | None = None,
        source: str = "",
    ) -> str:
        """Record a consent with its proof; the event's id. After `ServiceUnavailable` it may or may not be recorded."""
        values = {
            "address": address,
            "topic": topic,
            "evidence": dict(evidence),
            "occurred_at": occurred_at,
            "language": language,
            "source": source,
        }
        return str(self._write("consents", _request(wire.ConsentRequest, values))["event_id"])

    def withdraw(self, address: str, topic: str | None = None, *, source: str = "") -> str:
        """Record an opt-out that reached you; of all marketing where no topic is given. The event's id."""
        request = _request(wire.WithdrawalRequest, {"address": address, "topic": topic, "source": source})
        return str(self._write("withdrawals", request)["event_id"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _check(self, addresses: list[str], topic: str, *, headers: bool) -> list[Answer]:
        request = _request(wire.CheckRequest, {"topic": topic, "addresses": addresses, "headers": headers})
        verdicts = self._read(wire.CheckAnswer, self._post("check", request, {}))["verdicts"]
        if [verdict["address"] for verdict in verdicts] != addresses:
            raise ServiceUnavailable("mailconsent answered something else than was asked: do not send.")
        if any(verdict["allowed"] and not verdict["legal_basis"] for verdict in verdicts):
            raise ServiceUnavailable("mailconsent said yes without a ground: do not send.")
        return [Answer(**verdict) for verdict in verdicts]

    def _write(self, path: str, request: Any) -> Any:
        # Tried once more under the same key, so that an answer lost on the way makes no second event.
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        try:
            body = self._post(path, request, headers)
        except ServiceUnavailable:
            body = self._post(path, request, headers)
        return self._read(wire.Recorded, body)

    def _read(self, shape: Any, body: bytes) -> Any:
        try:
            return wire.read_answer(shape, body)
        except wire.BadRequest as fault:
            raise ServiceUnavailable("mailconsent's answer could not be read: do not send.") from fault

    def _post(self, path: str, request: Any, headers: dict[str, str]) -> bytes:
        ends = time.monotonic() + self._timeout
        body = bytearray()
        try:
            content = request.model_dump_json(exclude_none=True)
            with self._http.stream("POST", path, content=content, headers=headers) as response:
                for piece in response.iter_bytes():
                    body += piece
                    # The library's own timeout is for each read; a dripping answer would never end.
                    if time.monotonic() > ends or len(body) > MAX_ANSWER:
                        raise ServiceUnavailable("mailconsent's answer took too long: do not send.")
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as fault:
            raise ServiceUnavailable from fault
        _accept(response.status_code, bytes(body))
        return bytes(body)


def _request(model: Any, values: dict[str, Any]) -> Any:
    try:
        return wire.make_request(model, values)
    except wire.BadRequest as fault:
        raise Refused(_faults(fault.faults)) from None


def _accept(status: int, body: bytes) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise KeyRefused(_detail(body))
    if status in (400, 413, 415, 422):
        raise Refused(_detail(body))
    raise ServiceUnavailable


def _detail(body: bytes) -> str | None:
    try:
        problem = wire.read_answer(wire.Problem, body)
    except wire.BadRequest:
        return None
    return " ".join(part for part in (problem.get("detail"), _faults(problem.get("errors", []))) if part) or None


def _faults(faults: Iterable[wire.Fault]) -> str:
    return "; ".join(f"{fault['place']}: {fault['message']}" for fault in faults)
