"""People's rights over the API: what is recorded, in short and in full, and its erasure."""

from datetime import UTC, datetime

from mailconsent import wire
from mailconsent.services import Rules
from mailconsent.services.access import read_dossier
from mailconsent.services.erasure import erase
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from web.openapi import Operation
from web.v1.keys import receipt_of


def lookup_recipient(tx: Transaction, _key: ApiKey, asked: wire.RecipientRequest, rules: Rules) -> wire.LookupAnswer:
    """What is recorded, in short."""
    return wire.lookup_answer(read_dossier(tx, rules.policy, asked.address, now=datetime.now(UTC)), rules.policy)


def export_recipient(tx: Transaction, _key: ApiKey, asked: wire.RecipientRequest, rules: Rules) -> wire.ExportAnswer:
    """All that is recorded."""
    return wire.export_answer(read_dossier(tx, rules.policy, asked.address, now=datetime.now(UTC)), rules.policy)


def erase_recipient(tx: Transaction, key: ApiKey, asked: wire.EraseRequest, _rules: Rules) -> wire.EraseAnswer:
    """Erase, and say what went and what stays."""
    receipt = receipt_of(key, asked.source, None)
    return wire.erase_answer(erase(tx, asked.address, receipt, digest=asked.digest, told=asked.told))


OPERATIONS = (
    Operation(
        path="/recipients/lookup",
        summary="What is recorded about an address, in short",
        request=wire.RecipientRequest,
        answer=wire.LookupAnswer,
        scope=Scope.RECIPIENTS,
        view=lookup_recipient,
        writes=False,
    ),
    Operation(
        path="/recipients/export",
        summary="All that is recorded about an address (GDPR Articles 15 and 20)",
        request=wire.RecipientRequest,
        answer=wire.ExportAnswer,
        scope=Scope.RECIPIENTS,
        view=export_recipient,
        writes=False,
    ),
    Operation(
        path="/recipients/erase",
        summary="Erase what identifies a person (GDPR Article 17)",
        request=wire.EraseRequest,
        answer=wire.EraseAnswer,
        scope=Scope.RECIPIENTS_ERASE,
        view=erase_recipient,
        writes=True,
    ),
)
