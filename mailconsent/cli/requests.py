"""The list of people's requests about their data, and the clock of each."""

import json
from datetime import date, datetime

import click

from mailconsent.cli import cli, opened
from mailconsent.cli.ask import ADDRESS, address_of
from mailconsent.cli.recipient import today
from mailconsent.rights import Answer, Delay, Right, RightsRequest
from mailconsent.services import requests as services

DAY = click.DateTime(["%Y-%m-%d"])


@cli.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="The requests as JSON, a line each.")
@click.pass_context
def requests(context: click.Context, as_json: bool) -> None:
    """List requests of people about their data that wait for an answer, the oldest at the top."""
    if context.invoked_subcommand:
        return
    with opened() as here:
        with here.store.read() as tx:
            waiting = services.waiting(tx)
        now = today(here)
    for request in waiting:
        click.echo(json.dumps(_as_json(request, now)) if as_json else _in_words(request, now))
    if not waiting:
        click.echo("no request waits for an answer", err=True)


@requests.command(epilog=ADDRESS)
@click.argument("address", required=False)
@click.option("--kind", required=True, type=click.Choice([right.value for right in Right]), help="What they ask for.")
@click.option("--received", required=True, type=DAY, help="The day on which it reached you, by whatever way.")
def add(address: str | None, kind: str, received: datetime) -> None:
    """Take down a request; with ADDRESS where it is known who asks. Prints its id."""
    asker = address_of(address) if address else None
    with opened() as here, here.store.begin() as tx:
        request = services.add(tx, Right(kind), received.date(), today=today(here), address=asker)
    click.echo(request.id)


@requests.command(epilog=ADDRESS)
@click.argument("request_id", metavar="ID")
@click.argument("address", required=False)
def identified(request_id: str, address: str | None) -> None:
    """It is known now who asks. The clock runs on as before."""
    asker = address_of(address) if address else None
    with opened() as here, here.store.begin() as tx:
        services.identify(tx, request_id, today=today(here), address=asker)


@requests.command()
@click.argument("request_id", metavar="ID")
@click.option("--reason", required=True, type=click.Choice([delay.value for delay in Delay]), help="As you told them.")
def extend(request_id: str, reason: str) -> None:
    """You told the person that it takes two months longer. Prints the new last day."""
    with opened() as here, here.store.begin() as tx:
        request = services.extend(tx, request_id, Delay(reason), today=today(here))
    click.echo(request.due_on.isoformat())


@requests.command()
@click.argument("request_id", metavar="ID")
@click.option(
    "--outcome",
    default=Answer.FULFILLED.value,
    show_default=True,
    type=click.Choice([answer.value for answer in Answer]),
    help="How it was answered.",
)
def answered(request_id: str, outcome: str) -> None:
    """The person has their answer."""
    with opened() as here, here.store.begin() as tx:
        services.answer(tx, request_id, Answer(outcome), today=today(here))


def _as_json(request: RightsRequest, now: date) -> dict[str, object]:
    return {
        "id": request.id,
        "kind": request.kind.value,
        "recipient": None if request.recipient_id is None else f"{request.recipient_id:x}",
        "received_on": request.received_on.isoformat(),
        "identified_on": request.identified_on and request.identified_on.isoformat(),
        "extended_on": request.extended_on and request.extended_on.isoformat(),
        "delay": request.delay and request.delay.value,
        "due_on": request.due_on.isoformat(),
        "days_left": (request.due_on - now).days,
        "overdue": request.due_on < now,
    }


def _in_words(request: RightsRequest, now: date) -> str:
    left = (request.due_on - now).days
    days = "day" if abs(left) == 1 else "days"
    when = f"OVERDUE by {-left} {days}" if left < 0 else f"{left} {days} left"
    who = "identified" if request.identified_on else "not identified"
    return f"{request.id}\t{request.kind}\treceived {request.received_on}\tdue {request.due_on}\t{when}\t{who}"
