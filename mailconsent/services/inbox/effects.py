"""What each kind of message does: one function a label. What is not named here changes nothing."""

from collections.abc import Callable, Mapping

from mailconsent import logs
from mailconsent.errors import InvalidAddress, Unavailable
from mailconsent.model import Label
from mailconsent.services.inbox.acknowledging import acknowledge
from mailconsent.services.inbox.complaints import apply_complaint
from mailconsent.services.inbox.failures import apply_failure
from mailconsent.services.inbox.mail import Effect, Mail
from mailconsent.services.inbox.questions import ask
from mailconsent.services.inbox.requests import apply_request
from mailconsent.store import Transaction

EFFECTS: Mapping[Label, Callable[[Transaction, Mail], Effect]] = {
    Label.UNSUBSCRIBE: apply_request,
    Label.UNSURE: ask,
    Label.BOUNCE_HARD: apply_failure,
    Label.BOUNCE_SOFT: apply_failure,
    Label.BOUNCE_UNKNOWN: apply_failure,
    Label.COMPLAINT: apply_complaint,
}
#: With mail of these labels people want marketing to stop.
STOPPING = frozenset({Label.UNSUBSCRIBE, Label.COMPLAINT})


def apply(tx: Transaction, mail: Mail) -> Effect:
    """Let a message act, in a savepoint of its own. Where it is about nobody we can name, a human has to look at it."""
    effect = EFFECTS.get(mail.verdict.label)
    if effect is None:  # nearly all mail
        return Effect()
    try:
        with tx.savepoint():
            done = effect(tx, mail)
    except InvalidAddress:
        with tx.savepoint():
            return ask(tx, mail)
    if mail.verdict.label is Label.UNSUBSCRIBE:
        acknowledge(tx, mail, done)
    return done


def stop(tx: Transaction, mail: Mail) -> Effect:
    """
    What a mail does that broke on its way, by a fault of ours. It may have been a request: marketing stops until a
    human has read it, as far as even that can be done.
    """
    if mail.verdict.label not in STOPPING:
        return Effect()
    try:
        with tx.savepoint():
            return ask(tx, mail)
    except Unavailable:
        raise
    except Exception as fault:  # noqa: BLE001 - the human who reads it is left
        logs.failure("marketing not stopped", fault)
        return Effect()
