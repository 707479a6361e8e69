"""The document that describes the API: valid, true, and complete."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from tests.cast import ANNA, BO
from tests.doors.refusals import CHECK, CONSENT, REFUSALS, SUPPRESSION, WITHDRAWAL, Refusal
from tests.doors.serving import EVIDENCE, Sender, told
from tests.houses import build
from tests.served import Served
from web.openapi import PROBLEM, TEXTS, document
from web.v1 import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = document(OPERATIONS, "/v1")


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """A validator by one of the document's own schemas."""
    schema = DOCUMENT | {"$ref": f"#/components/schemas/{name}"}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def responses(path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][f"/v1/{path}"]["post"]["responses"]
    return found


def test_it_is_served_to_anybody(web: Served) -> None:
    answer = web.ask("GET", "/v1/openapi.json")

    assert (answer.status, answer.mimetype) == (200, "application/json")
    assert json.loads(answer.body) == DOCUMENT


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_an_invalid_one_would_be_found() -> None:
    broken = DOCUMENT | {"paths": {"/v1/check": {"post": {"responses": []}}}}
    with pytest.raises(jsonschema_rs.ValidationError):
        schemathesis.openapi.from_dict(broken).validate()


def test_every_call_is_described(web: Served, tmp_path: Path) -> None:
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db").opened() as here:
        app = Sender(here).http.application
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")}

    assert routes == {*DOCUMENT["paths"], "/v1/openapi.json"}


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_every_refusal_is_described(refusal: Refusal) -> None:
    assert PROBLEM in responses(refusal.path)[str(refusal.status)]["content"]


@pytest.mark.parametrize("path", ["check", "consents", "withdrawals", "suppressions", "suppressions/list"])
def test_what_is_said_of_every_call_is_described(path: str) -> None:
    expected = {200, *TEXTS} - ({409} if path in ("check", "suppressions/list") else set())

    assert set(responses(path)) == {str(status) for status in expected}


@pytest.mark.parametrize(
    ("name", "value"),
    [("CheckRequest", CHECK), ("ConsentRequest", CONSENT), ("WithdrawalRequest", WITHDRAWAL)],
)
def test_what_we_take_fits_what_is_described_and_nothing_more_does(name: str, value: dict[str, object]) -> None:
    schema = validator(name)

    schema.validate(value)
    assert not schema.is_valid(value | {"more": 1})
    for key in value:
        assert not schema.is_valid({other: value[other] for other in value if other != key})


def test_what_we_answer_fits_what_is_described(tmp_path: Path) -> None:
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db").opened() as here:
        sender = Sender(here)
        consent = {"address": ANNA, "topic": "blog", "evidence": EVIDENCE, "occurred_at": "2026-03-01T09:30:00Z"}

        validator("ConsentRequest").validate(consent)
        validator("Recorded").validate(told(sender.post("consents", consent)))
        validator("Recorded").validate(told(sender.withdraw(BO)))
        for topic in ("blog", "orders"):
            asked = {"topic": topic, "addresses": [ANNA, BO, "nobody"], "headers": True}
            validator("CheckRequest").validate(asked)
            validator("CheckAnswer").validate(told(sender.post("check", asked)))
        validator("SuppressionRequest").validate(SUPPRESSION)
        validator("Recorded").validate(told(sender.post("suppressions", SUPPRESSION)))
        validator("SuppressionList").validate(told(sender.post("suppressions/list", {})))
        for refused in (b"", b"{}", b'{"topic":"nope","addresses":["a@b"]}'):
            validator("Problem").validate(told(sender.post("check", refused)))


def test_a_machine_that_reads_it_finds_no_fault_with_the_application(web: Served) -> None:
    """Requests that fit the document and ones that do not, made by schemathesis, and all its checks on the answers."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "tests/doors/schemathesis.toml"]
    command += ["run", f"{web.origin}/v1/openapi.json", "--phases", "examples,coverage,fuzzing", "--checks", "all"]
    before = len(web.log())

    done = subprocess.run(
        [*command, "--header", f"Authorization: Bearer {web.api_key()}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "No issues found" in done.stdout, done.stdout[-3500:]
    said = [json.loads(line) for line in web.log()[before:].splitlines()]
    answered = {(line.get("rule"), line.get("status")) for line in said}
    # It got past every door, and was turned away at every door.
    for path in DOCUMENT["paths"]:
        assert {(path, 200), (path, 400), (path, 401), (path, 415), (path, 422)} <= answered
    assert [line for line in said if line["level"] != "info"] == []
