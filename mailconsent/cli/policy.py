"""Commands about the policy file."""

from datetime import UTC, datetime
from pathlib import Path

import click

from mailconsent.cli import cli, settings
from mailconsent.policy.explanation import explain
from mailconsent.policy.review import review
from mailconsent.settings import load_policy


@cli.group()
def policy() -> None:
    """The company's published policy."""


@policy.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def policy_check(file: Path | None) -> None:
    """Say what the policy means, and where it promises more or less than the law. FILE is the one in use."""
    read = load_policy(file) if file else settings().policy()
    for line in explain(read):
        click.echo(line)
    warnings = review(read, datetime.now(UTC).astimezone(read.controller.time_zone).date())
    for warning in warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"{len(warnings)} warnings" if len(warnings) != 1 else "1 warning")
