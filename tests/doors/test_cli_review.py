"""`mailconsent review`: what it prints, where, and its exit status."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cast import ANNA, BO, CECILIA
from tests.doors.mails import mail
from tests.doors.serving import run_command
from tests.houses import ask, build, consent, rows
from tests.services.test_review import OF_ANOTHER, UNCLEAR, deliver

SETTINGS = {
    "MAILCONSENT_SMTP_URL": "smtp://127.0.0.1:1",
    "MAILCONSENT_IMAP_URL": "imap://contact@127.0.0.1:1/INBOX",
    "MAILCONSENT_IMAP_PASSWORD": "secret",
    "MAILCONSENT_IMAP_HANDLED_KEYWORD": "handled",
}


def test_mail_is_listed_shown_and_answered(tmp_path: Path) -> None:
    house = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", SETTINGS)
    with house.opened() as here:
        consent(here, ANNA, BO, CECILIA)
        hostile = "Please unsubscribe me.\r\n\r\n\x1b[2JPlease do not unsubscribe me."
        of_anna = mail(ANNA, "A wish", hostile, number=1, Return_Path=f"<{ANNA}>")
        first = str(deliver(here, of_anna, uid=1, now=datetime.now(UTC)))
        second = str(deliver(here, mail(BO, "A wish", OF_ANOTHER, number=2), uid=2, now=datetime.now(UTC)))

        def review(*words: str, given: str = "") -> tuple[int, str, str]:
            done = run_command(house.variables, "review", *words, folder=house.folder, given=given)
            return done.returncode, done.stdout, done.stderr

        status, listed, _ = review("list")
        assert (status, [line.split("\t")[0] for line in listed.splitlines()]) == (0, [first, second])
        assert "@" not in listed
        told = [json.loads(line) for line in review("list", "--json")[1].splitlines()]
        assert [(one["id"], one["overdue"], len(one["questions"])) for one in told] == [
            (first, False, 1),
            (second, False, 2),
        ]

        status, shown, _ = review("show", first)
        assert status == 0
        assert "Please do not unsubscribe me." in shown
        assert "\x1b" not in shown, "a mail commands no terminal"
        assert json.loads(review("show", second, "--json")[1])["people"][1]["address"] == CECILIA

        whole = run_command(house.variables, "review", "show", first, "--raw", folder=house.folder)
        assert (whole.returncode, whole.stdout.encode()) == (0, of_anna.replace(b"\r\n", b"\n"))

        status, made, said = review("apply", first)
        assert (status, len(made.splitlines()), said) == (0, 1, "withdrawn: 1, released: 0\n")
        assert rows(here, "select kind, address from outbox") == [("acknowledgement", ANNA)]
        assert rows(here, "select unmarked from inbound_messages where uid = 1") == [(True,)]
        status, made, said = review("apply", second, "-", "--reason", "she phoned", given=f"{CECILIA}\n")
        assert (status, len(made.splitlines()), said) == (0, 2, "withdrawn: 1, released: 1\n")
        assert len(rows(here, "select 1 from outbox")) == 1, "the writer of a mail about somebody else is told nothing"
        assert [decision.allowed for decision in ask(here, ANNA, BO, CECILIA)] == [False, True, False]

        third = str(deliver(here, mail(BO, "A wish", UNCLEAR, number=3), uid=3, now=datetime.now(UTC)))
        assert review("dismiss", third)[0] == 2
        status, made, said = review("dismiss", "1/1/99", third, "--reason", "thanks")
        assert (status, len(made.splitlines())) == (1, 1), "one that is not there holds up no other"
        assert said.splitlines()[0].startswith("1/1/99: There is no such mail")
        assert ask(here, BO)[0].allowed

        assert review("list") == (0, "", "nothing awaits an answer\n")
        wrong = [
            ("show", third),
            ("show", third, "--raw"),
            ("apply", third),
            ("apply", "7"),
            ("dismiss", ANNA, "--reason", "x"),
        ]
        for words in wrong:
            status, made, said = review(*words)
            assert (status, made) == (1, "")
            assert said.strip()
            assert ANNA not in said


@pytest.mark.parametrize("words", [(), ("apply",), ("apply", "2f1c8a5b7d3e9046-1", ANNA), ("dismiss", "1/1/1")])
def test_wrong_usage_is_status_two(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_command({}, "review", *words, folder=tmp_path)

    assert done.returncode == 2
    assert ANNA not in done.stderr
