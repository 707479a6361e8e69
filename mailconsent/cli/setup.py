"""Commands of the operator: setting up, keys, and keeping the house in order."""

from datetime import UTC, datetime

import click

from mailconsent.cli import cli, opened, settings
from mailconsent.cli.bar import bar
from mailconsent.errors import Refused
from mailconsent.services import installation as services
from mailconsent.services import rotation
from mailconsent.services.rebuild import count_recipients, rebuild_all
from mailconsent.store import Store
from mailconsent.store.access import Scope, create_key, list_keys, revoke_key
from mailconsent.store.schema import migrate as migrate_store


@cli.command()
def init() -> None:
    """Make keys and database. Safe to run again."""
    for line in services.init(settings()):
        click.echo(line, err=True)
    click.echo("Keep a copy of the keys apart from the database: without them the suppression list is lost.", err=True)


@cli.command()
def migrate() -> None:
    """Bring the database up to date."""
    chosen = settings()
    store = Store(chosen.database_url, chosen.keyring())
    try:
        migrate_store(store)
    finally:
        store.close()
    click.echo("the database is up to date", err=True)


@cli.command()
def rebuild() -> None:
    """Make every standing anew from the events, and say how many were not what they should be."""
    with opened() as here:
        step = (0, 0)
        with bar("rebuild", count_recipients(here.store)) as advance:
            for step in rebuild_all(here.store):
                advance(step[0])
    click.echo(f"{step[0]} recipients, {step[1]} mended")


@cli.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; repeat.",
)
def key_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key. It is printed once, alone on standard output."""
    with opened() as here, here.store.begin() as tx:
        made = create_key(tx, name, [Scope(scope) for scope in scopes], now=datetime.now(UTC))
    click.echo(made)


@key.command("list")
def key_list() -> None:
    """List API keys, without their secrets."""
    with opened() as here, here.store.read() as tx:
        for key_id, name, scopes, created, revoked in list_keys(tx):
            state = f"revoked {revoked:%Y-%m-%d}" if revoked else "valid"
            click.echo(f"{key_id}\t{name}\t{scopes}\tmade {created:%Y-%m-%d}\t{state}")


@key.command("revoke")
@click.argument("key_id")
def key_revoke(key_id: str) -> None:
    """End an API key from now on."""
    with opened() as here, here.store.begin() as tx:
        if not revoke_key(tx, key_id, now=datetime.now(UTC)):
            raise Refused("There is no valid key of this id; `mailconsent key list` shows them.")


@cli.group()
def rotate() -> None:
    """Move to a new secret key, while web and worker run. Old links go on working."""


@rotate.command("signing")
def rotate_signing() -> None:
    """Sign links under a new key."""
    with opened() as here:
        number = rotation.rotate_signing(here.store)
    click.echo(f"links are signed under key {number} now", err=True)


@rotate.command("digest")
def rotate_digest() -> None:
    """Move every digest to a new key. Goes on where it was broken off."""
    with opened() as here:
        generation = rotation.begin_digest_rotation(here.store)
        with bar("rotate", count_recipients(here.store)) as advance:
            for seen in rotation.move_recipients(here.store, generation):
                advance(seen)
    click.echo(f"digests are under key {generation} now", err=True)
