"""`mailconsent ledger`: what it prints, where, and its exit status. On both databases."""

import json
import subprocess

from tests.cast import ANNA
from tests.doors.serving import run_command
from tests.houses import House
from tests.ledgers import tamper, tell


def mailconsent(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(house.variables, *arguments, folder=house.folder)


def history(house: House) -> None:
    with house.opened() as here:
        tell(here.store, ANNA)


def test_a_ledger_is_sealed_verified_and_exported(house: House) -> None:
    history(house)
    copy = str(house.folder / "seals.jsonl")

    first = mailconsent(house, "ledger", "seal")
    again = mailconsent(house, "ledger", "seal")
    written = mailconsent(house, "ledger", "export", copy)
    good = mailconsent(house, "ledger", "verify", "--against", copy)

    assert (first.returncode, again.returncode, written.returncode, good.returncode) == (0, 0, 0, 0)
    assert first.stdout.startswith("seal 1 of 20")
    assert first.stdout.endswith(": 1 events\n")
    assert again.stdout == ""
    assert good.stdout.startswith("no fault: 1 seals, 1 events, through 20")
    assert "verify" in good.stderr
    [line] = (house.folder / "seals.jsonl").read_text().splitlines()
    assert json.loads(line)["number"] == 1


def test_a_fault_is_named_and_the_exit_status_says_so(house: House) -> None:
    history(house)
    unproven = mailconsent(house, "ledger", "verify")
    mailconsent(house, "ledger", "seal")
    with house.opened() as here:
        tamper(here.store, "update events set topic = 2")

    told = mailconsent(house, "ledger", "verify", "--json")

    assert (unproven.returncode, unproven.stdout) == (1, "nothing is sealed yet: run `mailconsent ledger seal`\n")
    assert told.returncode == 1
    answer = json.loads(told.stdout)
    assert (answer["ok"], answer["fault"]["kind"], answer["fault"]["seal"]) == (False, "altered", 1)
    assert answer["fault"]["event"].endswith("-1")


def test_a_file_that_is_no_export_is_refused(house: House) -> None:
    history(house)
    mailconsent(house, "ledger", "seal")
    (house.folder / "seals.jsonl").write_text("anna@example.com\n")

    refused = mailconsent(house, "ledger", "verify", "--against", str(house.folder / "seals.jsonl"))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "The export is broken: line 1 is not a seal.\n"
