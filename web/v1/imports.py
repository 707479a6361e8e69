"""Many rows at once."""

import hashlib
import json
from datetime import UTC, datetime

from mailconsent import wire
from mailconsent.bloom import Seen
from mailconsent.import_rows import Wanted, read_named
from mailconsent.services import Rules, imports
from mailconsent.services.dry_run import compare
from mailconsent.services.import_row import unusable
from mailconsent.store import Transaction
from mailconsent.store.access import ApiKey, Scope
from web.openapi import Operation


def import_rows(tx: Transaction, _key: ApiKey, asked: wire.ImportRequest, rules: Rules) -> wire.ImportAnswer:
    """A batch of rows, all of it in one transaction; or what it would change."""
    now = datetime.now(UTC)
    if asked.topic is not None:
        rules.policy.topic(asked.topic)
    wanted = Wanted(kind=asked.kind, topic=asked.topic, evidence=asked.evidence, partial=asked.partial)
    rows = [read_named(wanted, rules.policy, values, place) for place, values in enumerate(asked.rows, 1)]
    if asked.dry_run:
        counts, bad = compare(tx, rules.policy, rows, Seen(), now=now)
        batch_id, repeated = None, False
    else:
        batch = imports.open_batch(tx, wanted, hashlib.sha256(json.dumps(asked.rows).encode()).digest(), now=now)
        repeated = batch.finished_at is not None
        if repeated:
            bad = unusable(tx, rows, now=now)
            imports.require_nobody_lost(batch, len(bad))
        else:
            batch, bad = imports.apply_rows(tx, batch, rows, now=now, last=True)
        batch_id, counts = batch.id, batch.counts
    rejected: list[wire.RejectedRow] = [{"row": row.line, "why": row.why} for row in bad]
    return {"batch": batch_id, "repeated": repeated, "counts": wire.counts(counts), "rejected": rejected}


OPERATIONS = (
    Operation(
        path="/imports",
        summary="Import consents, sales or opt-outs; a dry run unless told otherwise",
        request=wire.ImportRequest,
        answer=wire.ImportAnswer,
        scope=Scope.IMPORTS,
        view=import_rows,
        writes=True,
    ),
)
