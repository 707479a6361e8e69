"""
The JSON shapes, shared by the API and the client. One set of models checks what comes in, makes what goes out, and
describes both in OpenAPI.
"""

from mailconsent.wire.check import MAX_ADDRESSES, CheckAnswer, CheckRequest, Verdict, verdict
from mailconsent.wire.consents import ConsentRecorded, ConsentRequest, Recorded, ShownNotice, WithdrawalRequest
from mailconsent.wire.imports import Counts, ImportAnswer, ImportRequest, RejectedRow, counts
from mailconsent.wire.json_text import (
    BadRequest,
    Fault,
    Problem,
    make_request,
    read_answer,
    read_request,
    schemas,
    write,
)
from mailconsent.wire.sales import SaleRequest
from mailconsent.wire.sends import SendsAnswer, SendsRequest

__all__ = [
    "MAX_ADDRESSES",
    "BadRequest",
    "CheckAnswer",
    "CheckRequest",
    "ConsentRecorded",
    "ConsentRequest",
    "Counts",
    "Fault",
    "ImportAnswer",
    "ImportRequest",
    "Problem",
    "Recorded",
    "RejectedRow",
    "SaleRequest",
    "SendsAnswer",
    "SendsRequest",
    "ShownNotice",
    "Verdict",
    "WithdrawalRequest",
    "counts",
    "make_request",
    "read_answer",
    "read_request",
    "schemas",
    "verdict",
    "write",
]
