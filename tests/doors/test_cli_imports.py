"""Imports on the command line, as an operator does one."""

import io
import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailconsent.cli import cli
from mailconsent.cli import imports as _commands  # noqa: F401 - importing it is what gives the group its commands
from mailconsent.cli.import_file import ImportFile, SideFile
from mailconsent.errors import Refused
from mailconsent.import_rows import BadRow, Wanted
from mailconsent.model import ImportKind
from mailconsent.policy import read_policy
from tests.cast import ANNA
from tests.doors.serving import run_command
from tests.houses import POLICY, build, consent, rows

OUT = Wanted(kind=ImportKind.OPT_OUTS)


def test_a_file_is_looked_at_imported_and_reverted(tmp_path: Path) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    with house.opened() as here:
        consent(here, ANNA)
    file = tmp_path / "rows.csv"
    file.write_bytes(f"\ufeffAddress;Topic\r\n{ANNA};blog\r\nnobody;blog\r\n".encode())
    asked = ("import", file, "--kind", "opt-outs")

    shown = run_command(house.variables, *asked)
    moved = run_command(house.variables, *asked, "--apply", "--expect", "0000")
    done = run_command(house.variables, *asked, "--apply", "--json")
    again = run_command(house.variables, *asked, "--apply")
    listed = run_command(house.variables, "import", "list", "--json")
    batch = json.loads(done.stdout)["batch"]
    unsaid = run_command(house.variables, "import", "revert", batch)
    reverted = run_command(house.variables, "import", "revert", batch, "--reason", "the wrong list")

    assert shown.returncode == done.returncode == again.returncode == reverted.returncode == 0
    assert "1 new" in shown.stdout
    assert "1 cannot be used" in shown.stdout
    assert "blog: 0 people more may be mailed, 1 fewer" in shown.stdout
    assert "--apply --expect" in shown.stdout
    assert (moved.returncode, unsaid.returncode) == (1, 1)
    assert "imported before" in again.stderr
    assert json.loads(listed.stdout)["state"] == "finished"
    side = tmp_path / "rows.csv.rejects.csv"
    assert stat.S_IMODE(side.stat().st_mode) == 0o600
    assert side.read_text().splitlines() == [
        "line,why,Address,Topic",
        "3,This is not an e-mail address.,nobody,blog",
    ]
    with house.opened() as here:
        kinds = [row[0] for row in rows(here, "select kind from events order by seq")]
    assert kinds == ["consent_given", "withdrawn", "released"]
    for told in (shown, moved, done, again, unsaid, reverted):
        assert ANNA not in told.stdout + told.stderr


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("address\n" + "anna@example.com\n" * 10)
    policy = read_policy(POLICY.read_text("utf-8"))
    with path.open("rb") as opened:
        file = ImportFile(opened)
        file.survey(OUT, lambda _place: None)
        chunks = file.chunks(OUT, policy, 5)
        next(chunks)
        with path.open("a") as other:
            other.write("bo@example.net\n")
        with pytest.raises(Refused, match="changed"):
            next(chunks)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe, pytest.raises(Refused, match="pipe"):
        ImportFile(pipe)


def test_the_side_file_overwrites_no_file_that_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.touch()

    with pytest.raises(Refused):
        SideFile(path, ["address"], path)


@pytest.mark.parametrize("said", ["sales --topic alerts", "sales --evidence importer=Kim", "opt-outs --partial"])
def test_what_a_kind_has_no_use_for_is_wrong_usage_and_not_dropped(tmp_path: Path, said: str) -> None:
    path = tmp_path / "rows.csv"
    path.touch()

    assert CliRunner().invoke(cli, ["import", str(path), "--kind", *said.split()]).exit_code == 2


def test_a_side_file_that_cannot_be_made_is_said_in_plain_words(tmp_path: Path) -> None:
    side = SideFile(tmp_path / "nowhere" / "b.csv", ["address"], tmp_path / "a.csv")

    with side, pytest.raises(Refused, match="--rejects"):
        side.add(BadRow(line=3, why="not an address"), ["nobody"])


def test_a_mended_side_file_has_a_side_file_of_its_own_with_the_same_columns(tmp_path: Path) -> None:
    with SideFile(tmp_path / "b.csv", ["line", "why", "address"], tmp_path / "a.csv") as side:
        side.add(BadRow(line=3, why="not an address"), ["7", "old", "nobody"])

    assert io.StringIO((tmp_path / "b.csv").read_text()).readlines() == [
        "line,why,address\n",
        "3,not an address,nobody\n",
    ]
