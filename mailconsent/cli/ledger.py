"""Commands about the ledger as a whole: sealing it, verifying it, and taking the seals elsewhere."""

import json
import sys
from datetime import UTC, datetime
from typing import TextIO

import click

from mailconsent.cli import cli, opened
from mailconsent.cli.bar import bar
from mailconsent.seal import write_seal
from mailconsent.services.sealing import count_due, list_seals, seal_days
from mailconsent.services.verifying import Verified, read_export, verify_ledger
from mailconsent.store.seals import count_sealed


@cli.group()
def ledger() -> None:
    """Seals of the ledger: proof that no event was altered, inserted or removed."""


@ledger.command()
def seal() -> None:
    """Seal every day that has ended and has no seal yet. Run it daily, an hour after midnight UTC or later."""
    with opened() as here:
        now = datetime.now(UTC)
        with bar("seal", count_due(here.store, now=now)) as advance:
            made = seal_days(here.store, now=now, advance=advance)
    for one in made:
        click.echo(f"seal {one.number} of {one.day}: {one.count} events")
    if not made:
        click.echo("every day that has ended is sealed", err=True)


@ledger.command()
@click.option("--against", type=click.File("r", encoding="utf-8"), help="An export of the seals to compare with.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def verify(against: TextIO | None, as_json: bool) -> None:
    """Check the ledger against its seals, and name the first fault. Exit status 0 is no fault, 1 is one."""
    exported = read_export(against) if against else None
    with opened() as here, here.store.read() as tx, bar("verify", count_sealed(tx)) as advance:
        result = verify_ledger(tx, against=exported, advance=advance)
    click.echo(json.dumps(_as_json(result)) if as_json else _in_words(result))
    sys.exit(1 if result.fault else 0)


@ledger.command()
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
def export(file: TextIO) -> None:
    """Write the seals, one line of JSON each. Keep them where the operator of the database has no hand."""
    with opened() as here:
        for one in list_seals(here.store):
            file.write(write_seal(one) + "\n")


def _as_json(result: Verified) -> dict[str, object]:
    fault = result.fault
    return {
        "ok": fault is None,
        "seals": result.seals,
        "events": result.events,
        "through": result.through and result.through.isoformat(),
        "fault": fault
        and {
            "kind": fault.tamper.value,
            "event": fault.event and str(fault.event),
            "seal": fault.seal,
            "day": fault.day and fault.day.isoformat(),
            "message": str(fault),
        },
    }


def _in_words(result: Verified) -> str:
    if result.fault:
        return str(result.fault)
    return f"no fault: {result.seals} seals, {result.events} events, through {result.through}"
