"""What schemathesis asks of every answer beside its own checks. It loads this file by itself."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response


@schemathesis.check
def what_fits_the_document_is_refused_for_its_meaning_alone(
    _context: CheckContext, response: Response, case: Case[Any]
) -> None:
    """An unknown topic or an address that is none is told in words, and no place of the body is blamed."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 422:
        assert "errors" not in response.json()
