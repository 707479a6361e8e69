"""
Commands to list software: "SIGNOFF GARDEN-L", "leave" to `garden-request`, an empty mail to `garden-unsubscribe`.

Rules of this file:

1. Words that mean much else ("leave") are commands where the mail went to an address for commands: Mailman's, Majordomo's,
   LISTSERV's, Sympa's, ezmlm's.
2. A line is a command, or none. What stands around it, as signatures do, says nothing to such software.
3. The names that LISTSERV gives to lists end in "-L". With one, its command is one wherever it went to.
"""

import re
from collections.abc import Callable

from mailconsent.classify import unsubscribe
from mailconsent.classify.auto_reply.header import telling_header
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import own_words

MAX_LINES = 10
#: Local parts of addresses for commands, and those to which writing is the command.
FOR_COMMANDS = re.compile(
    r"(?:.+[-+](?:request|signoff-request|owner-request)|listserv|majordomo|sympa|listproc|ecartis|mailman|minimalist)@",
    re.IGNORECASE,
)
IS_COMMAND = re.compile(r"(?:.+[-+](?:unsubscribe|leave|signoff|signoff-request|off)|unsubscribe)@", re.IGNORECASE)
COMMAND = re.compile(r"(?:signoff|leave|unsub|unsubscribe|set \S+ nomail)(?:\s+\S+){0,4}", re.IGNORECASE)
LISTSERV = re.compile(r"signoff\s+\S+-L", re.IGNORECASE)


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request in the words of list software, if this is one."""
    is_reply, subject = unsubscribe.split_prefixes(message.subject, tagged=True)
    to_software = any(map(FOR_COMMANDS.match, message.recipient_addresses))
    says_all = any(map(IS_COMMAND.match, message.recipient_addresses))
    if telling_header(message) or not to_software and not says_all and not LISTSERV.match(subject.strip()) and not LISTSERV.match(message.text):
        return None
    body = own_words(message)
    lines = [line for line in (subject.strip() if not is_reply else "", *body.split("\n")[:MAX_LINES]) if line]
    pattern = COMMAND if to_software or says_all else LISTSERV
    if any(map(pattern.fullmatch, lines)) or (says_all and not is_reply and not body):
        return unsubscribe.answer(message, read_token, "command to list software", Label.UNSUBSCRIBE, body)
    return None
