"""What the API says when it does not answer: a problem of RFC 9457 that helps the caller and echoes nothing."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from mailconsent.store.access import Scope, revoke_key
from tests.doors.refusals import CHECK, CONSENT, NOT_OF_THIS_SHAPE, REFUSALS, WITHDRAWAL, Refusal
from tests.doors.serving import Sender, told
from tests.houses import build, rows
from tests.real.postgres import Postgres
from tests.served import Served


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """One for all: what is refused leaves nothing behind."""
    folder = tmp_path_factory.mktemp("refusals")
    with build(folder, f"sqlite:///{folder}/mailconsent.db").opened() as here:
        yield Sender(here)
        assert rows(here, "select id from recipients") == []
        assert rows(here, "select key_digest from idempotency") == []


def call(caller: Sender, refusal: Refusal) -> TestResponse:
    good = {"Authorization": f"Bearer {caller.key}", "Content-Type": "application/json"}
    headers = {name: text for name, text in (good | refusal.headers).items() if text}
    return caller.http.post(f"/v1/{refusal.path}", data=refusal.body, headers=headers)


def assert_problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """RFC 9457."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem = told(answer)
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    return problem


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_it_is_refused_and_told_so(caller: Sender, refusal: Refusal) -> None:
    problem = assert_problem(call(caller, refusal), refusal.status)

    assert "anna" not in json.dumps(problem)


@pytest.mark.parametrize("refusal", NOT_OF_THIS_SHAPE, ids=str)
def test_a_wrong_shape_is_told_by_its_places(caller: Sender, refusal: Refusal) -> None:
    faults = told(call(caller, refusal))["errors"]

    assert 1 <= len(faults) <= 20
    for fault in faults:
        assert fault["message"]
        # Names of ours and numbers; an ellipsis for whatever is the caller's.
        assert re.fullmatch(r"([a-z_]+|\d+|…)?(\.(text|version|language|sha256|\d+|…))*", fault["place"])


def test_the_name_of_an_unknown_key_is_not_echoed(caller: Sender) -> None:
    answer = caller.post("check", CHECK | {"bo@example.net": 1, "topics": 2})

    assert [fault["place"] for fault in told(answer)["errors"]] == ["…", "…"]


def test_a_charset_beside_the_type_is_no_reason_to_refuse(caller: Sender) -> None:
    for text in ("application/json; charset=utf-8", "Application/JSON"):
        assert caller.post("check", CHECK, Content_Type=text).status_code == 200


def test_who_has_no_key_learns_how_to_show_one(caller: Sender) -> None:
    for text in ("", "Bearer mc_x"):
        answer = caller.post("check", CHECK, Authorization=text)

        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_key_nothing_is_told_about_a_request(caller: Sender) -> None:
    for body in (b"not JSON", b"{}"):
        assert_problem(caller.post("check", body, Authorization="", Content_Type="text/plain"), 401)


def test_a_revoked_key_is_refused_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("revoked")
    with build(folder, f"sqlite:///{folder}/mailconsent.db").opened() as here:
        sender = Sender(here)
        sender.check("anna@example.com")
        with here.store.begin() as tx:
            assert revoke_key(tx, sender.key.split("_")[1], now=datetime.now(UTC))

        assert_problem(sender.post("check", CHECK), 401)


@pytest.mark.parametrize(
    ("path", "value", "scope"),
    [
        ("check", CHECK, Scope.CHECK),
        ("consents", CONSENT, Scope.CONSENTS),
        ("withdrawals", WITHDRAWAL, Scope.WITHDRAWALS),
    ],
)
def test_a_key_may_do_what_its_scopes_name_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: object, scope: Scope
) -> None:
    folder = tmp_path_factory.mktemp("scopes")
    with build(folder, f"sqlite:///{folder}/mailconsent.db").opened() as here:
        every_other = Sender(here, *(other for other in Scope if other is not scope))
        problem = assert_problem(every_other.post(path, value), 403)
        assert problem["detail"] == f"This API key lacks the scope {scope.value}."

        assert Sender(here, scope).post(path, value).status_code == 200


@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/v1/check/more", "/v1//check", "/v1/check/anna@example.com"])
def test_what_is_not_there_is_a_problem_too(caller: Sender, path: str) -> None:
    assert_problem(caller.http.get(path), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["check", "consents", "withdrawals"])
def test_every_call_is_a_post(caller: Sender, path: str, method: str) -> None:
    answer = caller.http.open(f"/v1/{path}", method=method)

    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "POST"


def test_without_its_database_it_asks_to_try_again(tmp_path: Any, postgres_server: Postgres) -> None:
    url = postgres_server.create_database()
    with build(tmp_path, url).opened() as here:
        sender = Sender(here)
        sender.consent("anna@example.com")
        postgres_server.drop(url)

        for path, value in (("check", CHECK), ("consents", CONSENT), ("withdrawals", WITHDRAWAL)):
            answer = sender.post(path, value)

            problem = assert_problem(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0
            assert "do not send" in problem["detail"]


# What must come back in no answer and in no line of the log, wherever it stands in a request.
SECRETS = st.from_regex(r"zq[a-z0-9]{10}", fullmatch=True, alphabet=st.characters(codec="ascii"))


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, dict[str, str], bytes, str]:
    """Path, headers, body, and the secret that stands somewhere in them."""
    secret = draw(SECRETS)
    said = draw(
        st.sampled_from([secret, f"{secret}@example.com", f"a@{secret}.example", f"<{secret}@x>", f"mc_{secret}"])
    )
    good: dict[str, dict[str, Any]] = {"check": CHECK, "consents": CONSENT, "withdrawals": WITHDRAWAL}
    path = draw(st.sampled_from([*good]))
    value = dict(good[path])
    headers: dict[str, str] = {"Content-Type": "application/json"}
    place = draw(st.sampled_from([*value, "occurred_at", "source", "language", said, "header", "path", "query", "raw"]))
    if place == "header":
        name = draw(st.sampled_from(["Authorization", "Idempotency-Key", "Content-Type", "X-Request-Id", "Cookie"]))
        headers[name] = f"Bearer {said}" if name == "Authorization" else said
    elif place == "path":
        path = f"{path}/{said}"
    elif place == "query":
        path = f"{path}?address={said}"
    elif place != "raw":
        wrapped = st.sampled_from([said, [said], {said: said}, [[said]], {"wording": said, said: ""}])
        value[place] = draw(wrapped)
    body = json.dumps(value).encode()
    if place == "raw":
        body = draw(
            st.sampled_from([said.encode(), b'{"topic": ' + said.encode(), f'{{"{said}":1,"{said}":2}}'.encode()])
        )
    return path, headers, body, secret


@pytest.fixture(scope="module")
def key(web: Served) -> str:
    return web.api_key()


@given(_requests())
@settings(max_examples=250, deadline=None)
def test_nothing_of_a_request_comes_back_but_the_address_of_a_verdict(
    web: Served, key: str, asked: tuple[str, dict[str, str], bytes, str]
) -> None:
    path, headers, body, secret = asked
    before = len(web.log())

    answer = web.ask("POST", f"/v1/{path}", body, {"Authorization": f"Bearer {key}"} | headers)

    assert answer.status in (200, 400, 401, 404, 415, 422)
    told = json.loads(answer.body)
    for verdict in told.get("verdicts", []):
        del verdict["address"]
    for said in (json.dumps(told), str(answer.headers), web.log()[before:]):
        assert secret not in said
        assert key not in said
