"""Sales, told by hand."""

from datetime import UTC, datetime

import click

from mailconsent import wire
from mailconsent.cli import cli, opened
from mailconsent.cli.ask import ADDRESS, address_of, checked
from mailconsent.model import Channel, Receipt
from mailconsent.sales import Customer, Obtained, SaleEnd, SaleState
from mailconsent.services import sales

_STATES = [state.value for state in (*SaleState, *SaleEnd)]


@cli.group()
def sale() -> None:
    """Sales, on which soft opt-in may rest."""


@sale.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--order", required=True, help="The order's number; only a keyed hash of it is stored.")
@click.option("--sold-on", required=True, metavar="DAY", help="Such as 2026-03-01.")
@click.option("--state", required=True, type=click.Choice(_STATES), help="How far it has come, or how it ended.")
@click.option("--entity", help="The legal entity that sold: its key in the policy.")
@click.option("--category", "categories", multiple=True, help="Of the products: a key in the policy; repeat it.")
@click.option("--obtained", type=click.Choice([way.value for way in Obtained]), help="How you came to the address.")
@click.option("--notice", help="Version of the notice that offered the opt-out.")
@click.option("--offered-at", metavar="TIME", help="When it was; such as 2026-03-01T09:30:00+01:00.")
@click.option("--country", help="Of the customer, such as DK.")
@click.option("--customer", type=click.Choice([who.value for who in Customer]), help="Who bought.")
@click.option("--opted-out", is_flag=True, help="The customer refused marketing in this sale.")
@click.option("--occurred-at", metavar="TIME", help="When the sale was.")
@click.option("--language", help="Of the customer, such as da.")
@click.option("--source", default="", help="A reference of yours; never an address.")
def add(address: str, categories: tuple[str, ...], **told: object) -> None:
    """Record a sale, or that one was taken back. Prints the id of the order's event."""
    values = told | {"address": address_of(address), "categories": list(categories)}
    asked = checked(wire.SaleRequest, values)
    receipt = Receipt(
        channel=Channel.OPERATOR,
        received_at=datetime.now(UTC),
        occurred_at=asked.occurred_at,
        source=asked.source or "cli",
    )
    with opened() as here, here.store.begin() as tx:
        telling = asked.telling(sales.order_reference(tx, asked.order))
        outcome = sales.record_sale(tx, asked.address, telling, receipt, language=asked.language)
    if outcome.repeated:
        click.echo("recorded already", err=True)
    click.echo(str(outcome.event_id))
