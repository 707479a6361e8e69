"""
What a newsletter system imports. It fails closed: a yes is only what mailconsent said, in full, about this address.

Three things that must never look alike: a denied answer is a value with `allowed` false; a key or a request that was
refused raises `KeyRefused` or `Refused`; no answer raises `ServiceUnavailable`.

    with Client("https://consent.example.com", api_key) as client:
        answer = client.check("anna@example.com", "blog")
        if answer.allowed:
            answer.put_into(message)
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from types import TracebackType
from typing import Any, Self

import httpx2

from mailconsent import wire
from mailconsent.answer import Answer
from mailconsent.errors import KeyRefused, Refused, ServiceUnavailable
from mailconsent.model import LegalBasis, Reason

__all__ = ["Answer", "Client"]

#: Bytes of the largest answer there can be: 10 000 verdicts with header fields and long addresses.
MAX_ANSWER = 32 * 2**20


class Client:
    """
    A connection to mailconsent. One may be shared by threads.

    `timeout`, in seconds, is for connecting, for the answer to begin, and for all of its body, even if that drips.
    """

    def __init__(self, base_url: str, api_key: str, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._http = httpx2.Client(
            base_url=f"{base_url.rstrip('/')}/v1/",
            headers={"Authorization": f"Bearer {_checked(api_key)}", "Content-Type": "application/json"},
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
        )

    def check(self, address: str, topic: str, *, send_id: str | None = None) -> Answer:
        """
        May I mail this address about this topic now? With the header fields and the link, if so.

        Under a `send_id`, your own name of the mailing, a marketing yes is recorded as sent.
        """
        return self._check([address], topic, headers=True, send_id=send_id)[0]

    def check_many(
        self, addresses: Iterable[str], topic: str, *, headers: bool = False, send_id: str | None = None
    ) -> Iterator[Answer]:
        """Answers in the order of the addresses, however many; asked for as they are consumed. Send soon after."""
        for batch in _batches(addresses):
            yield from self._check(batch, topic, headers=headers, send_id=send_id)

    def record_consent(
        self,
        address: str,
        topic: str,
        evidence: Mapping[str, str],
        *,
        route: str | None = None,
        notice: Mapping[str, str] | None = None,
        occurred_at: datetime | None = None,
        language: str | None = None,
        country: str | None = None,
        partial: bool = False,
        source: str = "",
    ) -> str:
        """
        Record a consent with its proof; the event's id. After `ServiceUnavailable` it may or may not be recorded.

        With a route, a record with gaps is `Refused`, and they are named. A notice has `text`, `version` and
        `language`, or `sha256`.
        """
        values = {
            "address": address,
            "topic": topic,
            "evidence": evidence,
            "route": route,
            "notice": notice,
            "occurred_at": occurred_at,
            "language": language,
            "country": country,
            "partial": partial,
            "source": source,
        }
        return str(self._write("consents", _request(wire.ConsentRequest, values))["event_id"])

    def withdraw(self, address: str, topic: str | None = None, *, source: str = "") -> str:
        """Record an opt-out that reached you; of all marketing where no topic is given. The event's id."""
        request = _request(wire.WithdrawalRequest, {"address": address, "topic": topic, "source": source})
        return str(self._write("withdrawals", request)["event_id"])

    def record_sale(
        self,
        address: str,
        order: str,
        sold_on: date,
        state: str,
        *,
        entity: str | None = None,
        categories: Iterable[str] = (),
        obtained: str | None = None,
        notice: str | None = None,
        offered_at: datetime | None = None,
        country: str | None = None,
        customer: str | None = None,
        opted_out: bool = False,
        occurred_at: datetime | None = None,
        language: str | None = None,
        source: str = "",
    ) -> str:
        """
        Record a sale, or with the state `cancelled` or `refunded` its end; the id of the order's event.

        Tell of an order as often as you like, always under the same `order`. After `ServiceUnavailable` it may or may
        not be recorded.
        """
        values = {
            "address": address,
            "order": order,
            "sold_on": sold_on.isoformat(),
            "state": state,
            "entity": entity,
            "categories": list(categories),
            "obtained": obtained,
            "notice": notice,
            "offered_at": offered_at,
            "country": country,
            "customer": customer,
            "opted_out": opted_out,
            "occurred_at": occurred_at,
            "language": language,
            "source": source,
        }
        return str(self._write("sales", _request(wire.SaleRequest, values))["event_id"])

    def record_sends(
        self, addresses: Iterable[str], topic: str, send_id: str, *, sent_at: datetime | None = None
    ) -> list[tuple[str, Reason]]:
        """Record what you sent, however many. Each address that should not have been mailed comes back, and why not."""
        wrong: list[tuple[str, Reason]] = []
        for batch in _batches(addresses):
            values = {"topic": topic, "addresses": batch, "send_id": send_id, "sent_at": sent_at}
            told = self._write("sends", _request(wire.SendsRequest, values), wire.SendsAnswer)["without_ground"]
            if not all(0 <= one["place"] < len(batch) for one in told):
                raise ServiceUnavailable("mailconsent answered something else than was told: tell it again.")
            wrong += [(batch[one["place"]], one["reason"]) for one in told]
        return wrong

    def record_bounce(
        self,
        address: str,
        *,
        status: str | None = None,
        said: str | None = None,
        occurred_at: datetime | None = None,
        source: str = "",
    ) -> str:
        """
        Record that a mail failed, with its status (RFC 3463) or what the server said. What came of it: `ended` if the
        address does not work, `owner_changed`, `counted`, `look` or `nothing`.
        """
        values = {"address": address, "status": status, "said": said, "occurred_at": occurred_at, "source": source}
        recorded = self._write("bounces", _request(wire.BounceRequest, values), wire.BounceRecorded)
        return str(recorded["effect"])

    def record_complaint(self, address: str, *, occurred_at: datetime | None = None, source: str = "") -> str:
        """Record that the recipient reported a mail as spam: all marketing to them ends. The event's id."""
        values = {"address": address, "occurred_at": occurred_at, "source": source}
        return str(self._write("complaints", _request(wire.ComplaintRequest, values))["event_id"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _check(self, addresses: list[str], topic: str, *, headers: bool, send_id: str | None) -> list[Answer]:
        values = {"topic": topic, "addresses": addresses, "headers": headers, "send_id": send_id}
        body = self._post("check", _request(wire.CheckRequest, values), {})
        verdicts = self._read(wire.CheckAnswer, body)["verdicts"]
        if [verdict["address"] for verdict in verdicts] != addresses:
            raise ServiceUnavailable("mailconsent answered something else than was asked: do not send.")
        if not all(_is_whole(verdict, headers=headers) for verdict in verdicts):
            raise ServiceUnavailable("mailconsent said yes without all that belongs to it: do not send.")
        return [Answer(**verdict) for verdict in verdicts]

    def _write(self, path: str, request: Any, shape: Any = wire.Recorded) -> Any:
        # Tried once more under the same key, so that an answer lost on the way makes no second event.
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        try:
            body = self._post(path, request, headers)
        except ServiceUnavailable:
            body = self._post(path, request, headers)
        return self._read(shape, body)

    def _read(self, shape: Any, body: bytes) -> Any:
        try:
            return wire.read_answer(shape, body)
        except wire.BadRequest as fault:
            raise ServiceUnavailable("mailconsent's answer could not be read: do not send.") from fault

    def _post(self, path: str, request: Any, headers: dict[str, str]) -> bytes:
        try:
            status, body = self._exchange(path, request.model_dump_json(exclude_none=True), headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as fault:
            failure = type(fault).__name__
        else:
            _accept(status, body)
            return body
        # Raised out here, so as not to hold on to the library's exception: its text may quote an answer.
        raise ServiceUnavailable(f"mailconsent could not be asked ({failure}): do not send.")

    def _exchange(self, path: str, content: str, headers: dict[str, str]) -> tuple[int, bytes]:
        ends = time.monotonic() + self._timeout
        body = bytearray()
        with self._http.stream("POST", path, content=content, headers=headers) as response:
            for piece in response.iter_bytes():
                body += piece
                # The library's own timeout is for each read; a dripping answer would never end.
                if time.monotonic() > ends or len(body) > MAX_ANSWER:
                    raise ServiceUnavailable("mailconsent's answer took too long or is too large: do not send.")
            return response.status_code, bytes(body)


def _checked(api_key: object) -> str:
    key = api_key.strip() if isinstance(api_key, str) else ""
    if not key or not key.isascii() or not key.isprintable():
        # Said here and not by the library, whose message would quote it.
        raise KeyRefused("This is no API key: `mailconsent key create` prints one.")
    return key


def _batches(addresses: Iterable[str]) -> Iterator[list[str]]:
    if isinstance(addresses, str):
        raise Refused("addresses: must be many, and not one text.")
    rest = iter(addresses)
    return iter(lambda: list(islice(rest, wire.MAX_ADDRESSES)), [])


def _request(model: Any, values: dict[str, Any]) -> Any:
    try:
        return wire.make_request(model, values)
    except wire.BadRequest as fault:
        raise Refused(_faults(fault.faults)) from None


def _is_whole(verdict: wire.Verdict, *, headers: bool) -> bool:
    """A yes is named for its ground; a marketing one names the event behind it, and brings the link if asked to."""
    if not verdict["allowed"]:
        return True
    if verdict["reason"].value != verdict["legal_basis"]:
        return False
    if verdict["legal_basis"] is LegalBasis.TRANSACTIONAL:
        return True
    permit = "List-Unsubscribe" in verdict.get("headers", {}) and verdict.get("unsubscribe_url")
    return bool(verdict["event_id"] and (permit or not headers))


def _accept(status: int, body: bytes) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise KeyRefused(_detail(body))
    if status in (400, 413, 415, 422):
        raise Refused(_detail(body))
    raise ServiceUnavailable(f"mailconsent answered {status}: do not send.")


def _detail(body: bytes) -> str | None:
    try:
        problem = wire.read_answer(wire.Problem, body)
    except wire.BadRequest:
        return None
    return " ".join(part for part in (problem.get("detail"), _faults(problem.get("errors", []))) if part) or None


def _faults(faults: Iterable[wire.Fault]) -> str:
    return "; ".join(f"{fault['place']}: {fault['message']}" for fault in faults)
