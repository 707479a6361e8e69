"""`mailconsent legal-hold`: what it prints, where, and its exit status."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cast import ANNA
from tests.doors.serving import run_command
from tests.houses import House
from tests.ledgers import tell

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)


def test_a_hold_is_added_listed_and_ended(house: House) -> None:
    with house.opened() as here:
        tell(here.store, ANNA)
    review = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()

    def hold(*words: str, given: str = "") -> tuple[int, str]:
        done = run_command(house.variables, "legal-hold", *words, folder=house.folder, given=given)
        assert ANNA not in done.stdout + done.stderr
        return done.returncode, done.stdout

    status, name = hold("add", "-", "--reason", "legal_claim", "--review", review, given=f"{ANNA}\n")
    listed = json.loads(hold("list", "--json")[1])
    assert (status, listed["id"], listed["review_by"], listed["overdue"]) == (0, name.strip(), review, False)
    assert hold("list")[1].split("\t")[0] == name.strip()

    assert hold("end", name.strip()) == (0, "")
    assert hold("list") == (0, "")
    assert hold("end", name.strip())[0] == 1
    assert hold("add", "--reason", "legal_claim", "--review", review)[0] == 2
