"""
The command line. Exit status: 0 done (or: may be mailed), 1 refused or failed, 2 wrong usage.

What a program would read goes to standard output; progress and faults go to standard error.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from mailconsent import logs
from mailconsent.errors import ConfigError, MailconsentError
from mailconsent.services.installation import Installation, start
from mailconsent.settings import Settings, load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailconsent")
def cli() -> None:
    """May I mail this address about this topic, and on what ground?"""


def settings() -> Settings:
    """The settings in the environment."""
    return load_settings(os.environ)


@contextmanager
def opened() -> Iterator[Installation]:
    """The installation, opened and checked."""
    installation = start(settings())
    try:
        yield installation
    finally:
        installation.store.close()


def with_commands() -> click.Group:
    """The group with every command: they join it when their modules are imported."""
    from mailconsent.cli import (  # noqa: F401 - their commands join the group
        ask,
        hold,
        imports,
        inbound,
        journal,
        lapsing,
        ledger,
        policy,
        recipient,
        requests,
        retention,
        review,
        run,
        sale,
        setup,
        sign_in,
        suppress,
    )

    return cli


def main() -> None:
    """The entry point: what we refuse is said in plain words, not in a traceback."""
    logs.configure()  # what services log goes to standard error, too
    commands = with_commands()
    try:
        commands()
    except ConfigError as fault:
        for line in fault.faults:
            click.echo(line, err=True)
        sys.exit(1)
    except MailconsentError as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as fault:  # noqa: BLE001 - the text of a foreign exception may hold an address
        logs.failure("unexpected", fault)
        sys.exit(1)
