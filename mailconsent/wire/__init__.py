"""
The JSON shapes, shared by the API and the client. One set of models checks what comes in, makes what goes out, and
describes both in OpenAPI.
"""

from mailconsent.wire.check import MAX_ADDRESSES, CheckAnswer, CheckRequest, Verdict, carry, verdict
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
from mailconsent.wire.recipients import (
    LOOKED_UP,
    EraseAnswer,
    EraseRequest,
    ExportAnswer,
    LookupAnswer,
    RecipientRequest,
    erase_answer,
    export_answer,
    lookup_answer,
)
from mailconsent.wire.reports import BounceRecorded, BounceRequest, ComplaintRequest
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
    "LOOKED_UP",
    "MAX_ADDRESSES",
    "MAX_LISTED",
    "BadRequest",
    "BounceRecorded",
    "BounceRequest",
    "CheckAnswer",
    "CheckRequest",
    "ComplaintRequest",
    "ConsentRecorded",
    "ConsentRequest",
    "Counts",
    "EraseAnswer",
    "EraseRequest",
    "ExportAnswer",
    "Fault",
    "ImportAnswer",
    "ImportRequest",
    "ListedSuppression",
    "LookupAnswer",
    "Problem",
    "RecipientRequest",
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
    "carry",
    "counts",
    "erase_answer",
    "export_answer",
    "listed",
    "lookup_answer",
    "make_request",
    "read_answer",
    "read_request",
    "schemas",
    "verdict",
    "write",
]
