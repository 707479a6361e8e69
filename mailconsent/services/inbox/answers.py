"""How requests are answered."""

from dataclasses import dataclass

from mailconsent.services import Rules
from mailconsent.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an answer is made with."""

    rules: Rules
    #: Every address of ours that mail comes to or goes out from.
    ours: frozenset[str]


def answers_of(settings: Settings, rules: Rules) -> Answers | None:
    """How an installation answers requests; None where it has no mail server to send by."""
    if settings.smtp is None:
        return None
    named = {rules.policy.controller.contact, rules.mailto, rules.return_path, settings.smtp_sender, settings.smtp.user}
    named |= {inbox.address.user for inbox in settings.inboxes}
    return Answers(rules=rules, ours=frozenset(address for address in named if "@" in address))
