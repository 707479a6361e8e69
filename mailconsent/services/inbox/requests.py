"""What a request to unsubscribe does."""

from collections.abc import Iterator, Sequence

from mailconsent.classify.identity import key_of
from mailconsent.errors import InvalidAddress
from mailconsent.mail_id import MailId
from mailconsent.model import ALL_TOPICS, LegalBasis, UnsubscribeClaim
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.recipients import Outcome, unsubscribe, withdraw
from mailconsent.store import Transaction
from mailconsent.store.dossier import find_recipient
from mailconsent.store.review import hang


def apply_request(tx: Transaction, mail: Mail) -> Effect:
    """
    A link that is the request says whom and what; one that is only quoted says whom. Either way the request covers the
    writer too, who may get our mail under two addresses. Where the scope is unclear, the wider one (design 5.4).

    Raises `InvalidAddress` for a request from nobody we can name.
    """
    outcomes = _outcomes(tx, mail)
    # A repeat adds no event. Where the first turns out to be forged, this one is still to be heard.
    hang(tx, MailId.read(mail.source), {outcome.event_id for outcome in outcomes if outcome.repeated})
    return Effect(outcomes=outcomes)


def _outcomes(tx: Transaction, mail: Mail) -> tuple[Outcome, ...]:
    verdict, receipt = mail.verdict, mail.receipt
    if verdict.detector == "token":
        links = [claim for claim in verdict.claims if isinstance(claim, UnsubscribeClaim)]
        owners = tuple(unsubscribe(tx, link, receipt) for link in links)
        return (*owners, *_cover_writer(tx, mail, links, owners))
    if not verdict.claims and not verdict.addresses:
        raise InvalidAddress
    everything = [
        UnsubscribeClaim(digest=claim.digest, generation=claim.generation, topic=ALL_TOPICS, basis=LegalBasis.CONSENT)
        for claim in verdict.claims
    ]
    return (
        *(unsubscribe(tx, claim, receipt, quoted=True) for claim in everything),
        *(withdraw(tx, address, receipt) for address in verdict.addresses),
    )


def _cover_writer(
    tx: Transaction, mail: Mail, links: Sequence[UnsubscribeClaim], owners: Sequence[Outcome]
) -> Iterator[Outcome]:
    """
    The writer is none of the owners of these links: the request covers what they cover for them too. Only by their
    address, which may be forged, so it is no refusal that would bar soft opt-in for good, and can be undone.
    """
    addresses = mail.verdict.addresses
    if len(addresses) != 1 or not key_of(addresses[0]):
        return
    writer = find_recipient(tx, addresses[0])
    if writer and any(owner.event_id.recipient_id == writer.id for owner in owners):
        return
    for topic in dict.fromkeys(link.topic if link.basis is LegalBasis.CONSENT else ALL_TOPICS for link in links):
        yield withdraw(tx, addresses[0], mail.receipt, topic=topic)
