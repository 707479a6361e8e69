"""How what we refuse, and what fails, is said: as problem+json to programs (RFC 9457), as a page to people."""

from http import HTTPStatus

from flask import Flask, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from mailconsent import logs, wire
from mailconsent.errors import ConfigError, InvalidToken, KeyRefused, Refused, Unavailable, UnderWay

#: Seconds after which a mail client should post again.
RETRY_AFTER = "30"


class Forbidden(Refused):
    """This API key may not do that."""


def install(app: Flask) -> None:
    """Answer every error of this application."""
    app.register_error_handler(InvalidToken, _invalid_token)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(wire.BadRequest, _bad_request)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(ConfigError, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, detail: str | None = None, errors: list[wire.Fault] | None = None) -> Response:
    """An RFC 9457 problem."""
    value: wire.Problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        value["detail"] = detail
    if errors:
        value["errors"] = errors
    return Response(wire.write(wire.Problem, value), status, content_type="application/problem+json")


def _is_api() -> bool:
    return request.path.startswith("/v1/")


def _page(template: str, status: int) -> Response:
    controller = current_app.extensions["mailconsent"].rules.policy.controller
    return make_response(render_template(template, controller=controller), status)


def _invalid_token(_fault: InvalidToken) -> Response:
    return _page("not_found.html", 404)


def _refused(fault: Refused) -> Response:
    if isinstance(fault, Forbidden):
        return problem(403, str(fault))
    if isinstance(fault, KeyRefused):
        response = problem(401, str(fault))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return problem(409 if isinstance(fault, UnderWay) else 422, str(fault))


def _bad_request(fault: wire.BadRequest) -> Response:
    if not fault.is_json:
        return problem(400, "The body is not JSON.")
    return problem(422, "The body is not what this call takes.", list(fault.faults))


def _unavailable(fault: Exception) -> Response:
    logs.failure("unavailable", fault)
    response = problem(503, "Try again later; until then do not send.") if _is_api() else _page("later.html", 503)
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def _http(fault: HTTPException) -> Response:
    status = fault.code or 500
    response = problem(status) if _is_api() else _page("not_found.html" if status == 404 else "error.html", status)
    for name, value in fault.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _unexpected(fault: Exception) -> Response:
    logs.failure("unexpected", fault)
    return problem(500) if _is_api() else _page("error.html", 500)
