"""Importing rows from a file, and reverting what was imported."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from mailconsent import wire
from mailconsent.bloom import Seen
from mailconsent.cli import cli, opened
from mailconsent.cli.ask import evidence_of
from mailconsent.cli.bar import bar
from mailconsent.cli.import_file import ImportFile, SideFile, Survey
from mailconsent.errors import Refused
from mailconsent.import_effect import Difference
from mailconsent.import_rows import BadRow, Row, Wanted
from mailconsent.model import ImportKind
from mailconsent.services import imports
from mailconsent.services.dry_run import compare
from mailconsent.services.import_row import unusable
from mailconsent.services.installation import Installation
from mailconsent.store.imports import Batch, read_batch, read_batches

Chunk = list[tuple[Row | BadRow, Sequence[str]]]


class _Import(click.Group):
    """A group whose first word, where it is no command, is a file."""

    default = "file"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@cli.group("import", cls=_Import, subcommand_metavar="FILE [OPTIONS] | list | revert BATCH")
def import_() -> None:
    """
    Import consents, sales or opt-outs from a CSV file: a dry run, unless --apply.

    What else it takes: mailconsent import FILE --help.
    """


@import_.command("file", hidden=True)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--kind", required=True, type=click.Choice([kind.value for kind in ImportKind]), help="What the rows are."
)
@click.option("--topic", help="Of consents and opt-outs, where a row names none. Opt-outs of none: all marketing.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="NAME=TEXT",
    callback=lambda _context, _option, pairs: evidence_of(pairs),
    help="Of consents, for every row that does not say otherwise; repeat it.",
)
@click.option("--partial", is_flag=True, help="Keep consents with gaps in their proof; they allow no mail.")
@click.option("--apply", "is_real", is_flag=True, help="Record it; without this, only say what would change.")
@click.option("--expect", metavar="SHA256", help="Refuse any other file; a dry run says it.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="The side file for unusable rows.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def import_file(
    path: Path, expect: str | None, rejects: Path | None, is_real: bool, as_json: bool, **said: object
) -> None:
    """Import the rows of a CSV file, or say what would change."""
    wanted = _wanted(**said)
    with opened() as here, path.open("rb") as opened_file:
        if wanted.topic is not None:
            here.rules.policy.topic(wanted.topic)
        file = ImportFile(opened_file)
        with bar("read", file.size) as advance:
            survey = file.survey(wanted, advance)
        if expect and not survey.sha256.hex().startswith(expect.lower()):
            raise Refused("This is not the file that was expected: it changed. Run the dry run again.")
        with SideFile(rejects or path.with_name(f"{path.name}.rejects.csv"), file.header, path) as side:
            batch = _apply(here, wanted, file, survey, side) if is_real else None
            counts = batch.counts if batch else _dry_run(here, wanted, file, survey, side)
        again = _again(path, survey) if batch is None else ""
    if as_json:
        click.echo(json.dumps(_as_json(counts, survey, batch, side)))
    else:
        click.echo("\n".join([*_in_words(wanted, counts, batch, side), *again]))


def _wanted(**said: object) -> Wanted:
    wanted = Wanted(**said | {"kind": ImportKind(str(said["kind"]))})  # type: ignore[arg-type]
    if wanted.kind is not ImportKind.CONSENTS and (wanted.evidence or wanted.partial):
        raise click.UsageError("--evidence and --partial are of consents alone.")
    if wanted.kind is ImportKind.SALES and wanted.topic is not None:
        raise click.UsageError("A sale is about no topic: what was sold says to which mail it is similar.")
    return wanted


def _dry_run(here: Installation, wanted: Wanted, file: ImportFile, survey: Survey, side: SideFile) -> Difference:
    total, seen, now = Difference(), Seen(), datetime.now(UTC)
    with bar("compare", survey.rows) as advance:
        for chunk in file.chunks(wanted, here.rules.policy, imports.CHUNK):
            with here.store.read() as tx:
                part, bad = compare(tx, here.rules.policy, [row for row, _ in chunk], seen, now=now)
            _keep(side, bad, {record.line: record.fields for _, record in chunk})
            total.add(part)
            advance(total.rows)
    return total


def _apply(here: Installation, wanted: Wanted, file: ImportFile, survey: Survey, side: SideFile) -> Batch:
    with here.store.begin() as tx:
        batch = imports.open_batch(tx, wanted, survey.sha256, now=datetime.now(UTC))
    done = batch.line
    fields: dict[int, Sequence[str]] = {}

    def rest() -> Iterator[list[Row | BadRow]]:
        for chunk in file.chunks(wanted, here.rules.policy, imports.CHUNK):
            fields.clear()
            fields.update({record.line: record.fields for _, record in chunk})
            before = [row for row, record in chunk if record.line <= done]
            if before:
                # So that the side file is whole also after a kill.
                with here.store.read() as tx:
                    _keep(side, unusable(tx, before, now=datetime.now(UTC)), fields)
            if after := [row for row, record in chunk if record.line > done]:
                yield after

    with bar("import", survey.rows) as advance:
        if batch.finished_at:
            click.echo(f"This file was imported before, as batch {batch.id}: nothing is added.", err=True)
            for _ in rest():
                raise Refused("The file is longer than what was imported of it.")
        else:
            for moved, bad in imports.apply_all(here.store, batch, rest(), clock=lambda: datetime.now(UTC)):
                batch = moved
                _keep(side, bad, fields)
                advance(batch.counts.rows)
    imports.require_nobody_lost(batch, side.count)
    return batch


def _keep(side: SideFile, bad: Sequence[BadRow], fields: dict[int, Sequence[str]]) -> None:
    for row in bad:
        side.add(row, fields[row.line])


def _again(path: Path, survey: Survey) -> list[str]:
    """How to do what a dry run showed: the words typed, and what makes sure of the file."""
    typed = [word for word in sys.argv[1:] if word != "--json"]
    words = shlex.join(["mailconsent", *typed, "--apply", "--expect", survey.sha256.hex()[:16]])
    return ["Nothing is recorded yet. To import exactly this file:", f"  {words}"]


def _in_words(wanted: Wanted, counts: Difference, batch: Batch | None, side: SideFile) -> list[str]:
    lines = [f"batch {batch.id}: {counts.rows} rows" if batch else f"dry run: {counts.rows} rows"]
    lines.append(f"  {counts.new} {'recorded' if batch else 'new'}")
    lines.append(f"  {counts.repeated} say what is recorded already")
    if denied := counts.denied.total():
        which = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.denied.items()))
        fate = "refused" if wanted.kind is ImportKind.CONSENTS else "they stay denied"
        lines.append(f"  {denied} are opted out: {fate} ({which})")
    if side.count:
        lines.append(f"  {counts.bad} cannot be used: see {side.path}")
    if batch:
        return [*lines, f"To revert it: mailconsent import revert {batch.id}"]
    for key in sorted({*counts.gained, *counts.lost}):
        lines.append(f"{key}: {counts.gained[key]} people more may be mailed, {counts.lost[key]} fewer")
    return lines


def _as_json(counts: Difference, survey: Survey, batch: Batch | None, side: SideFile) -> dict[str, object]:
    return {
        "dry_run": batch is None,
        "batch": batch and batch.id,
        "sha256": survey.sha256.hex(),
        "counts": wire.counts(counts),
        "rejects": str(side.path) if side.count else None,
    }


@import_.command("list")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON each.")
def list_batches(as_json: bool) -> None:
    """What was imported, newest first."""
    with opened() as here, here.store.read() as tx:
        batches = read_batches(tx)
    for batch in batches:
        if as_json:
            told = {"batch": batch.id, "kind": batch.kind, "state": _state(batch), "sha256": batch.file.hex()}
            at = {"started_at": batch.started_at.isoformat(), "line": batch.line}
            click.echo(json.dumps({**told, **at, "counts": wire.counts(batch.counts)}))
        else:
            counts = f"{batch.counts.rows} rows, {batch.counts.new} recorded"
            click.echo(f"{batch.id}  {batch.started_at:%Y-%m-%d %H:%M}  {batch.kind:8}  {_state(batch)}: {counts}")


def _state(batch: Batch) -> str:
    if batch.reverted_at:
        return "reverted"
    if batch.revert_started_at:
        return "being reverted"
    return "finished" if batch.finished_at else f"come to line {batch.line}"


@import_.command()
@click.argument("batch")
@click.option("--reason", help="Why those who do not want mail by this batch do: their opt-outs are released too.")
def revert(batch: str, reason: str | None) -> None:
    """End every consent and sale that a batch brought. May be broken off, and run again."""
    with opened() as here:
        with here.store.read() as tx:
            last = read_batch(tx, batch).line
        released = kept = 0
        with bar("revert", last) as advance:
            for step, done in enumerate(imports.revert(here.store, batch, reason), 1):
                _, released, kept = done
                advance(min(step * imports.CHUNK, last))
    click.echo(f"{released} events of batch {batch} ended")
    if kept:
        click.echo(f"{kept} opt-outs and cancellations of it stay; --reason releases them")
