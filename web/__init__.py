"""
The web application: the pages that recipients see, the API that newsletter systems ask, and the health of the process.

`create_app` takes an opened installation, so that any WSGI server and any test can have its own.
"""

import time

from flask import Flask, Response, g, request

from mailconsent import logs
from mailconsent.services.installation import Installation
from web import errors, health, language, public, undoing, v1

#: 10 000 addresses of the longest kind, with room to spare.
MAX_BODY = 12 * 2**20


def create_app(installation: Installation) -> Flask:
    """The application over this installation."""
    app = Flask("web", root_path=__path__[0], static_folder="static", template_folder="templates")
    app.extensions["mailconsent"] = installation
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY)
    # A redirect would lose the POST of a mail client (RFC 8058 section 3.1: no redirects).
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    language.install(app, installation.rules.policy.controller.language)
    app.register_blueprint(public.pages)
    app.register_blueprint(undoing.pages)
    app.register_blueprint(v1.v1)
    app.register_blueprint(health.checks)
    errors.install(app)
    app.before_request(_begin)
    app.after_request(_finish)
    return app


def _begin() -> None:
    g.began = time.monotonic()


def _finish(response: Response) -> Response:
    for name, value in SECURITY.items():
        response.headers[name] = value
    # The rule, never the path: that one holds the token.
    logs.info(
        "request",
        method=request.method,
        rule=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.monotonic() - g.began) * 1000, 1),
    )
    return response


SECURITY = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}
