"""
Commands to list software: "SIGNOFF GARDEN-L", "leave" to `garden-request`, an empty mail to `garden-unsubscribe`.

Rules of this file:

1. Words that mean much else ("leave") are commands where the mail went to an address for commands: Mailman's,
   Majordomo's, LISTSERV's, Sympa's, ezmlm's.
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
#: Addresses for commands.
TO_SOFTWARE = re.compile(
    r"(?:.+[-+](?:request|signoff-request)|listserv|majordomo|sympa|listproc|ecartis|mailman|minimalist)@",
    re.IGNORECASE,
)
#: Addresses to which writing is the command.
TO_LEAVE = re.compile(r"(?:.+[-+](?:unsubscribe|leave|signoff|signoff-request|off)|unsubscribe)@", re.IGNORECASE)
COMMAND = re.compile(r"(?:signoff|leave|unsub|unsubscribe|set \S+ nomail)(?:\s+\S+){0,4}", re.IGNORECASE)
OF_LISTSERV = re.compile(r"signoff\s+\S+-L", re.IGNORECASE)


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request in the words of list software, if this is one."""
    to_leave = any(map(TO_LEAVE.match, message.recipient_addresses))
    if to_leave or any(map(TO_SOFTWARE.match, message.recipient_addresses)):
        command = COMMAND
    elif OF_LISTSERV.search(message.subject) or OF_LISTSERV.match(message.text):
        command = OF_LISTSERV
    else:
        return None
    if telling_header(message):
        return None
    is_reply, subject = unsubscribe.split_prefixes(message.subject, tagged=True)
    body = own_words(message)
    lines = ["" if is_reply else subject.strip(), *body.split("\n")[:MAX_LINES]]
    if any(map(command.fullmatch, lines)) or (to_leave and not is_reply and not body):
        return unsubscribe.answer(message, read_token, "command to list software", Label.UNSUBSCRIBE, body)
    return None
