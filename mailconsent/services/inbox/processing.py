"""Storing what was judged: a batch with its effects, in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailconsent import logs
from mailconsent.errors import Unavailable
from mailconsent.mail_id import MailId
from mailconsent.model import Label
from mailconsent.policy.reports import STRICTEST, Reports
from mailconsent.services.inbox.answers import Answers
from mailconsent.services.inbox.effects import apply, stop
from mailconsent.services.inbox.judging import UNAPPLIED, Judged
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.store import Transaction
from mailconsent.store.inbox import State, Stored, hold, remember, seen
from mailconsent.store.mailboxes import Cursor, advance

#: How long what is unclear may wait for a human (design 5.6). It stays open after that, and an operator is told.
REVIEW_WITHIN = timedelta(days=2)


def process(
    tx: Transaction,
    cursor: Cursor,
    holder: str,
    batch: Sequence[Judged],
    *,
    now: datetime,
    lease: timedelta,
    reports: Reports = STRICTEST,
    answers: Answers | None = None,
    marks: bool = False,
) -> Cursor:
    """
    Store a batch with its effects, move the cursor past it and stay the holder for the time of a `lease` more. Raises
    `LeaseLost` if the mailbox is another worker's.

    With `answers`, who made a request is told. With `marks`, what had an effect and waits for nobody is noted down to
    be marked in the mailbox.
    """
    # First the cursor: its row is the lock that keeps a worker which lost the lease from writing anything.
    moved = advance(tx, cursor, holder, batch[-1].fetched.uid, lease_until=now + lease)
    take_in(tx, cursor, batch, now=now, reports=reports, answers=answers, marks=marks)
    return moved


def take_in(
    tx: Transaction,
    cursor: Cursor,
    batch: Sequence[Judged],
    *,
    now: datetime,
    reports: Reports,
    answers: Answers | None,
    marks: bool,
) -> list[Stored]:
    """
    Store messages with what each of them does: once, whichever way and however often it comes.

    Raises `KeyMissing` if we lack a key that the database is under: then a link of ours has passed for none, and the
    messages are to be read again by who has it. So it was where that key comes to light only here: who judges looks at
    the state before, and after the messages arrived.
    """
    _ = tx.state
    hold(tx, [judged.content_digest for judged in batch if judged.content_digest])
    known = seen(tx, [digest for m in batch if m.content_digest for digest in (m.raw_digest, m.content_digest)])
    results = []
    for judged in batch:
        # Only a message with an identity of its own can be known as a copy: of two alike without one, both count.
        identity = {judged.raw_digest, judged.content_digest} if judged.content_digest else set()
        copy = bool(identity & known)
        known |= identity
        source = MailId(cursor.mailbox_id, cursor.uidvalidity, judged.fetched.uid).source
        mail = Mail(judged=judged, source=source, now=now, swept=cursor.swept, reports=reports, answers=answers)
        results.append(_settle(tx, mail, copy=copy, marks=marks))
    remember(tx, cursor, results, now=now)
    return results


def _settle(tx: Transaction, mail: Mail, *, copy: bool, marks: bool) -> Stored:
    judged, verdict, effect = mail.judged, mail.verdict, Effect()
    state = State.FAILED if judged.failed else State.DONE
    if not copy:
        try:
            effect = apply(tx, mail)
        except Unavailable:
            raise
        except Exception as fault:  # noqa: BLE001 - as in `judge`: what one mail breaks stays with that mail
            logs.failure("message not applied", fault)
            state, verdict, effect = State.FAILED, UNAPPLIED, stop(tx, mail)
    if effect.unsure and state is State.DONE:
        state, verdict = State.REVIEW, replace(verdict, label=Label.UNSURE)
    # A request made again is heard, too: it holds up the release of the first.
    acted = effect.adds or (verdict.label is Label.UNSUBSCRIBE and bool(effect.outcomes))
    return Stored(
        uid=judged.fetched.uid,
        raw_digest=judged.raw_digest,
        content_digest=judged.content_digest,
        state=state,
        copy=copy,
        classification=verdict,
        received_at=judged.fetched.received_at,
        review_until=None if state is State.DONE else mail.now + REVIEW_WITHIN,
        # Of a repeat no event would name the text, so that nobody could find it to show or to erase it.
        raw=judged.fetched.raw if effect.adds or state is not State.DONE else None,
        unmarked=marks and acted and state is State.DONE,
    )
