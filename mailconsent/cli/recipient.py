"""Commands about one person: what is recorded of them, the proof of it, and their rights."""

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import click

from mailconsent.cli import cli, opened
from mailconsent.cli.ask import ADDRESS, address_of
from mailconsent.cli.dossier import in_words, receipt_in_words
from mailconsent.dossier import Dossier
from mailconsent.erasure import WARNING
from mailconsent.errors import Refused
from mailconsent.model import Channel, Receipt
from mailconsent.rights import Answer, Right
from mailconsent.services import requests, rights
from mailconsent.services.access import read_dossier
from mailconsent.services.erasure import erase as erase_recipient
from mailconsent.services.installation import Installation
from mailconsent.services.recipients import Outcome
from mailconsent.store import Transaction
from mailconsent.wire.recipients import erase_answer, export_answer

NOTHING = "Nothing is recorded about this address."
REQUEST = click.option("--request", metavar="ID", help="The request that this answers; `mailconsent requests` has it.")


def _source(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:/-]{0,64}", text):
        raise click.BadParameter("at most 64 of A-Z a-z 0-9 . _ : / and -")
    return text


SOURCE = click.option("--source", default="", callback=_source, help="A reference of yours; never an address.")


@cli.group()
def recipient() -> None:
    """One person: what is recorded, proof of it, erasure, restriction, objection."""


@recipient.command(epilog=ADDRESS)
@click.argument("address")
def show(address: str) -> None:
    """Say in short what is recorded about an address, and why it may be mailed or not."""
    with opened() as here:
        dossier = _read(here, address_of(address))
        click.echo("\n".join(in_words(dossier, here.rules.policy)))
    sys.exit(1 if dossier.is_empty else 0)


@recipient.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--json", "form", flag_value="json", default=True, help="In the fields of ISO/IEC TS 27560; as it is.")
@click.option("--html", "form", flag_value="html", help="As a page to print.")
@click.option("--language", help="Of the page, such as da; the company's own if left out.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of printing.")
@REQUEST
def export(address: str, form: str, language: str | None, output: Path | None, request: str | None) -> None:
    """Write all that is recorded about an address: the answer to who asks for their data, and the proof of consents."""
    with opened() as here:
        dossier = _read(here, address_of(address))
        if dossier.is_empty:
            click.echo(NOTHING, err=True)
            sys.exit(1)
        _write(_page(here, dossier, language) if form == "html" else _json(here, dossier, output), output)
        if request:
            with here.store.begin() as tx:
                _answer(tx, here, request, Right.ACCESS)


@recipient.command(epilog=ADDRESS)
@click.argument("address")
@click.option("--digest", is_flag=True, help="Everything: the coded fingerprint and the events too.")
@click.option("--yes-they-were-told", "told", is_flag=True, help="With --digest: the person knows what follows.")
@click.option("--json", "as_json", is_flag=True, help="The receipt as the API gives it.")
@SOURCE
@REQUEST
def erase(address: str, digest: bool, told: bool, as_json: bool, source: str, request: str | None) -> None:
    """Erase what identifies a person, and end all marketing to them. Prints the receipt for them."""
    if digest and not told and sys.stdin.isatty() and address != "-":
        click.echo(WARNING, err=True)
        told = click.confirm("Was the person told so?", err=True)
    given = address_of(address)
    with opened() as here, here.store.begin() as tx:
        erased = erase_recipient(tx, given, _receipt(source), digest=digest, told=told)
        if erased and request:
            _answer(tx, here, request, Right.ERASURE, Answer.PARTLY if erased.held else Answer.FULFILLED)
    if as_json:
        click.echo(json.dumps(erase_answer(erased)))
    elif erased:
        click.echo("\n".join(receipt_in_words(erased, here.rules.policy)))
    else:
        click.echo(NOTHING, err=True)
    sys.exit(0 if erased and not erased.held else 1)


@recipient.command(epilog=ADDRESS)
@click.argument("address")
@SOURCE
@REQUEST
def restrict(address: str, source: str, request: str | None) -> None:
    """Stop marketing, and keep all records, until it is released (GDPR Article 18). Prints the event's id."""
    _record(address, source, request, rights.restrict, Right.RESTRICTION)


@recipient.command("object", epilog=ADDRESS)
@click.argument("address")
@SOURCE
@REQUEST
def object_(address: str, source: str, request: str | None) -> None:
    """End all marketing to an address for good (GDPR Article 21). Prints the event's id."""
    _record(address, source, request, rights.object_to_marketing, Right.OBJECTION)


def _record(
    address: str,
    source: str,
    request: str | None,
    act: Callable[[Transaction, str, Receipt], Outcome],
    kind: Right,
) -> None:
    given = address_of(address)  # before the transaction, which must not wait for who types
    with opened() as here, here.store.begin() as tx:
        outcome = act(tx, given, _receipt(source))
        if request:
            _answer(tx, here, request, kind)
    click.echo(str(outcome.event_id))


def _answer(tx: Transaction, here: Installation, request: str, kind: Right, given: Answer = Answer.FULFILLED) -> None:
    requests.answer(tx, request, given, today=today(here), kind=kind)


def today(here: Installation) -> date:
    """The company's own day."""
    return datetime.now(UTC).astimezone(here.rules.policy.controller.time_zone).date()


def _read(here: Installation, address: str) -> Dossier:
    with here.store.read() as tx:
        return read_dossier(tx, here.rules.policy, address, now=datetime.now(UTC))


def _json(here: Installation, dossier: Dossier, output: Path | None) -> str:
    # Evidence and mail hold what strangers wrote: in ASCII, none of it can command a terminal.
    return json.dumps(export_answer(dossier, here.rules.policy), ensure_ascii=output is None, indent=2) + "\n"


def _page(here: Installation, dossier: Dossier, language: str | None) -> str:
    from web import create_app, proof  # the web application is loaded by who needs it only

    return proof.page(create_app(here), dossier, language)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        # It holds all that is known about a person: for nobody else's eyes.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as fault:
        raise Refused(f"The file cannot be written: {fault.strerror}.") from None


def _receipt(source: str) -> Receipt:
    return Receipt(channel=Channel.OPERATOR, received_at=datetime.now(UTC), source=source or "cli")
