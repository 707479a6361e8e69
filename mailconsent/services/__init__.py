"""
What the building is for: one function per use case, and each is the body of one transaction.

A service gets the transaction, the rules, and the time; it opens nothing, sends nothing, and answers with values.
"""

from dataclasses import dataclass

from mailconsent.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the company promises, and where its recipients reach it."""

    policy: Policy
    base_url: str
    #: Where mail that unsubscribes goes to.
    mailto: str
    #: Where mail comes back to that could not be delivered.
    return_path: str
