"""What a request to unsubscribe does."""

from dataclasses import replace

from mailconsent.errors import InvalidAddress
from mailconsent.model import ALL_TOPICS, LegalBasis
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.store import Transaction


def apply_request(tx: Transaction, mail: Mail) -> Effect:
    """
    A link that is the request says whom and what; one that is only quoted says whom, and the request covers the writer
    too. Where the scope is unclear, the wider one (design 5.4).

    Raises `InvalidAddress` for a request from nobody we can name.
    """
    verdict, receipt = mail.verdict, mail.receipt
    if verdict.detector == "token":
        return Effect(outcomes=tuple(unsubscribe(tx, claim, receipt) for claim in verdict.claims))
    if not verdict.claims and not verdict.addresses:
        raise InvalidAddress
    everything = [replace(claim, topic=ALL_TOPICS, basis=LegalBasis.CONSENT) for claim in verdict.claims]
    return Effect(
        outcomes=(
            *(unsubscribe(tx, claim, receipt, quoted=True) for claim in everything),
            *(withdraw(tx, address, receipt) for address in verdict.addresses),
        )
    )
