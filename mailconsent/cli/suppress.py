"""Commands of the operator: to stop marketing to an address or a domain, and to end a no of the wrong kind."""

import json
import sys
from datetime import UTC, datetime

import click

from mailconsent import wire
from mailconsent.cli import cli, opened
from mailconsent.model import Channel, EventId, Evidence, Receipt
from mailconsent.services import operators
from mailconsent.store.suppressions import list_suppressions

TARGET = "ADDRESS may be - to read it from standard input, where it does not show in the list of processes."
#: Suppressions read at a time.
PAGE = 1_000


@cli.command(epilog=TARGET)
@click.argument("address", metavar="ADDRESS|@DOMAIN")
@click.option("--reason", default="", help="Why; kept as evidence. Name nobody.")
@click.option("--yes", is_flag=True, help="Also where a public provider or a registry has the domain.")
def suppress(address: str, reason: str, yes: bool) -> None:
    """
    Stop marketing to an address, or to a domain and all that is under it. Prints the event's id.

    Nothing that a recipient does lifts it: only `release` does.
    """
    target = sys.stdin.readline().strip() if address == "-" else address.strip()
    receipt = _receipt({"reason": reason} if reason.strip() else {})
    with opened() as here, here.store.begin() as tx:
        if target.startswith("@"):
            outcome = operators.suppress_domain(tx, target, receipt, shared=yes)
        else:
            outcome = operators.suppress(tx, target, receipt)
    if outcome.repeated:
        click.echo("suppressed already", err=True)
    click.echo(str(outcome.event_id))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each, as the API gives it.")
def suppressions(as_json: bool) -> None:
    """List the suppressions that stand: event, address or domain, time, source. Whom they are about is not told."""
    after: EventId | None = None
    with opened() as here:
        while True:
            with here.store.read() as tx:
                page = list_suppressions(tx, after=after, limit=PAGE)
            for one in page:
                listed = wire.listed(one.event_id, one.channel, one.received_at, one.source, domain=one.domain)
                line = (listed["event_id"], listed["scope"], listed["received_at"], listed["source"])
                click.echo(json.dumps(listed) if as_json else "\t".join(line))
            if len(page) < PAGE:
                return
            after = page[-1].event_id


@cli.command()
@click.argument("event")
@click.option("--reason", required=True, help="Why; kept as evidence. Name nobody.")
def release(event: str, reason: str) -> None:
    """
    End one event: a suppression, a question, a permanent failure, or a mail to the contact inbox that was misread or
    forged. Prints the id of the release.

    EVENT is the id that a denied check names.
    """
    named = EventId.read(event)
    with opened() as here, here.store.begin() as tx:
        released = operators.release(tx, named, _receipt({}), reason)
    if released.repeated:
        click.echo("released already", err=True)
    if released.copies:
        click.echo(f"and so for {released.copies} tagged forms of the address", err=True)
    click.echo(str(released.event_id))


def _receipt(details: dict[str, str]) -> Receipt:
    return Receipt(
        channel=Channel.OPERATOR, received_at=datetime.now(UTC), source="cli", evidence=Evidence(details=details)
    )
