"""
The page behind the link that undoes a withdrawal. Rules (design 5.3):

1. GET and HEAD write nothing (RFC 9110 section 9.2.1): gateways open every link of every mail.
2. Only our own button undoes. What else is posted, such as the one click of a mail client, changes nothing: stopping is
   easy, and starting again takes a person.
3. Commit, then answer. A link that is too old, or of what can no longer be undone, is gone: 410 (RFC 9110 section
   15.5.11).
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, make_response, render_template

from mailconsent.errors import InvalidToken, Refused, TokenExpired
from mailconsent.model import ALL_TOPICS, Channel, Evidence, Receipt, UndoClaim
from mailconsent.services.installation import Installation
from mailconsent.services.undoing import undo
from web import language
from web.public import from_page, read_body

pages = Blueprint("undoing", __name__)


@pages.get("/r/<path:token>")
def ask(token: str) -> Response:
    """One button."""
    try:
        return _page("undo.html", _read(token))
    except TokenExpired:
        return _gone()


@pages.post("/r/<path:token>")
def act(token: str) -> Response:
    """Undo."""
    try:
        claim = _read(token)
        if not from_page(read_body()):
            return _page("undo.html", claim)
        evidence = Evidence(details={"confirm_method": "POST"})
        receipt = Receipt(channel=Channel.PAGE, received_at=datetime.now(UTC), evidence=evidence)
        with _installation().store.begin() as tx:
            undo(tx, claim, receipt)
        return _page("undone.html", claim)
    except Refused as fault:
        if isinstance(fault, InvalidToken) and not isinstance(fault, TokenExpired):
            raise
        return _gone()


def _installation() -> Installation:
    installation: Installation = current_app.extensions["mailconsent"]
    return installation


def _read(token: str) -> UndoClaim:
    return _installation().store.keyring.read_undo(token.rstrip("/"), now=datetime.now(UTC))


def _page(template: str, claim: UndoClaim) -> Response:
    policy = _installation().rules.policy
    text = render_template(
        template,
        controller=policy.controller,
        topic=policy.name(claim.topic, language.reading()),
        everything=claim.topic == ALL_TOPICS,
    )
    return make_response(text)


def _gone() -> Response:
    controller = _installation().rules.policy.controller
    return make_response(render_template("undo_gone.html", controller=controller), 410)
