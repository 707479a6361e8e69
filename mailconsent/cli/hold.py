"""Commands about legal holds."""

import json
import sys
from datetime import UTC, date, datetime

import click

from mailconsent.cli import cli, opened
from mailconsent.services import holds as services
from mailconsent.store.holds import Hold, HoldReason


@cli.group("legal-hold")
def legal_hold() -> None:
    """Records that are not deleted yet, because of a dispute or an authority. A withdrawal counts all the same."""


@legal_hold.command("add", epilog="ADDRESS may be - to read it from standard input.")
@click.argument("address", required=False)
@click.option("--claim", help="Instead of ADDRESS: a reference that records have as their source, such as case-2026-7.")
@click.option("--reason", required=True, type=click.Choice([reason.value for reason in HoldReason]), help="Why.")
@click.option(
    "--review", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day of the next look, within six months."
)
def add(address: str | None, claim: str | None, reason: str, review: datetime) -> None:
    """Keep the records of a person, or of everyone whom a claim is about. Prints the hold's id."""
    if (address is None) == (claim is None):
        raise click.UsageError("give an ADDRESS or a --claim, and not both")
    given = sys.stdin.readline().strip() if address == "-" else address
    with opened() as here, here.store.begin() as tx:
        hold = services.place_hold(
            tx,
            here.rules.policy,
            address=given,
            claim=claim,
            reason=HoldReason(reason),
            review_by=review.date(),
            now=datetime.now(UTC),
        )
    click.echo(hold.id)


@legal_hold.command("list")
@click.option("--json", "as_json", is_flag=True, help="The holds as JSON, a line each.")
def list_(as_json: bool) -> None:
    """List the holds that stand, the one to be reviewed first at the top."""
    with opened() as here:
        today = datetime.now(UTC).astimezone(here.rules.policy.controller.time_zone).date()
        with here.store.read() as tx:
            found = services.standing_holds(tx)
    for hold in found:
        click.echo(json.dumps(_as_json(hold, today)) if as_json else _in_words(hold, today))


@legal_hold.command("end")
@click.argument("hold_id", metavar="ID")
def end(hold_id: str) -> None:
    """End a hold. What is due by then is deleted in the next run of `mailconsent retention`."""
    with opened() as here, here.store.begin() as tx:
        services.end_hold(tx, hold_id, now=datetime.now(UTC))


def _as_json(hold: Hold, today: date) -> dict[str, object]:
    return {
        "id": hold.id,
        "recipient": hold.recipient_id and f"{hold.recipient_id:x}",
        "claim": hold.claim,
        "reason": hold.reason.value,
        "placed_at": hold.placed_at.isoformat(),
        "review_by": hold.review_by.isoformat(),
        "overdue": hold.review_by < today,
    }


def _in_words(hold: Hold, today: date) -> str:
    whose = f"claim {hold.claim}" if hold.claim else f"recipient {hold.recipient_id:x}"
    late = "\tOVERDUE" if hold.review_by < today else ""
    return f"{hold.id}\t{whose}\t{hold.reason}\tplaced {hold.placed_at:%Y-%m-%d}\treview by {hold.review_by}{late}"
