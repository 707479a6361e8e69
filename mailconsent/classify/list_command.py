"""
Commands to list software: "SIGNOFF GARDEN-L", "leave" to `garden-request`, an empty mail to `garden-unsubscribe`.

Rules of this file:

1. Words that mean much else ("leave", "signoff") are commands where they stand alone or with the name of the list, and
   went to an address for commands, as LISTSERV, Majordomo, Mailman and Sympa have one. "unsubscribe" needs none of it.
2. The names that LISTSERV gives to lists end in "-L". With one, its command is one wherever it went to.
3. A line is a command, or none. What stands around it, as signatures do, says nothing to such software.
"""

import re
from collections.abc import Callable

from mailconsent.classify import unsubscribe
from mailconsent.classify.auto_reply.header import telling_header
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import RECIPIENT_FIELDS, InboundMessage
from mailconsent.model import Classification, Label, MailedClaim
from mailconsent.own_words import own_words

MAX_LINES = 10
MAX_WORDS = 5
#: The address of the software itself.
SOFTWARE = re.compile(r"\b(?:listserv|majordomo|sympa|listproc|ecartis|mailman|minimalist)@")
#: The address of a list for its commands.
FOR_COMMANDS = re.compile(r"\b([\w.-]{1,60})-(?:signoff-)?request@")
#: An address to which writing is the command.
TO_LEAVE = re.compile(r"\bunsubscribe@|[-+](?:unsubscribe|signoff)@|-leave@lists?\.")
#: Hardly any mail went to an address that ends so.
ENDINGS = (
    *("listserv@", "majordomo@", "sympa@", "listproc@", "ecartis@", "mailman@", "minimalist@"),
    *("-request@", "unsubscribe@", "signoff@", "-leave@"),
)
OF_LISTSERV = re.compile(r"signoff\s+\S+-L", re.IGNORECASE)
#: Sympa and LISTSERV take the beginning of a command for all of it.
COMMANDS = ("unsubscribe", "unsub", "signoff", "sig", "sign", "leave")


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request in the words of list software, if this is one."""
    to = " ".join(value for name in RECIPIENT_FIELDS for value in message.headers.get(name, ())).lower()
    speaks = OF_LISTSERV.search(message.subject) or OF_LISTSERV.match(message.text)
    if not (speaks or any(ending in to for ending in ENDINGS)) or telling_header(message):
        return None
    to_software, to_leave = SOFTWARE.search(to) is not None, TO_LEAVE.search(to) is not None
    lists = set(FOR_COMMANDS.findall(to))
    is_reply, subject = split_prefixes(message.subject, tagged=True)
    body = own_words(message)
    lines = ["" if is_reply else subject.strip(), *body.split("\n")[:MAX_LINES]]
    if any(is_command(line, lists, to_software) for line in lines) or (to_leave and not is_reply and not body):
        return unsubscribe.answer(message, read_token, "command to list software", Label.UNSUBSCRIBE, body)
    return None


def is_command(line: str, lists: set[str], to_software: bool) -> bool:
    """Whether a line is a command to leave a list, in a mail to these lists or to the software itself."""
    if OF_LISTSERV.fullmatch(line):
        return True
    command, *named = line.lower().split(maxsplit=MAX_WORDS) or [""]
    if command not in COMMANDS or len(named) >= MAX_WORDS or command in lists:
        return False
    return to_software or (bool(lists) and (not named or named[0] in lists or named[0] == "*"))
