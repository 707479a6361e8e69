"""Suppressions over the API, and at the command line with their release."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailconsent.cli import cli
from mailconsent.cli import suppress as _commands  # noqa: F401 - importing it is what gives the group its commands
from mailconsent.errors import MailconsentError
from mailconsent.model import Channel, Reason
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, run_command, told
from tests.houses import ask, build, consent, events, rows
from web.v1 import OPERATIONS


def test_an_address_and_a_domain_are_suppressed_by_api(installation: Installation, sender: Sender) -> None:
    consent(installation, ANNA, BO)

    one = told(sender.post("suppressions", {"address": ANNA, "reason": "their lawyer wrote", "source": "letter/12"}))
    other = told(sender.post("suppressions", {"domain": "Example.NET"}))

    verdicts = sender.check(ANNA, BO, "bo@shop.example.net", headers=True)
    assert [(v["reason"], v["event_id"]) for v in verdicts] == [
        ("suppressed", one["event_id"]),
        ("suppressed", other["event_id"]),
        ("suppressed", other["event_id"]),
    ]
    assert not any("headers" in verdict for verdict in verdicts)
    (event,) = (e for told_of in events(installation).values() for e in told_of if e.source == "letter/12")
    assert (event.channel, event.facts) == (Channel.API, {})
    assert ('{"reason": "their lawyer wrote"}',) in rows(installation, "select details from evidence")


def test_a_repeat_says_so_and_names_the_first(sender: Sender) -> None:
    first = told(sender.post("suppressions", {"domain": "partner.example"}, Idempotency_Key="1"))

    assert first["repeated"] is False
    assert told(sender.post("suppressions", {"domain": "partner.example"}, Idempotency_Key="1")) == first
    again = told(sender.post("suppressions", {"domain": "@PARTNER.example."}, Idempotency_Key="2"))
    assert again == {"event_id": first["event_id"], "repeated": True}


def test_they_are_listed_page_by_page_and_nobody_is_named(installation: Installation, sender: Sender) -> None:
    for asked in ({"address": ANNA, "source": "crm:1"}, {"domain": "partner.example"}, {"address": BO}):
        sender.post("suppressions", asked)

    listed, after = [], None
    while page := told(sender.post("suppressions/list", {"limit": 2, "after": after}))["suppressions"]:
        listed += page
        after = page[-1]["event_id"]

    assert sorted(one["scope"] for one in listed) == ["address", "address", "domain"]
    assert {one["channel"] for one in listed} == {"api"}
    assert "crm:1" in {one["source"] for one in listed}
    text = json.dumps(listed)
    assert not [name for name in ("anna", "bo@", "partner") if name in text]


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_key_needs_the_scope_and_no_key_releases(installation: Installation) -> None:
    others = Sender(installation, *(scope for scope in Scope if scope is not Scope.SUPPRESSIONS))

    for path in ("suppressions", "suppressions/list"):
        assert others.post(path, {}).status_code == 403
    assert Sender(installation).post("suppressions/release", {"event_id": "1-1"}).status_code == 404
    assert not [operation.path for operation in OPERATIONS if "release" in operation.path]


NO_SUPPRESSIONS: list[tuple[dict[str, object], str]] = [
    ({}, "nobody"),
    ({"domain": ""}, "so too"),
    ({"address": ANNA, "domain": "example.com"}, "an address and a domain: which one counts?"),
    ({"address": "@example.com"}, "a domain in the place of an address"),
    ({"domain": ANNA}, "an address in the place of a domain"),
    ({"domain": "*.example.com"}, "a pattern"),
    ({"domain": "com"}, "a top-level domain"),
    ({"domain": "gmail.com"}, "everybody's: only an operator may mean that"),
]


@pytest.mark.parametrize(("asked", "why"), NO_SUPPRESSIONS)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_is_no_suppression_is_refused_in_words(
    installation: Installation, sender: Sender, asked: dict[str, object], why: str
) -> None:
    answer = sender.post("suppressions", asked)

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), why
    assert told(answer)["detail"]
    assert "example.com" not in answer.text.replace("as example.com", "")
    assert rows(installation, "select count(*) from recipients") == [(0,)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """A command in this process: its status, what it prints, and what it says besides."""
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")

    def command(*arguments: str, given: str = "") -> tuple[int, str, str]:
        done = CliRunner(env=house.variables).invoke(cli, arguments, input=given)
        if isinstance(done.exception, MailconsentError):
            return 1, done.stdout.strip(), str(done.exception)
        return done.exit_code, done.stdout.strip(), done.stderr.strip()

    return command


def test_an_operator_suppresses_lists_and_releases(run: Callable[..., tuple[int, str, str]]) -> None:
    _, event_id, _ = run("suppress", "@example.com")
    assert run("suppress", "-", given=" @Example.com\n") == (0, event_id, "suppressed already")
    _, other, _ = run("suppress", ANNA)

    lines = [line.split("\t") for line in run("suppressions")[1].splitlines()]
    assert {(line[0], line[1], line[3]) for line in lines} == {(event_id, "domain", "cli"), (other, "address", "cli")}
    assert json.loads(run("suppressions", "--json")[1].splitlines()[0])["event_id"] in (event_id, other)

    assert run("release", event_id)[0] == 2, "not without a reason"
    assert run("release", event_id, "--reason", " ") == (1, "", "A release needs a reason.")
    status, released, _ = run("release", event_id, "--reason", "only one of them meant it")
    assert status == 0
    assert run("release", event_id, "--reason", "twice") == (0, released, "released already")
    assert run("release", "anna", "--reason", "x")[::2] == (
        1,
        "This is not the id of an event, such as 2f1c8a5b7d3e9046-1.",
    )
    assert [line.split("\t")[0] for line in run("suppressions")[1].splitlines()] == [other]


def test_a_domain_of_everybody_needs_a_yes(run: Callable[..., tuple[int, str, str]]) -> None:
    status, event_id, said = run("suppress", "@gmail.com")

    assert (status, event_id, "--yes" in said) == (1, "", True)
    assert run("suppress", "@gmail.com", "--yes")[0] == 0


def test_the_commands_run_as_processes(tmp_path: Path) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    with house.opened() as here:
        consent(here, ANNA)

        done = run_command(house.variables, "suppress", "-", "--reason", "all of them", given="@example.com\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert [decision.reason for decision in ask(here, ANNA)] == [Reason.SUPPRESSED]

        done = run_command(house.variables, "release", done.stdout.strip(), "--reason", "one of them")
        assert (done.returncode, done.stderr) == (0, "")
        assert [decision.reason for decision in ask(here, ANNA)] == [Reason.CONSENT]
