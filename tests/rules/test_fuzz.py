"""A small part of `make fuzz`, and that what it watches for would be seen. The whole of it runs for minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from mailconsent.services.inbox import acknowledging, judging, requests
from tests.fuzz.acting import acting
from tests.fuzz.hostile import everything, huge
from tests.fuzz.mutation import MUTATIONS, mutant
from tests.fuzz.watch import Watch

ROOT = Path(__file__).parent.parent.parent
MAIL = (
    b"Return-Path: <anna@example.com>\r\nFrom: anna@example.com\r\nTo: contact@example.com\r\n"
    b"Subject: Unsubscribe\r\n\r\nPlease unsubscribe me.\r\n"
)


def test_broken_and_hostile_mail_neither_breaks_the_reader_nor_holds_it_up():
    # In a process of its own, whose memory is that of a worker. The time is CPU time, and the limit wide.
    command = [sys.executable, "-m", "tests.fuzz", "--count", "700", "--hostile", "few", "--seconds", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mutant_is_made_of_its_number_alone():
    assert mutant(7, 1, [MAIL]) == mutant(7, 1, [MAIL])
    assert len({mutant(number, 1, [MAIL]) for number in range(50)}) > 40
    assert mutant(7, 1, [MAIL]) != mutant(7, 2, [MAIL])


@pytest.mark.parametrize("raw", [b"", b"\n", MAIL], ids=["nothing", "a line end", "a mail"])
def test_every_change_can_be_made_to_any_message(raw):
    for seed in range(20):
        for number in range(len(MUTATIONS)):
            assert isinstance(mutant(number, seed, [raw]), bytes)


def test_what_is_built_has_names_of_its_own():
    names = [name for name, _make in (*everything(), *huge())]

    assert len(names) == len(set(names)) > 1_000


def test_a_message_that_breaks_the_reader_is_seen_and_none_of_its_words_is_said(monkeypatch):
    def broken(*_anything):
        raise ValueError(MAIL)

    monkeypatch.setattr(judging, "classify", broken)
    watch = Watch()

    assert not watch.look_at("this one", MAIL)
    assert [finding.name for finding in watch.findings] == ["this one"]
    assert "anna" not in watch.findings[0].what


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (requests, "withdraw", "what it does: ValueError in test_fuzz.py"),
        (acknowledging, "compose", "request not acknowledged: ValueError at tests/rules/test_fuzz.py"),
    ],
    ids=["what it does", "its answer"],
)
def test_a_message_whose_effect_or_answer_fails_is_seen(monkeypatch, module, name, said):
    with acting() as place:
        watch = Watch(acting=place)
        assert watch.look_at("well", MAIL.replace(b"anna@", b"bo@"), acts=True)

        def broken(*_anything, **_more):
            raise ValueError(MAIL)

        monkeypatch.setattr(module, name, broken)
        assert not watch.look_at("this one", MAIL, acts=True)

    assert watch.findings[0].what.startswith(said)


def test_a_message_that_takes_too_long_or_too_much_is_seen():
    watch = Watch(seconds=0.0, memory=1)

    assert not watch.look_at("slow", MAIL)
    watch.look_at_memory("large")
    watch.look_at_memory("large again")

    assert [finding.name for finding in watch.findings] == ["slow", "large"]


def test_a_message_that_does_no_harm_is_no_finding():
    with acting() as place:
        watch = Watch(seconds=60.0, acting=place)

        assert watch.look_at("plain", MAIL, acts=True)
        assert watch.look_at("not to be answered", MAIL.partition(b"\r\n")[2], acts=True)
    assert watch.labels == {"unsubscribe": 2}
