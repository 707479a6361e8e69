"""Commands about messages that came in: what they are, and taking one in from the pipe of a mail server."""

import contextlib
import csv
import json
import os
import signal
import sys
from collections.abc import Iterator, Set
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from mailconsent import logs
from mailconsent.classify import ReadToken, no_token
from mailconsent.cli import cli, opened
from mailconsent.errors import ConfigError, MailconsentError
from mailconsent.message import MAX_MESSAGE, parse_message
from mailconsent.own_words import own_words
from mailconsent.services.inbox import Judged, answers_of, ingest, judge, piped
from mailconsent.settings import load_judging

#: Of sysexits.h. For this status alone mail servers keep a message and hand it over again.
TRY_AGAIN = 75
#: Of sysexits.h: there was no message, so nothing is lost with it.
NO_MESSAGE = 65
#: Bytes of one read.
PIECE = 64 * 1024


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON each, with the writer's own words.")
def classify(paths: tuple[Path, ...], as_json: bool) -> None:
    """
    Say what messages are, as the worker would: `.eml` files, or folders of them. CSV on standard output; nothing is
    recorded.
    """
    read_token, trusted = _keys()
    unread = 0
    with _out() as out:
        rows = csv.writer(out)
        if not as_json:
            rows.writerow(["file", "label", "address", "confidence", "reason"])
        for file in _files(paths):
            try:
                raw = file.read_bytes()
            except OSError:
                click.echo(f"{file.name}: cannot be read", err=True)
                unread += 1
                continue
            judged = judge(piped(raw, now=datetime.now(UTC)), read_token, trusted)
            if as_json:
                line = {"file": file.name, **_explained(judged)}
                out.write(json.dumps(line, ensure_ascii=False, default=_in_json) + "\n")
                continue
            verdict = judged.classification
            why = f"{verdict.detector}: {verdict.reason}"
            rows.writerow([file.name, verdict.label, ";".join(verdict.addresses), verdict.confidence, why])
    sys.exit(1 if unread else 0)


def _explained(judged: Judged) -> dict[str, object]:
    """What a program, or somebody who wants to know why, would ask of a message."""
    verdict = judged.classification
    message = judged.message or parse_message(judged.fetched.raw)  # what is none of our business was let go
    return {
        "label": verdict.label,
        "confidence": verdict.confidence,
        "detector": verdict.detector,
        "reason": verdict.reason,
        "status": verdict.status,
        "addresses": verdict.addresses,
        "named": verdict.named,
        "links": [asdict(claim) for claim in verdict.claims],
        "from": message.from_addresses,
        "subject": message.subject,
        "words": own_words(message),
        "authentication": judged.authentication,
        "truncated": message.truncated,
        "defect": message.defect,
    }


def _in_json(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)  # digests, and days


def _keys() -> tuple[ReadToken, Set[str]]:
    """What reads our links, and the servers we trust; without keys, messages can still be told apart by their words."""
    keyring, trusted = load_judging(os.environ)
    if keyring:
        return keyring.read_mailed, trusted
    click.echo("without keys: links of ours are not recognised", err=True)
    return no_token, trusted


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".eml") if path.is_dir() else [path]
        if not found:
            click.echo(f"{path.name}: no .eml file in this folder", err=True)
        yield from found


@contextlib.contextmanager
def _out() -> Iterator[TextIO]:
    """Standard output for whatever a file is called and a message says."""
    with os.fdopen(
        sys.stdout.fileno(), "w", encoding="utf-8", errors="backslashreplace", newline="", closefd=False
    ) as out:
        yield out


class Piped(click.Command):
    """
    A command of a mail server. A mistake on its line is the operator's, and no reason to send mail back. Nor is it
    repeated: an address may stand there, and some servers send every word of a command to the writer of the mail.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As of any command, but for the status after a wrong line."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError:
            _say("takes no arguments and no options: correct the line by which the server runs it")
            _leave(TRY_AGAIN)


@cli.command("ingest", cls=Piped)
def ingest_() -> None:
    """
    Take in one message on standard input, from the pipe of a mail server: it does what it would do in the inbox.

    Exit status 0: it is stored. 75: not now, hand it over again; whatever is at fault, the message is not. 65: there
    was none.
    """
    status = TRY_AGAIN
    try:
        signal.signal(signal.SIGTERM, _interrupted)  # some servers send mail back whose command died by a signal
        logs.configure(faults_alone=True)
        status = _take_in()
    except ConfigError as fault:
        _say(*fault.faults)
    except MailconsentError as fault:
        _say(str(fault))
    except Exception as fault:  # noqa: BLE001 - a fault of ours must not lose mail; its text may hold an address
        logs.failure("unexpected", fault)
    finally:
        _leave(status)  # whatever happens in between


def _take_in() -> int:
    raw = _read(sys.stdin.fileno())
    if not raw.strip():
        _say("no message on standard input")
        return NO_MESSAGE
    now = datetime.now(UTC)
    with opened() as here:
        rules = here.rules
        judged = judge(piped(raw, now=now), here.store.keyring.read_mailed, here.settings.trusted_authserv_ids)
        with here.store.begin() as tx:
            ingest(tx, judged, now=now, reports=rules.policy.reports, answers=answers_of(here.settings, rules))
    return 0


def _read(source: int) -> bytes:
    """What stands before the end of the message. It is read to that end: a server may fail whose pipe nobody reads."""
    kept = b""
    while piece := os.read(source, PIECE):
        if len(kept) < 2 * MAX_MESSAGE:
            kept += piece
    return kept


def _say(*faults: str) -> None:
    for fault in faults:
        with contextlib.suppress(OSError):
            click.echo(f"ingest: {fault}", err=True)


def _leave(status: int) -> NoReturn:
    """
    End with this status, also where nobody takes what was said: the disk of the log is full, often that of the database
    too, or the server has closed its end. Python would make another status of that, for which mail is sent back.
    """
    try:
        if sys.stderr:  # None where there is none
            sys.stderr.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(status)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TRY_AGAIN)
