"""Commands about mail that awaits a human."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from mailconsent.cli import cli, opened
from mailconsent.cli.ask import ADDRESS, address_of
from mailconsent.cli.unclear import why
from mailconsent.errors import Refused
from mailconsent.mail_id import MailId
from mailconsent.model import Channel, EventId, Receipt
from mailconsent.services import operators
from mailconsent.services import review as services
from mailconsent.services.applying import apply_and_tell
from mailconsent.services.case import Case, Part, Person, read_case
from mailconsent.services.installation import Installation
from mailconsent.store import Transaction
from mailconsent.store.review import Waiting, left_over, list_waiting, read_text

ID = "ID is that of a mail, such as 1/1700000000/42; or of a question whose mail is gone, such as 2f1c8a5b7d3e9046-1."
PARTS = {Part.WRITER: "the writer", Part.NAMED: "named in it", Part.LINK: "got mail that it quotes or returns"}

#: Hours from which days say more.
LONG = 72


@cli.group()
def review() -> None:
    """Mail that awaits a human. Marketing to whom it may be about has stopped; answer within two days."""


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")
def list_(as_json: bool) -> None:
    """List what awaits an answer, the oldest at the top. Whom it is about is not told: `show` does."""
    with opened() as here, here.store.read() as tx:
        waiting, without_mail = list_waiting(tx), left_over(tx)
        now = datetime.now(UTC)
        for one in waiting:
            click.echo(json.dumps(_as_json(one, now)) if as_json else _in_words(one, here, now))
        for question in without_mail:
            told = {"id": str(question), "mail": False}
            click.echo(json.dumps(told) if as_json else f"{question}\ta question whose mail is gone")
    if not waiting and not without_mail:
        click.echo("nothing awaits an answer", err=True)


@review.command(epilog=ID)
@click.argument("mail", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--raw", is_flag=True, help="The mail as it came, for a file. What came by the pipe lies in no mailbox.")
def show(mail: str, as_json: bool, raw: bool) -> None:
    """Show what is needed to decide about a mail: own words and subject, whom it may be about, why it was not clear."""
    if raw and sys.stdout.isatty():
        raise click.UsageError("what a stranger wrote may command a terminal: send it to a file, as in > mail.eml")
    with opened() as here, here.store.read() as tx:
        if raw:
            services.waiting_mail(tx, MailId.read(mail))
            sys.stdout.buffer.write(read_text(tx, MailId.read(mail)) or b"")
            return
        case = read_case(tx, MailId.read(mail), here.store.keyring.read_mailed, here.settings.trusted_authserv_ids)
        now = datetime.now(UTC)
        lines = [json.dumps(_case_as_json(case, now))] if as_json else list(_case_in_words(case, here, now))
    for line in lines:
        click.echo(line)


@review.command(epilog=f"{ID} {ADDRESS}")
@click.argument("named", metavar="ID")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--reason", default="", help="Why; kept as evidence. Name nobody.")
@click.option("--no-answer", is_flag=True, help="The writer is not told: somebody has done so already.")
def apply(named: str, addresses: tuple[str, ...], reason: str, no_answer: bool) -> None:
    """
    It was a request: marketing has ended, as of the receipt of the mail. Prints the events.

    With ADDRESS of these alone, where the mail turned out to be about somebody else; as of now, where no question had
    stopped them. The writer is told by mail, as if
    the request had been clear, where SMTP_URL is set and the mail is of the last three days.
    """
    asked = _id(named)
    if isinstance(asked, EventId) and addresses:
        raise click.UsageError("a question is about one person, whose address is not needed")
    about = [address_of(address) for address in addresses]
    with opened() as here, here.store.begin() as tx:
        if isinstance(asked, MailId):
            answered = apply_and_tell(tx, here, asked, _receipt(), addresses=about, reason=reason, tell=not no_answer)
        else:
            answered = services.answer_left_over(tx, asked, _receipt())
    _tell(answered)


@review.command(epilog=ID)
@click.argument("named", metavar="ID...", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; kept as evidence. Name nobody.")
def dismiss(named: tuple[str, ...], reason: str) -> None:
    """
    It was no request, or a forged one: what was allowed before is allowed again. Prints the releases.

    Also of a mail that was taken for a request without being one. Of several, one that is refused holds up no other.
    """
    refused = False
    asked = [_id(one) for one in named]
    with opened() as here:
        for one in asked:
            try:
                with here.store.begin() as tx:
                    answered = _dismiss(tx, one, reason)
            except Refused as fault:
                click.echo(f"{one}: {fault}", err=True)
                refused = True
            else:
                _tell(answered)
    sys.exit(1 if refused else 0)


def _id(text: str) -> MailId | EventId:
    return MailId.read(text) if "/" in text else EventId.read(text)


def _dismiss(tx: Transaction, named: MailId | EventId, reason: str) -> services.Answered:
    if isinstance(named, MailId):
        return services.dismiss(tx, named, _receipt(), reason)
    released = operators.release(tx, named, _receipt(), reason)
    return services.Answered(released=[released.event_id])


def _tell(answered: services.Answered) -> None:
    for event in (*answered.withdrawn, *answered.released):
        click.echo(str(event))
    click.echo(f"withdrawn: {len(answered.withdrawn)}, released: {len(answered.released)}", err=True)


def _receipt() -> Receipt:
    return Receipt(channel=Channel.OPERATOR, received_at=datetime.now(UTC), source="cli")


def _as_json(one: Waiting, now: datetime) -> dict[str, object]:
    return {
        "id": str(one.id),
        "mail": True,
        "received_at": one.received_at.isoformat(),
        "review_until": one.review_until.isoformat(),
        "overdue": one.review_until < now,
        "detector": one.detector,
        "reason": one.reason,
        "confidence": one.confidence,
        "questions": [str(question) for question in one.questions],
    }


def _in_words(one: Waiting, here: Installation, now: datetime) -> str:
    people = len({question.recipient_id for question in one.questions})
    stopped = f"{people} stopped" if people else "about nobody known"
    received = _time(one.received_at, here)
    return f"{one.id}\treceived {received}\t{_deadline(one, here, now)}\t{why(one)}\t{stopped}"


def _case_as_json(case: Case, now: datetime) -> dict[str, object]:
    return _as_json(case.waiting, now) | {
        "mailbox": case.waiting.mailbox,
        "readable": case.readable,
        "authentication": case.authentication,
        "people": [_person_as_json(person) for person in case.people],
        "subject": case.subject,
        "words": case.words,
        "cut": case.cut,
    }


def _person_as_json(person: Person) -> dict[str, object]:
    return {
        "part": person.part.value,
        "address": person.address,
        "known": person.known,
        "question": person.question and str(person.question),
    }


def _case_in_words(case: Case, here: Installation, now: datetime) -> Iterator[str]:
    waiting = case.waiting
    yield f"mail      {waiting.id}, in {printable(waiting.mailbox)}, received {_time(waiting.received_at, here)}"
    yield f"answer    {_deadline(waiting, here, now)}"
    yield f"unclear   {why(waiting)}"
    yield f"sender    {case.authentication or 'not authenticated by a server of ours'}"
    for person in case.people:
        yield f"about     {_person_in_words(person)}"
    if not case.people:
        yield "about     nobody whom it names: `review apply ID ADDRESS`"
    if not case.readable:
        yield "It could not be read: look at it in the mailbox, or in the file of `review show ID --raw > FILE`."
        return
    yield f"subject   {printable(case.subject).replace(chr(10), ' ') or '(empty)'}"
    yield ""
    yield printable(case.words) or "(no words of the writer's own)"
    if case.cut:
        yield "(there is more of it in the mailbox)"


def _person_in_words(person: Person) -> str:
    who = printable(person.address) if person.address else "an address that is not kept"
    known = "known" if person.known else "not known before"
    stopped = f"stopped by {person.question}" if person.question else "not stopped"
    return f"{who}: {PARTS[person.part]}, {known}, {stopped}"


def _deadline(one: Waiting, here: Installation, now: datetime) -> str:
    hours = int(abs(one.review_until - now).total_seconds() // 3600)
    span = f"{hours} h" if hours < LONG else f"{hours // 24} days"
    late = f"OVERDUE by {span}" if one.review_until < now else f"{span} left"
    return f"by {_time(one.review_until, here)}, {late}"


def _time(moment: datetime, here: Installation) -> str:
    return f"{moment.astimezone(here.rules.policy.controller.time_zone):%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """A text of a stranger's, for a terminal: nothing in it moves the cursor, or turns the direction of a line."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text.replace("\t", " "))
