"""Commands that ask and tell, as the API does."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO, TypeVar

import click

from mailconsent import wire
from mailconsent.cli import cli, opened
from mailconsent.errors import Refused
from mailconsent.model import Channel, Evidence, Receipt
from mailconsent.policy.mailing import mailing_of
from mailconsent.proof import Route
from mailconsent.services import senders

_Model = TypeVar("_Model", wire.CheckRequest, wire.ConsentRequest, wire.WithdrawalRequest, wire.SaleRequest)

TOPIC = "What the mail is about: a key in the policy."
ADDRESS = "ADDRESS may be - to read it from standard input, where it does not show in the list of processes."


@cli.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", required=True, help=TOPIC)
@click.option("--json", "as_json", is_flag=True, help="The verdict as the API gives it.")
def check(address: str, topic: str, as_json: bool) -> None:
    """May this address be mailed about this topic? Exit status 0 is yes, 1 is no."""
    asked = checked(wire.CheckRequest, {"topic": topic, "addresses": [address_of(address)]})
    with opened() as here:
        about = here.rules.policy.topic(asked.topic)
        now = datetime.now(UTC)
        with here.store.read() as tx:
            mailing = mailing_of(here.rules.policy, about, now=now)
            decision = senders.check(tx, mailing, asked.addresses)[0]
            permit = senders.permits(tx, here.rules, about, asked.addresses, [decision], now=now)[0]
    if as_json:
        verdict = wire.verdict(asked.addresses[0], decision)
        if permit:
            wire.carry(verdict, **asdict(permit))
        click.echo(wire.write(wire.Verdict, verdict))
    else:
        event = f", event {decision.event_id}" if decision.event_id else ""
        click.echo(f"{'yes' if decision.allowed else 'no'}: {decision.reason}{event}")
    sys.exit(0 if decision.allowed else 1)


@cli.group()
def consent() -> None:
    """Consents."""


@consent.command("add", epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", required=True, help=TOPIC)
@click.option(
    "--evidence",
    multiple=True,
    required=True,
    metavar="NAME=TEXT",
    callback=lambda _context, _option, pairs: evidence_of(pairs),
    help="What the person was shown and did; repeat it.",
)
@click.option("--route", type=click.Choice([route.value for route in Route]), help="How it was given.")
@click.option("--notice", type=click.File(encoding="utf-8"), help="A file with the text that the person was shown.")
@click.option("--notice-version", help="Of that text.")
@click.option("--notice-language", help="Of that text, such as da.")
@click.option("--notice-sha256", help="Instead of all three: the hash of a notice told before.")
@click.option("--occurred-at", metavar="TIME", help="When; such as 2026-03-01T09:30:00+01:00.")
@click.option("--language", help="Of the person, such as da.")
@click.option("--country", help="Of the person, such as DK.")
@click.option("--partial", is_flag=True, help="Keep a record with gaps too; it allows no mail.")
@click.option("--source", default="", help="A reference of yours; never an address.")
def consent_add(address: str, notice: TextIO | None, **told: object) -> None:
    """
    Record a consent with its proof. Prints the event's id.

    With a route, what the record lacks is named, and nothing is recorded.
    """
    parts = {"text": _text(notice)} | {name: told.pop(f"notice_{name}") for name in ("version", "language", "sha256")}
    shown = {name: part for name, part in parts.items() if part is not None}
    asked = checked(wire.ConsentRequest, told | {"address": address_of(address), "notice": shown or None})
    with opened() as here:
        about = here.rules.policy.topic(asked.topic)
        receipt = _receipt(asked.source, asked.occurred_at, Evidence(details=asked.evidence))
        with here.store.begin() as tx:
            event_id = senders.record_consent(
                tx,
                about,
                asked.address,
                receipt,
                route=asked.route,
                notice=asked.notice.about(about.key) if asked.notice else None,
                language=asked.language,
                country=asked.country,
                partial=asked.partial,
            )
    click.echo(str(event_id))


@cli.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--topic", help=f"{TOPIC} Left out: all marketing.")
@click.option("--source", default="", help="A reference of yours; never an address.")
def withdraw(address: str, topic: str | None, source: str) -> None:
    """Record an opt-out. Prints the event's id."""
    asked = checked(wire.WithdrawalRequest, {"address": address_of(address), "topic": topic, "source": source})
    with opened() as here:
        about = here.rules.policy.topic(asked.topic) if asked.topic is not None else None
        with here.store.begin() as tx:
            outcome = senders.record_withdrawal(tx, about, asked.address, _receipt(asked.source))
    click.echo(str(outcome.event_id))


def address_of(argument: str) -> str:
    """The address meant by an argument."""
    return sys.stdin.readline().strip() if argument == "-" else argument


def _text(file: TextIO | None) -> str | None:
    try:
        return file.read() if file else None
    except (OSError, UnicodeDecodeError):
        raise click.BadParameter("the notice must be a text in UTF-8") from None


def evidence_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Names and texts, as they are typed."""
    parts = [pair.partition("=") for pair in pairs]
    evidence = {name: text for name, _, text in parts}
    if len(evidence) < len(parts) or not all(name and text for name, _, text in parts):
        raise click.BadParameter("each must be NAME=TEXT, with a name of its own")
    return evidence


def checked(model: type[_Model], values: dict[str, object]) -> _Model:
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
