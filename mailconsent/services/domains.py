"""
What the suppression of a domain does to the decisions on its addresses. Rules:

1. It denies marketing to every address of the domain and of what is under it, known here or not, and nothing else.
2. It is the operator's no (design 5.3 row 2): among the noes of an address, the strongest gives the reason.
3. Nothing that a person does lifts it: only a release does.
"""

from collections.abc import Sequence
from datetime import datetime

from mailconsent.address import domains_over
from mailconsent.model import ALL_TOPICS, Decision, EventId, MailKind, Reason, Standing
from mailconsent.store import Transaction
from mailconsent.store.ledger import read_event
from mailconsent.store.standings import read_standings

#: What denies an address itself, and at least as strongly.
FIRST = frozenset(
    {Reason.INVALID_ADDRESS, Reason.PERMANENT_FAILURE, Reason.COMPLAINT, Reason.OBJECTED, Reason.SUPPRESSED}
)


def under_domains(
    tx: Transaction,
    kind: MailKind,
    addresses: Sequence[str],
    decisions: list[Decision],
    *,
    since: datetime | None = None,
) -> list[Decision]:
    """These decisions on these addresses, with those denied whose domain is suppressed; `since` then or earlier."""
    if kind is not MailKind.MARKETING or not tx.state.domains:
        return decisions
    spellings = [address.rpartition("@")[2] for address in addresses]
    denied = _denied(tx, set(spellings), since)
    if not denied:
        return decisions
    return [
        decision if decision.reason in FIRST else denied.get(spelling, decision)
        for spelling, decision in zip(spellings, decisions, strict=True)
    ]


def _denied(tx: Transaction, spellings: set[str], since: datetime | None) -> dict[str, Decision]:
    """The denials by the domain as it was written; the nearest domain that is suppressed decides."""
    over = {spelling: domains_over(spelling) for spelling in spellings}
    # While a rotation runs, a domain may stand under either digest.
    digests = {
        domain: [tx.digester.digest(domain, generation) for generation in tx.state.live]
        for domain in {domain for domains in over.values() for domain in domains}
    }
    found = read_standings(tx, [digest for both in digests.values() for digest in both], ALL_TOPICS)
    if not found:
        return {}
    noes = {
        domain: standing
        for domain, both in digests.items()
        for digest in both
        if (standing := found.get(digest)) and standing.denial_event is not None
        if since is None or read_event(tx, _event_of(standing)).received_at <= since
    }
    return {
        spelling: _denial(noes[nearest])
        for spelling, domains in over.items()
        if (nearest := next((domain for domain in domains if domain in noes), None))
    }


def _denial(standing: Standing) -> Decision:
    return Decision(allowed=False, reason=Reason.SUPPRESSED, event_id=_event_of(standing))


def _event_of(standing: Standing) -> EventId:
    return EventId(standing.recipient_id, standing.denial_event or 0)
