"""
Which reports of mail servers are believed: that mail could not be delivered, and that somebody took it for spam.

Anybody can write such a report about anybody. Where the file says nothing, only what we signed ourselves proves that a
report is of mail of ours.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailconsent.address import domain_of
from mailconsent.authentication import is_under
from mailconsent.policy.table import Table
from mailconsent.shared_domains import SHARED_DOMAINS

#: A domain such as `arf.example.net`, or one address there.
_REPORTER = re.compile(r"([A-Za-z0-9._+-]{1,64}@)?[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class Proof(StrEnum):
    """What tells that a bounce is of mail of ours, from the strongest on."""

    RETURN_PATH = "return_path"  #: our token in the return path or the Message-ID
    LINK = "link"  #: our link in what was returned, which whoever got hold of the mail knows
    ADDRESS = "address"  #: nothing: the address that the bounce names is believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What is believed."""

    #: The least proof with which a bounce counts.
    bounces: Proof = Proof.RETURN_PATH
    #: Who may report complaints about mail that bears no token of ours: domains and addresses in lower case.
    reporters: frozenset[str] = frozenset()

    def believes(self, sender: str | None) -> bool:
        """Whether this sender, whom our own server found authentic, may report complaints."""
        if sender is None:
            return False
        domain = domain_of(sender)
        return sender in self.reporters or any(is_under(domain, one) for one in self.reporters if "@" not in one)


#: Of a policy that says nothing.
STRICTEST = Reports()


def read_reports(file: Table) -> Reports:
    """What `[bounces]` and `[complaints]` of a policy file say."""
    proof, reporters = STRICTEST.bounces, STRICTEST.reporters
    if (table := file.table("bounces")) is not None:
        proof = table.choice("proof", Proof, proof)
        table.close()
    if (table := file.table("complaints")) is not None:
        reporters = _reporters(table)
        table.close()
    return Reports(bounces=proof, reporters=reporters)


def _reporters(table: Table) -> frozenset[str]:
    value = table.take("reporters")
    if value is None:
        return frozenset()
    if not (isinstance(value, list) and all(isinstance(one, str) and _REPORTER.fullmatch(one) for one in value)):
        table.fault("reporters", "must be a list of domains such as arf.example.net, or of addresses")
        return frozenset()
    if shared := sorted(SHARED_DOMAINS.intersection(map(str.lower, value))):
        # Each of its millions of customers could complain for anybody.
        table.fault("reporters", f"everybody may have an address at {shared[0]}: name the one that reports")
    return frozenset(map(str.lower, value))
