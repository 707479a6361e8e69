"""Consents told with their route and notice: over the API, through the client, on the command line."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailconsent.client import Client
from mailconsent.errors import Refused
from mailconsent.model import Grade
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, new_key, run_command, told
from tests.houses import House, events, rows
from tests.served import Served

TEXT = "Ja tak, send mig nyhedsbrevet på mail. Jeg kan altid trække det tilbage."
NOTICE = {"text": TEXT, "version": "3", "language": "da"}
SHA256 = hashlib.sha256(json.dumps(["blog", "3", "da", TEXT], separators=(",", ":")).encode()).hexdigest()
FORM = {
    "form": "footer-2",
    "form_version": "7",
    "checkbox": "newsletter",
    "default_state": "unchecked",
    "bundled": "no",
    "withdrawal_told": "yes",
    "action": "ticked",
    "page_url": "https://example.com/news",
}
SAID = "2026-03-01T09:30:00+01:00"
WHOLE: dict[str, object] = {
    "route": "single_opt_in",
    "notice": NOTICE,
    "evidence": FORM,
    "occurred_at": SAID,
    "language": "da",
    "country": "DK",
}


@pytest.fixture
def client(web: Served) -> Iterator[Client]:
    with Client(web.origin, new_key(web.here, Scope.CHECK, Scope.CONSENTS)) as client:
        yield client


def test_a_whole_record_is_grade_b_and_its_notice_can_be_named_from_then_on(
    installation: Installation, sender: Sender
) -> None:
    first = told(sender.consent(ANNA, **WHOLE))
    second = told(sender.consent(BO, **WHOLE | {"notice": {"sha256": first["notice"]}}))

    assert (first["grade"], first["notice"], second["notice"]) == ("B", SHA256, SHA256)
    assert [verdict["allowed"] for verdict in sender.check(ANNA, BO)] == [True, True]
    assert rows(installation, "select key, version, language, text from notices") == [("blog", "3", "da", TEXT)]
    for (event,) in events(installation).values():
        assert event.facts == {
            "route": "single_opt_in",
            "notice": SHA256,
            "form": "footer-2",
            "language": "da",
            "country": "DK",
        }


def test_what_is_missing_is_named_and_nothing_recorded(installation: Installation, sender: Sender) -> None:
    answer = sender.consent(ANNA, route="paper", evidence={"scan": "17", "wording": ANNA})

    assert answer.status_code == 422
    detail = told(answer)["detail"]
    assert "Missing: notice, occurred_at, withdrawal_told (yes), document (form), signed (yes), place" in detail
    assert "grade C" in detail
    assert ANNA not in answer.text
    assert events(installation) == {}


def test_a_record_with_gaps_can_be_kept_and_allows_no_mail(installation: Installation, sender: Sender) -> None:
    answer = told(sender.consent(ANNA, route="paper", evidence={"scan": "17", "wording": "Yes"}, partial=True))

    assert answer["grade"] == "C"
    assert [verdict["reason"] for verdict in sender.check(ANNA)] == ["no_legal_basis"]
    assert [event.grade for (event,) in events(installation).values()] == [Grade.C]


def test_free_evidence_is_taken_as_ever(sender: Sender) -> None:
    answer = told(sender.consent(ANNA))

    assert answer["grade"] == "B"
    assert "notice" not in answer


@pytest.mark.parametrize(
    ("notice", "why"),
    [
        ({}, "nothing"),
        ({"text": TEXT}, "a text of no version or language"),
        ({"text": TEXT, "version": "3"}, "of no language"),
        ({"version": "3", "language": "da"}, "no text"),
        (NOTICE | {"sha256": SHA256}, "both: which one counts?"),
        ({"sha256": SHA256}, "one we do not know"),
        (NOTICE | {"text": "a\u0000b"}, "what no database takes"),
        (NOTICE | {"text": " "}, "blanks"),
    ],
)
def test_a_notice_is_told_in_full_or_by_a_hash_that_we_know(
    installation: Installation, sender: Sender, notice: dict[str, str], why: str
) -> None:
    answer = sender.consent(ANNA, **WHOLE | {"notice": notice})

    assert answer.status_code == 422, why
    assert "notice" in told(answer)["detail"], why
    assert events(installation) == {}, why


def test_a_repeat_gets_the_same_answer(sender: Sender) -> None:
    request = {"address": ANNA, "topic": "blog", **WHOLE}

    answers = [sender.post("consents", request, Idempotency_Key="k-1") for _ in range(2)]

    assert answers[0].data == answers[1].data


def test_the_client_passes_route_and_notice_on(web: Served, client: Client) -> None:
    event_id = client.record_consent(
        "proof@example.com",
        "blog",
        FORM | {"recording": "calls/815", "collector": "5", "transcribed_by": "5", "transcribed_at": "2026-03-02"},
        route="phone",
        notice=NOTICE,
        country="DK",
        partial=True,
    )

    (event,) = events(web.here)[int(event_id.split("-")[0], 16)]
    assert (event.grade, event.facts["notice"], event.facts["country"]) == (Grade.C, SHA256, "DK")


def test_the_client_is_told_what_is_missing(client: Client) -> None:
    with pytest.raises(Refused, match="Missing: notice, occurred_at"):
        client.record_consent("proof@example.org", "blog", FORM, route="single_opt_in")
    with pytest.raises(Refused, match="route"):
        client.record_consent("proof@example.org", "blog", FORM, route="hearsay")
    with pytest.raises(Refused, match=r"notice\.sha256"):
        client.record_consent("proof@example.org", "blog", FORM, notice={"sha256": "x"})


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_the_command_line_takes_route_and_notice(house: House, tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text(TEXT, "utf-8")
    (tmp_path / "latin.txt").write_text(TEXT, "latin-1")
    evidence = [word for name, value in FORM.items() for word in ("--evidence", f"{name}={value}")]
    add = ["consent", "add", ANNA, "--topic", "blog", *evidence, "--route", "single_opt_in", "--country", "DK"]
    shown = ["--notice", str(tmp_path / "notice.txt"), "--notice-version", "3", "--notice-language", "da"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return run_command(house.variables, *add, *more, folder=house.folder)

    lacking = run()
    broken = run("--notice", str(tmp_path / "latin.txt"))
    done = run(*shown, "--occurred-at", SAID)
    again = run("--notice-sha256", SHA256, "--partial")

    assert (lacking.returncode, "Missing: notice, occurred_at." in lacking.stderr) == (1, True)
    assert (broken.returncode, "UTF-8" in broken.stderr) == (2, True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (again.returncode, again.stderr) == (0, "")
    with house.opened() as here:
        (history,) = events(here).values()
    assert [event.grade for event in history] == [Grade.B, Grade.C]
    assert {event.facts["notice"] for event in history} == {SHA256}
