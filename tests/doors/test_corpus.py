"""
Real mail, all of it, through a real inbox: every message is classified, none is touched, every request is one event.

The labelled corpus lies outside the repository, since its mails are not ours to publish. Where it is missing, the same
test runs on the vectors in `tests/vectors/messages`.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from mailconsent.classify import classify
from mailconsent.classify.identity import settle_named
from mailconsent.errors import InvalidToken
from mailconsent.message import parse_message
from mailconsent.model import EventKind, Label, Reason, UnsubscribeClaim
from tests.houses import ask, build, events, inbox_settings, rows, unfolded, until
from tests.real.dovecot import Dovecot

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "messages"
CORPUS = Path(os.environ.get("CORPUS", ROOT.parent / "shared" / "corpus"))
SETS = [VECTORS, *([CORPUS / "messages"] if (CORPUS / "labels.csv").exists() else [])]


def crlf(raw: bytes) -> bytes:
    """As a server holds it (RFC 5322 section 2.3)."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _no_token(_text: str) -> UnsubscribeClaim:
    raise InvalidToken


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.parent.name)
def test_every_message_of_a_real_inbox_is_classified_and_none_is_touched(
    tmp_path: Path, dovecot: Dovecot, folder: Path
) -> None:
    user = dovecot.new_user()
    # A mail without a single byte is not a message: no server takes it.
    files = [path for path in sorted(folder.glob("*.eml")) if path.stat().st_size]
    dovecot.append(user, [crlf(path.read_bytes()) for path in files])
    before = dovecot.state(user)
    assert len(before) == len(files)
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    home = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", inbox_settings(url))

    with home.opened() as here, home.running("worker"):
        until(lambda: rows(here, "select count(*) from inbound_messages") == [(len(files),)], "all to be read", 120)
        until(lambda: rows(here, "select checked_at from mailboxes where checked_at is not null"), "the sweep to end")

    assert dovecot.state(user) == before, "flags, bytes, UIDs, count and dates are as they were"
    with home.opened() as here:
        labels = {
            uid: (label, state) for uid, label, state in rows(here, "select uid, label, state from inbound_messages")
        }
        assert set(labels) == {message.uid for message in before}
        assert not [uid for uid, (_, state) in labels.items() if state == "failed"]
        found = [event for each in events(here).values() for event in each]
        assert {event.kind for event in found} == {EventKind.WITHDRAWN, EventKind.QUESTIONED}
        for kind, label in ((EventKind.WITHDRAWN, "unsubscribe"), (EventKind.QUESTIONED, "unsure")):
            of_label = {str(uid) for uid, (given, _) in labels.items() if given == label}
            assert {event.source.rpartition("/")[2] for event in found if event.kind is kind} <= of_label
        for each in events(here).values():
            assert [event.kind for event in each].count(EventKind.WITHDRAWN) <= 1, "who asks twice is unsubscribed once"
        assert unfolded(here) == []
        for path in files:
            # No server is trusted here, so that nobody is authenticated: who names others is not believed unseen.
            verdict = settle_named(classify(parse_message(crlf(path.read_bytes())), _no_token), None)
            if verdict.label is Label.UNSUBSCRIBE:
                assert {d.reason for d in ask(here, *verdict.addresses)} == {Reason.WITHDRAWN}, path.name


@pytest.mark.parametrize("corpus", [folder.parent for folder in SETS[1:]], ids=lambda folder: folder.name)
def test_mail_that_is_none_of_our_business_is_left_alone(tmp_path: Path, corpus: Path) -> None:
    home = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    predictions = tmp_path / "predictions.csv"
    with home.running("classify", str(corpus / "messages"), log="predictions.csv") as process:
        assert process.wait(120) == 0

    score = [sys.executable, str(corpus / "score.py"), str(corpus / "labels.csv"), str(predictions), "--no-list"]
    scored = subprocess.run([*score, "--max-false-unsub", "0.005"], capture_output=True, text=True, check=False)

    print(scored.stdout)
    assert scored.returncode == 0, "false unsubscribes above 0.5 %"
