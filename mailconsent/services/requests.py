"""
The clock of people's requests about their data (GDPR Article 12(3)): received, identified, put off, answered.

Days are the company's own: `today` is the day in its time zone.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from mailconsent.errors import Refused
from mailconsent.rights import Answer, Delay, Right, RightsRequest
from mailconsent.store import Transaction
from mailconsent.store import rights as store
from mailconsent.store.recipients import lock_known


def add(tx: Transaction, kind: Right, received_on: date, *, today: date, address: str | None = None) -> RightsRequest:
    """
    Take down that somebody asked. The address only links the request to what is recorded of it; it is not stored.

    Raises `InvalidAddress`; `Refused` for a day that has not come.
    """
    if received_on > today:
        raise Refused("The day of receipt lies in the future.")
    known = lock_known(tx, address) if address else None
    request = RightsRequest(
        id=store.new_id(),
        kind=kind,
        received_on=received_on,
        recipient_id=known.id if known else None,
        identified_on=today if address else None,
    )
    store.add_request(tx, request)
    return request


def identify(tx: Transaction, request_id: str, *, today: date, address: str | None = None) -> RightsRequest:
    """It is known who asks. Their clock has run since the receipt all the same."""
    request = _open(tx, request_id)
    known = lock_known(tx, address) if address else None
    return _save(
        tx,
        replace(
            request,
            identified_on=request.identified_on or today,
            recipient_id=known.id if known else request.recipient_id,
        ),
    )


def extend(tx: Transaction, request_id: str, delay: Delay, *, today: date) -> RightsRequest:
    """The person was told today that it takes two months longer, and why."""
    request = _open(tx, request_id)
    if request.extended_on:
        raise Refused("This request was put off already, and can be only once.")
    if today > request.extendable_until:
        raise Refused("Too late: the person had to be told within the first month.")
    return _save(tx, replace(request, extended_on=today, delay=delay))


def answer(tx: Transaction, request_id: str, given: Answer, *, today: date, kind: Right | None = None) -> RightsRequest:
    """
    The person has their answer. `kind` is what was done about it, where that is known: another right is not answered.
    """
    request = _open(tx, request_id)
    if kind and request.kind is not kind:
        raise Refused(f"This is a request for {request.kind}, not for {kind}.")
    return _save(tx, replace(request, answered_on=today, answer=given))


def waiting(tx: Transaction) -> Sequence[RightsRequest]:
    """What is not answered yet, oldest first."""
    return store.open_requests(tx)


def _open(tx: Transaction, request_id: str) -> RightsRequest:
    request = store.lock_request(tx, request_id)
    if request is None:
        raise Refused("There is no request of this id: `mailconsent requests` lists them.")
    if request.answered_on:
        raise Refused("This request was answered already.")
    return request


def _save(tx: Transaction, request: RightsRequest) -> RightsRequest:
    store.save_request(tx, request)
    return request
