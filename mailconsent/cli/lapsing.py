"""The command that warns of consents about to lapse."""

import json
from datetime import UTC, datetime

import click

from mailconsent.cli import opened
from mailconsent.cli.ask import consent
from mailconsent.services.lapsing import lapsing as find
from mailconsent.terms import local_day


@consent.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def lapsing(as_json: bool) -> None:
    """Consents that lapse within three months, and within one, because nothing was sent on them."""
    with opened() as here, here.store.read() as tx:
        policy = here.rules.policy
        found = find(tx, policy, local_day(datetime.now(UTC), policy.controller.time_zone))
    if as_json:
        told = [{"topic": one.topic, "within_months": one.within_months, "count": one.count} for one in found]
        click.echo(json.dumps(told))
        return
    for one in found:
        end = "1 month" if one.within_months == 1 else f"{one.within_months} months"
        click.echo(f"{one.topic}: {one.count} lapse within {end}")
    if not found:
        click.echo("no consent lapses within three months", err=True)
