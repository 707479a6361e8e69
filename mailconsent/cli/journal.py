"""Commands about the journal of opt-outs and erasures."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from mailconsent.cli import cli, opened, settings
from mailconsent.cli.bar import bar
from mailconsent.errors import Refused
from mailconsent.services.journal import Replayed
from mailconsent.services.journal import replay as replay_entries
from mailconsent.store.journal import Entry, Erasure, Journal, Unreadable, read_entries


@cli.group()
def journal() -> None:
    """The opt-outs in files beside the database: after a restore, they are told to it again."""


@journal.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE]...")
@click.option("--dry-run", is_flag=True, help="Say how many the database lacks, and record nothing.")
def replay(files: tuple[Path, ...], dry_run: bool) -> None:
    """
    Record the opt-outs that a restored database lacks, and erase again whom it brings back. Run it before anything
    else is started.

    FILE is a journal file, or a folder of them, of every machine; left out, this machine's own. It may be run again.
    """
    done = Replayed()
    with opened() as here:
        paths = [path for given in files or (here.settings.journal,) for path in _files(given)]
        try:

            def lines() -> Iterator[Entry | Erasure | Unreadable]:
                return (line for path in paths for line in read_entries(path))

            with bar("replay", sum(1 for _ in lines())) as advance:
                for done in replay_entries(here.store, lines, now=datetime.now(UTC), dry_run=dry_run):
                    advance(done.seen)
        except OSError as fault:
            raise Refused("A file of the journal cannot be read.") from fault
    to_be = "to be " if dry_run else ""
    click.echo(f"{done.seen} lines, {done.added} {to_be}added, {done.erased} {to_be}erased again")
    for line in done.unreadable:
        why = "torn, nobody was told that it counts" if line.last else "not readable: whose it was is not known"
        click.echo(f"{line.file}, line {line.line}: {why}", err=True)
    sys.exit(0 if all(line.last for line in done.unreadable) else 1)


@journal.command()
@click.option(
    "--before",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="Of the oldest backup that you could restore, the day before.",
)
def trim(before: datetime) -> None:
    """Delete the journal of the days before this one."""
    for path in Journal(settings().journal).trim(before.date()):
        click.echo(path.name)


def _files(given: Path) -> list[Path]:
    return list(Journal(given).files()) if given.is_dir() else [given] if given.exists() else []
