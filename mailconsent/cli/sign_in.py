"""The command that signs in to the provider of the contact inbox."""

import os
import sys

import click

from mailconsent.cli import cli
from mailconsent.oauth_grant import NotKept, keep_token
from mailconsent.oauth_sign_in import SignIn
from mailconsent.settings import load_sign_in


@cli.command("sign-in")
@click.option("--page", metavar="URL", help="Where people sign in, of a provider other than Google and Microsoft.")
@click.option(
    "--mailbox",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of several mailboxes with a token each, which: its place in IMAP_URL.",
)
def sign_in(page: str | None, mailbox: int) -> None:
    """
    Sign in to the provider of the contact inbox, for IMAP_OAUTH_REFRESH_TOKEN.

    The token is put into the file of that setting; where none is named, it is printed, alone on standard output.
    """
    grant, known_page, path = load_sign_in(os.environ)
    if not (page := page or known_page):
        raise click.UsageError("--page: needed, as we know only where people sign in to Google and Microsoft")
    attempt = SignIn(grant, page)
    click.echo("Open this in a browser, and sign in as the user of the inbox:\n", err=True)
    click.echo(f"{attempt.url}\n", err=True)
    click.echo("The browser ends at a page of http://localhost that does not open. Its address: ", nl=False, err=True)
    token = attempt.refresh_token(sys.stdin.buffer.readline().decode("utf-8", "replace"))
    if path:
        try:
            keep_token(path, mailbox - 1, token)
        except NotKept:
            click.echo("IMAP_OAUTH_REFRESH_TOKEN_FILE: the file cannot be written, so here is the token:", err=True)
            click.echo(token)
            sys.exit(1)
        click.echo("the refresh token is in its file", err=True)
    else:
        click.echo(token)
