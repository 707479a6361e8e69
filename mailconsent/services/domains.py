"""
What the suppression of a domain does to the decisions on its addresses. Rules:

1. It denies marketing to every address of the domain and of what is under it, known here or not, and nothing else.
2. It is the operator's no (design 5.3 row 2): among the noes of an address, the strongest gives the reason.
3. Nothing that a person does lifts it: only a release does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mailconsent.address import domains_over
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Decision, EventId, MailKind, Reason, Standing
from mailconsent.store import Transaction
from mailconsent.store.ledger import read_all_events
from mailconsent.store.sends import find_recipients
from mailconsent.store.standings import read_standings

#: What denies an address itself, and at least as strongly.
FIRST = frozenset(
    {Reason.INVALID_ADDRESS, Reason.PERMANENT_FAILURE, Reason.COMPLAINT, Reason.OBJECTED, Reason.SUPPRESSED}
)


def under_domains(
    tx: Transaction, kind: MailKind, addresses: Sequence[str], decisions: list[Decision], *, at: datetime | None = None
) -> list[Decision]:
    """
    These decisions on these addresses, with those denied whose domain is suppressed.

    With `at`: whose domain was, by what we had received by then.
    """
    if kind is not MailKind.MARKETING or not tx.state.domains:
        return decisions
    spellings = [address.rpartition("@")[2] for address in addresses]
    denied = _denied(tx, set(spellings), at)
    if not denied:
        return decisions
    return [
        decision if decision.reason in FIRST else denied.get(spelling, decision)
        for spelling, decision in zip(spellings, decisions, strict=True)
    ]


def _denied(tx: Transaction, spellings: set[str], at: datetime | None) -> dict[str, Decision]:
    """The denials by the domain as it was written; the nearest domain that is suppressed decides."""
    over = {spelling: domains_over(spelling) for spelling in spellings}
    # While a rotation runs, a domain may stand under either digest.
    digests = {
        domain: [tx.digester.digest(domain, generation) for generation in tx.state.live]
        for domain in {domain for domains in over.values() for domain in domains}
    }
    asked = [digest for both in digests.values() for digest in both]
    found = read_standings(tx, asked, ALL_TOPICS) if at is None else _standings_at(tx, asked, at)
    if not found:
        return {}
    noes = {
        domain: standing
        for domain, both in digests.items()
        for digest in both
        if (standing := found.get(digest)) and standing.denial_event is not None
    }
    return {
        spelling: _denial(noes[nearest])
        for spelling, domains in over.items()
        if (nearest := next((domain for domain in domains if domain in noes), None))
    }


def _standings_at(tx: Transaction, digests: Sequence[bytes], at: datetime) -> Mapping[bytes, Standing]:
    known = find_recipients(tx, digests)
    events = read_all_events(tx, sorted(set(known.values())))
    folded = {one: fold(one, [event for event in told if event.received_at <= at]) for one, told in events.items()}
    return {digest: folded[one][ALL_TOPICS] for digest, one in known.items() if ALL_TOPICS in folded[one]}


def _denial(standing: Standing) -> Decision:
    event_id = EventId(standing.recipient_id, standing.denial_event or 0)
    return Decision(allowed=False, reason=Reason.SUPPRESSED, event_id=event_id)
