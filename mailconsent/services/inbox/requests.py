"""What a request to unsubscribe does."""

from mailconsent.errors import InvalidAddress
from mailconsent.model import ALL_TOPICS, LegalBasis, UnsubscribeClaim
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
        links = (claim for claim in verdict.claims if isinstance(claim, UnsubscribeClaim))
        return Effect(outcomes=tuple(unsubscribe(tx, link, receipt) for link in links))
    if not verdict.claims and not verdict.addresses:
        raise InvalidAddress
    everything = [
        UnsubscribeClaim(digest=claim.digest, generation=claim.generation, topic=ALL_TOPICS, basis=LegalBasis.CONSENT)
        for claim in verdict.claims
    ]
    return Effect(
        outcomes=(
            *(unsubscribe(tx, claim, receipt, quoted=True) for claim in everything),
            *(withdraw(tx, address, receipt) for address in verdict.addresses),
        )
    )
