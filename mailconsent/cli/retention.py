"""Commands about retention: what is due, deleting it, and the certificates of it."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

from mailconsent.cli import cli, opened
from mailconsent.cli.bar import bar
from mailconsent.due import Terms, law, promise, terms_of
from mailconsent.services.holds import reviews_due, standing_holds
from mailconsent.services.rebuild import count_recipients
from mailconsent.services.retention import Run, Tallies
from mailconsent.store.certificates import read_certificates
from mailconsent.store.holds import Hold
from mailconsent.store.retention import tidy

_HEAD = ("kind", "due", "oldest", "held", "stays", "period", "law")


@cli.group(invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Say what is due, and delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@click.pass_context
def retention(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """
    Delete what is due by the policy, and say what and why. The worker does it daily.

    It may be broken off at any time, and run again.
    """
    if context.invoked_subcommand:
        return
    now = datetime.now(UTC)
    with opened() as here:
        policy = here.rules.policy
        run = Run(here.store, policy, now=now, dry_run=dry_run)
        with bar("retention", count_recipients(here.store)) as advance:
            for seen in run.steps():
                advance(seen)
        clean = dry_run or tidy(here.store)
        with here.store.read() as tx:
            holds = standing_holds(tx)
    terms = terms_of(policy)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "records": _as_json(run.tallies, terms), "busy": run.busy}))
    else:
        for line in _table(run.tallies, terms):
            click.echo(line)
    _warn(run, holds, terms.day(now), clean=clean)


@retention.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, a line each.")
def certificates(as_json: bool) -> None:
    """List what was deleted, by day and kind. Nothing in it names anybody."""
    with opened() as here, here.store.read() as tx:
        found = read_certificates(tx)
    for one in found:
        days = {"made_on": one.made_on, "oldest": one.oldest, "newest": one.newest}
        told = {name: day.isoformat() for name, day in days.items()}
        told |= {"records": one.records, "reason": one.reason, "policy": one.policy.hex()}
        if as_json:
            click.echo(json.dumps(told | {"count": one.count}, sort_keys=True))
        else:
            span = f"of {one.oldest} to {one.newest}"
            click.echo(
                f"{one.made_on}\t{one.count} {one.records}\t{span}\t{one.reason}\tpolicy {one.policy.hex()[:12]}"
            )


def _as_json(tallies: Tallies, terms: Terms) -> list[dict[str, object]]:
    return [
        {
            "kind": kept.value,
            "due": tally.count,
            "oldest": tally.oldest and tally.oldest.isoformat(),
            "held": tally.held,
            "stays": tally.stays,
            "period": promise(kept, terms),
            "law": law(kept),
        }
        for kept, tally in sorted(tallies.items())
        if tally.count or tally.held or tally.stays
    ]


def _table(tallies: Tallies, terms: Terms) -> Sequence[str]:
    rows = [
        [str(row[name] or (0 if name in ("due", "held", "stays") else "")) for name in _HEAD]
        for row in _as_json(tallies, terms)
    ]
    if not rows:
        return ["nothing is due"]
    widths = [max(len(row[place]) for row in [_HEAD, *rows]) for place in range(len(_HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [_HEAD, *rows]
    ]


def _warn(run: Run, holds: Sequence[Hold], today: date, *, clean: bool) -> None:
    for hold in reviews_due(holds, today):
        late = "IS OVERDUE" if hold.review_by < today else "is due"
        click.echo(f"legal hold {hold.id}: its review {late}, by {hold.review_by}", err=True)
    if run.busy:
        click.echo(f"{run.busy} recipients were locked by somebody else: the next run sees to them", err=True)
    if not clean:
        click.echo("the database file may still hold parts of what was deleted: docs/retention.md says why", err=True)
