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
from mailconsent.wire.suppressions import (
    MAX_LISTED,
    ListedSuppression,
    SuppressionList,
    SuppressionListRequest,
    SuppressionRequest,
    listed,
)

__all__ = [
    "MAX_ADDRESSES",
    "MAX_LISTED",
    "BadRequest",
    "CheckAnswer",
    "CheckRequest",
    "ConsentRecorded",
    "ConsentRequest",
    "Counts",
    "Fault",
    "ImportAnswer",
    "ImportRequest",
    "ListedSuppression",
    "Problem",
    "Recorded",
    "RejectedRow",
    "SaleRequest",
    "SendsAnswer",
    "SendsRequest",
    "ShownNotice",
    "SuppressionList",
    "SuppressionListRequest",
    "SuppressionRequest",
    "Verdict",
    "WithdrawalRequest",
    "counts",
    "listed",
    "make_request",
    "read_answer",
    "read_request",
    "schemas",
    "verdict",
    "write",
]
