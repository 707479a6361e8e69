"""The commands about one person, and the list of requests."""

import json
import re
import stat

import pytest

from tests.cast import ANNA, BO
from tests.doors.serving import run_command
from tests.houses import ask, build, consent, rows
from tests.people import live_through


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rights")
    return build(folder, f"sqlite:///{folder}/mailconsent.db")


@pytest.fixture
def run(house, tmp_path):
    return lambda *arguments, given="": run_command(house.variables, *arguments, given=given, folder=tmp_path)


def test_a_request_is_taken_down_answered_with_an_export_and_gone_from_the_list(house, run, tmp_path):
    with house.opened() as here:
        live_through(here, ANNA)
    request = run(
        "requests", "add", "--kind", "access", "--received", "2026-03-02", "-", given=f"{ANNA}\n"
    ).stdout.strip()

    listed = run("requests").stdout
    done = run("recipient", "export", ANNA, "--html", "--language", "da", "-o", "proof.html", "--request", request)

    assert re.match(rf"{request}\taccess\treceived 2026-03-02\tdue 2026-04-02\tOVERDUE by \d+ days\tidentified", listed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file = tmp_path / "proof.html"
    assert '<html lang="da"' in file.read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("requests", "--json").stdout == ""


def test_an_erasure_prints_the_receipt_and_answers_its_request(house, run):
    with house.opened() as here:
        consent(here, BO)
    request = run("requests", "add", "--kind", "erasure", "--received", "2026-03-02").stdout.strip()
    waiting = json.loads(run("requests", "--json").stdout)

    shown = run("recipient", "show", BO)
    refused = run("recipient", "erase", BO, "--digest")
    erased = run("recipient", "erase", "-", "--request", request, given=f"{BO}\n")

    assert (waiting["id"], waiting["overdue"], waiting["recipient"]) == (request, True, None)
    assert (shown.returncode, "blog: yes, consent" in shown.stdout) == (0, True)
    assert (refused.returncode, "--yes-they-were-told" in refused.stderr) == (1, True)
    assert erased.returncode == 0
    assert "1 record of evidence" in erased.stdout
    assert "Article 21(3)" in erased.stdout
    with house.opened() as here:
        assert not ask(here, BO)[0].allowed
        assert rows(here, "select answer from rights_requests where kind = 'erasure'") == [("fulfilled",)]


def test_of_somebody_unknown_it_is_said_so(run):
    for command in ("show", "export", "erase"):
        done = run("recipient", command, "nobody@example.com")

        assert done.returncode == 1
        assert "Nothing is recorded about this address." in done.stdout + done.stderr


def test_an_objection_and_a_restriction_print_their_event(house, run):
    for command in ("object", "restrict"):
        first, second = (run("recipient", command, "cecilia@example.org").stdout for _ in range(2))

        assert first == second
        assert re.fullmatch(r"[0-9a-f]+-\d+\n", first)


def test_an_address_as_a_reference_is_refused(run):
    done = run("recipient", "object", "cecilia@example.org", "--source", "cecilia@example.org")

    assert (done.returncode, done.stdout) == (2, "")
    assert "at most 64 of" in done.stderr
