"""
The pages behind a link in a mail. Rules (RFC 8058, design section 7):

1. GET and HEAD write nothing: gateways open every link of every mail (RFC 9110 section 9.2.1).
2. POST unsubscribes whatever its body, content type or agent. The body only tells a mail client from a person.
3. Commit, then answer. Never a redirect, a cookie, a login or a rate limit: providers post from few addresses.
4. A valid token is never refused.
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from mailconsent.model import ALL_TOPICS, Channel, Receipt, UnsubscribeClaim
from mailconsent.services.installation import Installation
from mailconsent.services.recipients import unsubscribe
from web import language

pages = Blueprint("pages", __name__)

ONE_CLICK = b"List-Unsubscribe=One-Click"
#: As much of a body as can be of interest, in bytes.
BODY = 16 * 1024


@pages.get("/u/<path:token>")
def ask(token: str) -> str:
    """One button."""
    installation: Installation = current_app.extensions["mailconsent"]
    claim = installation.store.keyring.read_token(token.rstrip("/"))
    return _page("ask.html", claim)


@pages.post("/u/<path:token>")
def act(token: str) -> Response:
    """Unsubscribe."""
    installation: Installation = current_app.extensions["mailconsent"]
    claim = installation.store.keyring.read_token(token.rstrip("/"))
    person = from_page(read_body())
    receipt = Receipt(channel=Channel.PAGE if person else Channel.ONE_CLICK, received_at=datetime.now(UTC))
    with installation.store.begin() as tx:
        unsubscribe(tx, claim, receipt)
    if not person:
        return Response("Unsubscribed.\n", mimetype="text/plain")
    return make_response(_page("done.html", claim))


def _page(template: str, claim: UnsubscribeClaim) -> str:
    """What the link covers, in the reader's words. A topic no longer published has no name, and is not "everything"."""
    policy = current_app.extensions["mailconsent"].rules.policy
    return render_template(
        template,
        controller=policy.controller,
        topic=policy.name(claim.topic, language.reading()),
        everything=claim.topic == ALL_TOPICS,
    )


def read_body() -> bytes:
    """The beginning of the body. One that cannot be read says nothing, and the request still counts."""
    request.max_content_length = None
    try:
        return bytes(request.stream.read(BODY))
    except (HTTPException, OSError, ValueError):
        return b""


def from_page(body: bytes) -> bool:
    """Whether our own button sent this. Everything else is taken for a mail client: some send no body at all."""
    return ONE_CLICK not in body and (body.startswith(b"confirm=") or b'name="confirm"' in body)
