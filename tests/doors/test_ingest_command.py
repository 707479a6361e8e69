"""`mailconsent ingest`, as a mail server runs it: nothing said where all is well, and no status that loses mail."""

import contextlib
import os
import random
import subprocess
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from mailconsent.model import Reason
from tests.commands import Command, Surroundings, without_settings
from tests.doors.mails import mail
from tests.doors.serving import run_command
from tests.houses import ask, build, consent, events, rows

ANNA = "anna@example.com"
REQUEST = mail(ANNA, "Unsubscribe", "Please unsubscribe me.").decode()


def test_a_message_is_stored_without_a_word_once(tmp_path: Path, database_url: str) -> None:
    """Some servers, such as Exim with `return_output`, send a mail back when its command says anything."""
    # With a mail server to answer by, but without the return path of who is to be answered.
    house = build(tmp_path, database_url, {"MAILCONSENT_SMTP_URL": "smtp://127.0.0.1:1"})
    with house.opened() as here:
        consent(here, "anna@example.com")

    today = f"from mx.example.net by mail.example.com; {format_datetime(datetime.now(UTC))}"
    request = mail(ANNA, "Unsubscribe", "Please unsubscribe me.", Received=today).decode()
    for _ in range(2):
        done = run_command(house.variables, "ingest", given=request)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    with house.opened() as here:
        assert ask(here, "anna@example.com")[0].reason is Reason.WITHDRAWN
        assert rows(here, "select count(*) from events") == [(2,)]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none", "The database does not answer."),
        ("DATABASE_URL", "sqlite:////nowhere/mailconsent.db", "database"),
        ("DIGEST_KEYS_FILE", "/nowhere/digest.keys", "DIGEST_KEYS"),
        ("POLICY", "/nowhere/policy.toml", "POLICY: the policy file cannot be read"),
        ("IMAP_URI", "imaps://example.com", "no such setting"),
    ],
)
def test_whatever_is_at_fault_the_server_keeps_the_message(tmp_path: Path, setting: str, value: str, said: str) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")

    done = run_command(house.variables | {f"MAILCONSENT_{setting}": value}, "ingest", given=REQUEST)

    assert (done.returncode, done.stdout) == (75, "")
    assert said in done.stderr
    assert all(line.startswith("ingest: ") for line in done.stderr.splitlines())
    assert "anna@" not in done.stderr, "it may end in a server's log, or in a mail that says what went wrong"


def test_before_the_database_is_there_the_server_keeps_the_message(tmp_path: Path) -> None:
    done = run_command({}, "ingest", given=REQUEST, folder=tmp_path)

    assert done.returncode == 75


@pytest.mark.parametrize("wrong", [["--recipient", ANNA], [f"--recipient={ANNA}"], [ANNA, "--"]], ids=str)
def test_a_mistake_in_the_servers_configuration_sends_no_mail_back_and_echoes_nothing(wrong: list[str]) -> None:
    done = run_command({}, "ingest", *wrong, given=REQUEST)

    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == ("ingest: takes no arguments and no options: correct the line by which the server runs it\n")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [([], "request"), (["--recipient"], "request"), ([], "/proc/self/mem")],
    ids=["no database", "a wrong line", "input that cannot be read"],
)
def test_where_nothing_can_be_said_the_server_keeps_the_message_too(
    tmp_path: Path, arguments: list[str], given: str
) -> None:
    """The disk of the log is mostly that of the database: just then mail must not go back."""
    (tmp_path / "request").write_text(REQUEST)
    around = Surroundings(
        environ=without_settings(os.environ) | {"MAILCONSENT_DATABASE_URL": "sqlite:////nowhere/mailconsent.db"},
        given=tmp_path / given,
        out=tmp_path / "out",
        err=Path("/dev/full"),
    )

    assert Command(["ingest", *arguments], around).wait() == 75


def test_no_message_is_no_message(tmp_path: Path) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")

    done = run_command(house.variables, "ingest", given="\n")

    assert (done.returncode, done.stderr) == (65, "ingest: no message on standard input\n")


def test_killed_at_any_moment_a_message_is_neither_lost_nor_counted_twice(tmp_path: Path, database_url: str) -> None:
    house = build(tmp_path, database_url)
    (tmp_path / "given").write_text(REQUEST)
    around = Surroundings(
        environ=without_settings(os.environ) | house.variables,
        given=tmp_path / "given",
        out=tmp_path / "out",
        err=tmp_path / "err",
    )
    chance = random.Random(1)
    for _ in range(5):
        command = Command(["ingest"], around)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(chance.uniform(0.05, 0.4))
        command.kill()
        command.wait()

    assert Command(["ingest"], around).wait() == 0, "the server hands it over until this"

    with house.opened() as here:
        assert [row[0] for row in rows(here, "select copy from inbound_messages")].count(False) == 1
        assert [len(each) for each in events(here).values()] == [1]


def test_a_large_message_is_read_to_its_end_and_a_command_that_is_stopped_asks_for_it_again(tmp_path: Path) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    pipe, out, err = (tmp_path / name for name in ("pipe", "out", "err"))
    os.mkfifo(pipe)
    around = Surroundings(environ=without_settings(os.environ) | house.variables, given=pipe, out=out, err=err)
    large = REQUEST.encode() + b"> a\n" * 700_000  # no pipe holds that

    stopped = Command(["ingest"], around)
    with pipe.open("wb") as end:
        end.write(large)
        end.flush()  # so it is being read
        stopped.terminate()
        assert stopped.wait(20) == 75
    whole = Command(["ingest"], around)
    with pipe.open("wb") as end:
        end.write(large)
    assert (whole.wait(20), err.read_text()) == (0, "")

    with house.opened() as here:
        assert rows(here, "select label, copy from inbound_messages") == [("unsubscribe", 0)]
