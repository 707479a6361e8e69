"""Commands that ask and tell, as the API does; and one that explains what the inbox worker makes of a message."""

import csv
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from mailconsent import wire
from mailconsent.classify import classify as judge
from mailconsent.cli import cli, opened, settings
from mailconsent.errors import ConfigError, InvalidToken, Refused
from mailconsent.message import parse_message
from mailconsent.model import Channel, Evidence, Receipt, UnsubscribeClaim
from mailconsent.services import senders

_Model = TypeVar("_Model", wire.ConsentRequest, wire.WithdrawalRequest)

ADDRESS = "ADDRESS may be - to read it from standard input, where it does not show in the list of processes."


@cli.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", required=True)
@click.option("--json", "as_json", is_flag=True, help="The verdict as the API gives it.")
def check(address: str, topic: str, as_json: bool) -> None:
    """May this address be mailed about this topic? Exit status 0 is yes, 1 is no."""
    asked = [_address(address)]
    with opened() as here:
        about = here.rules.policy.topic(topic)
        with here.store.read() as tx:
            decision = senders.check(tx, here.rules.policy, about, asked)[0]
            permit = senders.permits(tx, here.rules, about, asked, [decision])[0]
    if as_json:
        verdict: dict[str, object] = {
            "address": asked[0],
            "allowed": decision.allowed,
            "reason": decision.reason,
            "legal_basis": decision.legal_basis,
            "event_id": str(decision.event_id) if decision.event_id else None,
        }
        if permit:
            verdict |= {"headers": permit.headers, "unsubscribe_url": permit.unsubscribe_url}
        click.echo(json.dumps(verdict, ensure_ascii=False))
    else:
        event = f", event {decision.event_id}" if decision.event_id else ""
        click.echo(f"{'yes' if decision.allowed else 'no'}: {decision.reason}{event}")
    sys.exit(0 if decision.allowed else 1)


@cli.group()
def consent() -> None:
    """Consents."""


@consent.command("add", epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", required=True)
@click.option("--evidence", "pairs", multiple=True, required=True, metavar="NAME=TEXT", help="What proves it; repeat.")
@click.option("--occurred-at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Such as 2026-03-01T09:30:00+0100.")
@click.option("--language", help="Of the person, such as da.")
@click.option("--source", default="", help="A reference of yours; never an address.")
def consent_add(
    address: str, topic: str, pairs: tuple[str, ...], occurred_at: datetime | None, language: str | None, source: str
) -> None:
    """Record a consent with its proof. Prints the event's id."""
    asked = _request(
        wire.ConsentRequest,
        {
            "address": _address(address),
            "topic": topic,
            "evidence": dict(pair.partition("=")[::2] for pair in pairs),
            "occurred_at": occurred_at,
            "language": language,
            "source": source,
        },
    )
    with opened() as here:
        about = here.rules.policy.topic(asked.topic)
        receipt = _receipt(asked.source, asked.occurred_at, Evidence(details=asked.evidence))
        with here.store.begin() as tx:
            event_id = senders.record_consent(tx, about, asked.address, receipt, language=asked.language)
    click.echo(str(event_id))


@cli.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", help="Left out: all marketing.")
@click.option("--source", default="", help="A reference of yours; never an address.")
def withdraw(address: str, topic: str | None, source: str) -> None:
    """Record an opt-out. Prints the event's id."""
    asked = _request(wire.WithdrawalRequest, {"address": _address(address), "topic": topic, "source": source})
    with opened() as here:
        about = here.rules.policy.topic(asked.topic) if asked.topic is not None else None
        with here.store.begin() as tx:
            outcome = senders.record_withdrawal(tx, about, asked.address, _receipt(asked.source))
    click.echo(str(outcome.event_id))


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def classify(paths: tuple[Path, ...]) -> None:
    """Say what messages are: `.eml` files, or folders of them. CSV on standard output; nothing is recorded."""
    rows = csv.writer(sys.stdout)
    rows.writerow(["file", "label", "address", "confidence", "reason"])
    read_token = _token_reader()
    for file in (file for path in paths for file in (sorted(path.glob("*.eml")) if path.is_dir() else [path])):
        verdict = judge(parse_message(file.read_bytes()), read_token)
        why = f"{verdict.detector}: {verdict.reason}"
        rows.writerow([file.name, verdict.label, ";".join(verdict.addresses), verdict.confidence, why])


def _token_reader() -> Callable[[str], UnsubscribeClaim]:
    """Reads our links where the keys are at hand; without them, messages can still be told apart by their words."""
    try:
        return settings().keyring().read_token
    except ConfigError:
        click.echo("without keys: links of ours are not recognised", err=True)
        return _no_token


def _no_token(_text: str) -> UnsubscribeClaim:
    raise InvalidToken


def _address(argument: str) -> str:
    return sys.stdin.readline().strip() if argument == "-" else argument


def _request(model: type[_Model], values: dict[str, object]) -> _Model:
    """The same checks as the API makes."""
    try:
        return wire.make_request(model, values)
    except wire.BadRequest as fault:
        raise Refused("; ".join(f"{place['place']}: {place['message']}" for place in fault.faults)) from None


def _receipt(source: str, occurred_at: datetime | None = None, evidence: Evidence | None = None) -> Receipt:
    return Receipt(
        channel=Channel.OPERATOR,
        received_at=datetime.now(UTC),
        occurred_at=occurred_at,
        source=source or "cli",
        evidence=evidence or Evidence(),
    )
