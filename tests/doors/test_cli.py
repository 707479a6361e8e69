"""The command line as an operator meets it: real processes, their output, their exit status."""

import csv
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest

from mailconsent.cli import with_commands
from mailconsent.model import Reason
from tests.cast import ANNA, BO
from tests.commands import without_settings
from tests.doors.serving import Sender, run_command
from tests.houses import House, build, consent, events, rows, token_for
from tests.houses import ask as decisions
from tests.real.ports import free_port

ADD = ("consent", "add", ANNA, "--topic", "blog")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")


def mailconsent(house: House, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return run_command(house.variables, *arguments, given=given, folder=house.folder)


def tamper(house: House, statement: str) -> None:
    link = sqlite3.connect(house.folder / "mailconsent.db")
    with link:
        link.execute(statement)
    link.close()


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be given, with the words to say."""
    for name, command in group.commands.items():
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


def test_every_command_explains_itself() -> None:
    found = dict(commands(with_commands()))

    assert {" ".join(words) for words in found} == {
        *("init", "migrate", "rebuild", "serve", "worker", "demo", "check", "withdraw", "classify", "ingest"),
        *("sign-in", "review", "review list", "review show", "review apply", "review dismiss"),
        *("consent", "consent add", "consent lapsing", "key", "key create", "key list", "key revoke"),
        *("rotate", "rotate signing", "rotate digest", "policy", "policy check"),
        *("suppress", "suppressions", "release", "sale", "sale add"),
        *("import", "import file", "import list", "import revert"),
        *("recipient", *(f"recipient {word}" for word in ("show", "export", "erase", "restrict", "object"))),
        *("requests", *(f"requests {word}" for word in ("add", "identified", "extend", "answered"))),
        *("retention", "retention certificates", "legal-hold", "legal-hold add", "legal-hold list", "legal-hold end"),
        *("journal", "journal replay", "journal trim"),
        *("ledger", "ledger seal", "ledger verify", "ledger export"),
    }
    for words, command in found.items():
        assert command.help, words
        page = command.get_help(click.Context(command, info_name=" ".join(words)))
        assert "--help" in page, words
        undescribed = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
        # These say what they are.
        assert set(undescribed) <= {"host", "port", "threads", "scopes"}, words


def test_help_needs_neither_settings_nor_a_database(tmp_path: Path) -> None:
    for words in ((), ("consent", "add")):
        program = Path(sys.executable).with_name("mailconsent")
        environ = without_settings(os.environ) | {"MAILCONSENT_POLICY": "missing"}
        done = subprocess.run(
            [program, *words, "--help"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: mailconsent")
    assert list(tmp_path.iterdir()) == []


def test_init_makes_keys_and_database_and_may_be_run_again(tmp_path: Path) -> None:
    environ = {"MAILCONSENT_POLICY": str(Path(__file__).parent.parent.parent / "policy.toml")}

    first = run_command(environ, "init", folder=tmp_path)
    keys = {path.name: path.read_text() for path in (tmp_path / "var").glob("*.keys")}
    again = run_command(environ, "init", folder=tmp_path)

    assert (first.returncode, again.returncode, first.stdout) == (0, 0, "")
    assert first.stderr.splitlines() == [
        "made var/digest.keys",
        "made var/signing.keys",
        "the database is up to date",
        "Keep a copy of the keys apart from the database: without them the suppression list is lost.",
    ]
    assert set(keys) == {"digest.keys", "signing.keys"}
    assert (tmp_path / "var" / "mailconsent.db").exists()
    for name, text in keys.items():
        path = tmp_path / "var" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == text


def test_init_makes_no_new_keys_over_what_was_recorded(house: House) -> None:
    with house.opened() as here:
        consent(here, ANNA)
    (house.folder / "digest.keys").unlink()

    done = mailconsent(house, "init")

    assert done.returncode == 1
    assert "bring" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (house.folder / "digest.keys").exists()


def test_a_key_is_shown_once_alone_and_works_until_it_is_revoked(house: House) -> None:
    made = mailconsent(house, "key", "create", "newsletter", "--scope", "check", "--scope", "consents")
    assert (made.returncode, made.stderr) == (0, "")
    (key,) = made.stdout.splitlines()
    _, key_id, secret = key.split("_")

    listed = mailconsent(house, "key", "list")
    assert listed.stdout.split("\t")[:3] == [key_id, "newsletter", "check consents"]
    assert "valid" in listed.stdout
    assert secret not in listed.stdout

    with house.opened() as here:
        sender = Sender(here)
        sender.key = key
        assert sender.check(ANNA)
        assert mailconsent(house, "key", "revoke", key_id).returncode == 0
        assert sender.post("check", {"topic": "blog", "addresses": [ANNA]}).status_code == 401

    again = mailconsent(house, "key", "revoke", key_id)
    assert again.returncode == 1
    assert again.stderr == "There is no valid key of this id; `mailconsent key list` shows them.\n"


def test_a_consent_a_question_and_an_opt_out(house: House) -> None:
    added = mailconsent(
        house,
        *(*ADD, "--evidence", "wording=Yes = please", "--evidence", "form=paper"),
        *("--occurred-at", "2026-03-01T09:30:00+01:00", "--language", "da", "--source", "letter:7"),
    )
    assert (added.returncode, added.stderr) == (0, "")
    event_id = added.stdout.strip()
    with house.opened() as here:
        assert [json.loads(str(details)) for (details,) in rows(here, "select details from evidence")] == [
            {"wording": "Yes = please", "form": "paper"}
        ]
        ((event,),) = events(here).values()
        assert (event.occurred_at.isoformat(), event.source) == ("2026-03-01T08:30:00+00:00", "letter:7")

    yes = mailconsent(house, "check", ANNA, "--topic", "blog")
    assert (yes.returncode, yes.stdout, yes.stderr) == (0, f"yes: consent, event {event_id}\n", "")

    withdrawn = mailconsent(house, "withdraw", "-", given=f"{ANNA}\n")
    assert (withdrawn.returncode, withdrawn.stderr) == (0, "")

    no = mailconsent(house, "check", "-", "--topic", "blog", given=ANNA)
    assert (no.returncode, no.stdout, no.stderr) == (1, f"no: withdrawn, event {withdrawn.stdout.strip()}\n", "")


def test_a_program_reads_the_same_verdict_as_from_the_api(house: House) -> None:
    with house.opened() as here:
        consent(here, ANNA)
        verdicts: dict[str, Any] = {v["address"]: v for v in Sender(here).check(ANNA, BO, headers=True)}

    for address, status in ((ANNA, 0), (BO, 1)):
        done = mailconsent(house, "check", address, "--topic", "blog", "--json")

        assert (done.returncode, done.stderr) == (status, "")
        assert _lasting(json.loads(done.stdout)) == _lasting(verdicts[address])


def _lasting(verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict but for the Message-ID, which each answer has anew behind its token."""
    return verdict | {"message_id": (verdict.get("message_id") or "").partition(".")[0]}


@pytest.mark.parametrize(
    ("arguments", "status", "said", "why"),
    [
        (("check", "anna", "--topic", "blog"), 1, "no: invalid_address", "a verdict, as for every other"),
        (("check", ANNA, "--topic", "all"), 1, "no such topic", "never taken for all topics"),
        (("withdraw", ANNA, "--topic", ""), 1, "no such topic", "nor is an empty one"),
        (("check", ANNA), 2, "--topic", "which topic?"),
        ((*ADD, "--evidence", "yes"), 2, "NAME=TEXT", "evidence of what?"),
        ((*ADD, "--evidence", "form=1", "--evidence", "form=2"), 2, "NAME=TEXT", "one would hide the other"),
        (("unsubscribe", ANNA), 2, "No such command", "no such command"),
    ],
)
def test_what_is_refused_says_why(house: House, arguments: tuple[str, ...], status: int, said: str, why: str) -> None:
    done = mailconsent(house, *arguments)

    assert done.returncode == status, why
    assert said in done.stdout + done.stderr, why
    assert ANNA not in done.stderr


def test_wrong_settings_are_told_all_at_once_a_line_each(tmp_path: Path) -> None:
    wrong = {
        "MAILCONSENT_BASE_URL": "http://hidden.example.com",
        "MAILCONSENT_MAILTO": "hidden",
        "MAILCONSENT_IMAP_URL": "imap://hidden@example.com/INBOX",
        "MAILCONSENT_DIGEST_KEYS": "hidden!",
        "MAILCONSENT_SIGNING_KEYS": "aGlkZGVu",
        "MAILCONSENT_IMAP_CYCLE": "hidden",
        "MAILCONSENT_DATABASE": "hidden",
    }
    done = run_command(wrong, "check", ANNA, "--topic", "blog", folder=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert "hidden" not in done.stderr
    named = [line.split(":")[0].removeprefix("MAILCONSENT_") for line in done.stderr.splitlines()]
    assert set(named) >= {setting.removeprefix("MAILCONSENT_") for setting in wrong}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("empty", "the database is empty: run `mailconsent init`"),
        ("newer", "the database is newer than this mailconsent"),
        ("foreign", "this is not a mailconsent database"),
        ("gone", "The database does not answer."),
        ("keys", "key 1 of this database is missing: bring it back"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(house: House, database: str, said: str) -> None:
    path, variables = house.folder / "mailconsent.db", dict(house.variables)
    if database == "empty":
        variables["MAILCONSENT_DATABASE_URL"] = f"sqlite:///{house.folder}/other.db"
    elif database == "gone":
        variables["MAILCONSENT_DATABASE_URL"] = f"postgresql://nobody@127.0.0.1:{free_port()}/hidden"
    elif database == "foreign":
        path.write_bytes(b"hidden " * 1000)
    elif database == "keys":
        (house.folder / "digest.keys").write_text("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n")
    else:
        tamper(house, "update alembic_version set version_num = '9999'")

    done = run_command(variables, "check", ANNA, "--topic", "blog", folder=house.folder)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "hidden" not in line


def test_migrate_brings_a_database_up_to_date_and_says_so(house: House) -> None:
    done = mailconsent(house, "migrate")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "the database is up to date\n")


def test_rebuild_mends_what_is_not_what_the_events_say(house: House) -> None:
    with house.opened() as here:
        consent(here, ANNA, BO)
    tamper(house, "update standings set consent = null, grade = null")

    done = mailconsent(house, "rebuild")

    assert (done.returncode, done.stdout) == (0, "2 recipients, 2 mended\n")
    with house.opened() as here:
        assert all(decision.allowed for decision in decisions(here, ANNA, BO))


def test_after_a_rotation_old_links_and_old_noes_still_hold(house: House) -> None:
    with house.opened() as here:
        consent(here, ANNA)
        link = f"/u/{token_for(here, ANNA)}"

    for what in ("signing", "digest"):
        done = mailconsent(house, "rotate", what)
        assert (done.returncode, done.stdout) == (0, "")
        assert "under key 2 now" in done.stderr

    with house.opened() as here:
        assert decisions(here, ANNA)[0].allowed
        assert Sender(here).http.post(link).status_code == 200
        assert decisions(here, ANNA)[0].reason is Reason.WITHDRAWN


def test_classify_explains_messages_and_needs_no_installation(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    (folder / "folder.eml").mkdir(parents=True)
    mail = "From: Anna <anna@example.com>\nTo: contact@example.com\nSubject: {}\n\n{}\n"
    (folder / "a.eml").write_text(mail.format("Hello", "Please unsubscribe me from your newsletter."))
    (folder / "b.eml").write_text(mail.format("Invoice 17", "When will the microscope arrive?"))
    (folder / "c.txt").write_text("not a message")
    (folder / "d\udcff.eml").write_bytes(b"")

    done = run_command({}, "classify", folder, folder / "a.eml", folder=tmp_path)

    first, *table = csv.reader(StringIO(done.stdout))
    assert first == ["file", "label", "address", "confidence", "reason"]
    assert [line[:3] for line in table] == [
        ["a.eml", "unsubscribe", "anna@example.com"],
        ["b.eml", "other", ""],
        ["d\\udcff.eml", "other", ""],
        ["a.eml", "unsubscribe", "anna@example.com"],
    ]
    assert done.stderr.splitlines() == [
        "without keys: links of ours are not recognised",
        "folder.eml: cannot be read",
    ]
    assert done.returncode == 1, "one of them was not read"


def test_classify_judges_by_the_keys_whatever_is_wrong_with_other_settings(house: House, tmp_path: Path) -> None:
    with house.opened() as here:
        consent(here, ANNA)
        (tmp_path / "a.eml").write_text(f"From: {ANNA}\nSubject: unsubscribe {token_for(here, ANNA)}\n\n")
    wrong = {"MAILCONSENT_IMAP_URL": "imaps://contact@imap.example.com", "MAILCONSENT_SMTP_URL": "smtps://u:p@h"}

    done = run_command(house.variables | wrong, "classify", tmp_path / "a.eml")

    assert (done.returncode, done.stderr) == (0, "")
    assert next(row for row in csv.DictReader(StringIO(done.stdout)))["reason"].startswith("token")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("SIGNING_KEYS_FILE", "/nowhere/signing.keys", "SIGNING_KEYS: the key file cannot be read"),
        ("TRUSTED_AUTHSERV_IDS", "mx.example.com;", "TRUSTED_AUTHSERV_IDS: must be names of mail servers"),
        ("TRUSTED_AUTHSERV_ID", "mx.example.com", "MAILCONSENT_TRUSTED_AUTHSERV_ID: no such setting"),
    ],
)
def test_classify_says_what_is_wrong_with_what_it_needs(
    house: House, tmp_path: Path, setting: str, value: str, said: str
) -> None:
    done = run_command(house.variables | {f"MAILCONSENT_{setting}": value}, "classify", tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(said)
    assert value not in done.stderr


def test_classify_says_of_a_folder_that_has_no_messages_in_it(tmp_path: Path) -> None:
    for name in ("upper", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "upper" / "A.EML").write_text("From: anna@example.com\nSubject: Unsubscribe\n\n")

    done = run_command({}, "classify", tmp_path / "upper", tmp_path / "none", folder=tmp_path)

    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["file", "A.EML"]
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, ["none: no .eml file in this folder"])


def test_classify_tells_a_program_all_there_is_to_tell(house: House, tmp_path: Path) -> None:
    with house.opened() as here:
        consent(here, ANNA)
        token = token_for(here, ANNA)
        claim = here.store.keyring.read_token(token)
    quoted = f"Please unsubscribe me.\n\nOn Mon, 2 Mar 2026 Shop wrote:\n> https://example.com/u/{token}\n"
    (tmp_path / "a.eml").write_text(f"From: Bø <bo@example.net>\nSubject: =?utf-8?q?N=C3=A6?=\n\n{quoted}", "utf-8")
    (tmp_path / "b.eml").write_bytes(b"\xff")

    done = mailconsent(house, "classify", "--json", tmp_path / "a.eml", tmp_path / "b.eml")

    assert (done.returncode, done.stderr) == (0, "")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first | {"reason": ""} == {
        "file": "a.eml",
        "label": "unsubscribe",
        "confidence": 0.9,
        "detector": "unsubscribe",
        "reason": "",
        "status": "",
        "addresses": ["bo@example.net"],
        "named": [],
        "from": ["bo@example.net"],
        "subject": "Næ",
        "words": "Please unsubscribe me.",
        "authentication": None,
        "truncated": False,
        "defect": None,
        "links": [{"digest": claim.digest.hex(), "generation": 1, "topic": claim.topic, "basis": "consent"}],
    }
    assert (second["file"], second["label"], second["defect"]) == ("b.eml", "other", "no_headers")


def test_a_policy_is_explained_with_its_warnings(house: House) -> None:
    done = mailconsent(house, "policy", "check")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Example Imaging ApS")
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert lines[-1] == f"{len(warnings)} warnings"
    assert "warning: minimum_grade: B is less than DE, IT ask for" in done.stdout


def test_another_policy_file_is_checked_without_any_setting(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "policy.toml").read_text("utf-8")
    (tmp_path / "good.toml").write_text(text, "utf-8")
    (tmp_path / "bad.toml").write_text(text.replace("max_age_months = 24", "max_age_month = 0"), "utf-8")
    files = {
        name: run_command({}, "policy", "check", f"{name}.toml", folder=tmp_path) for name in ("good", "bad", "no")
    }

    assert (files["good"].returncode, files["good"].stderr) == (0, "")
    assert (files["bad"].returncode, files["bad"].stdout) == (1, "")
    assert files["bad"].stderr.splitlines() == [
        "policy: countries: DK: unknown: max_age_month",
        "policy: countries: CA: unknown: max_age_month",
    ]
    assert (files["no"].returncode, files["no"].stderr) == (1, "POLICY: the policy file cannot be read\n")
    assert {path.name for path in tmp_path.iterdir()} == {"good.toml", "bad.toml"}, "and nothing is made"
