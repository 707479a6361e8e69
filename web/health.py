"""The health of the process, for whoever watches it."""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, jsonify

from mailconsent import logs
from mailconsent.errors import ConfigError, Unavailable
from mailconsent.services.installation import Installation, readiness

checks = Blueprint("health", __name__)


@checks.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@checks.get("/readyz")
def ready() -> tuple[Response, int]:
    """
    The database answers, is migrated, and is under keys that we have.

    A worker that is late is told and alarms nobody here: taking the pages away would not bring it back.
    """
    installation: Installation = current_app.extensions["mailconsent"]
    try:
        with installation.store.read() as tx:
            state = readiness(tx, now=datetime.now(UTC))
    except (ConfigError, Unavailable) as fault:
        logs.failure("not ready", fault)
        return jsonify(ready=False, reason=type(fault).__name__), 503
    late_after = 3 * installation.settings.imap_cycle + installation.settings.imap_timeout
    worker = {
        "mailboxes": state.mailboxes,
        "last_sweep_seconds": state.sweep_age,
        "late": state.mailboxes > 0 and (state.sweep_age is None or state.sweep_age > late_after),
    }
    return jsonify(ready=True, worker=worker), 200
