"""
The addresses that a bounce in prose names, and which of them it could not reach.

Rules of this file:

1. An address where a line begins, or behind `RCPT TO:` and its like, is one that failed; others are told of.
2. What the bounce says of ourselves, of its own postmaster and of help desks is nobody it could not reach.
3. An address that the returned message was sent to outweighs one that an alias made of it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

BETWEEN = re.compile(r"[\s：<>()\[\]{}\"“”‘’«»`´,;|、。，；（）]+")
DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+\.?")
#: What comes, on the same line, before the sender, an identifier or somebody to ask.
NOT_FAILED = re.compile(
    r"^\W*(?:from|sender|reply-?to|message-?id|references|in-reply-to|envelope-from|mail from|received|date|subject|"
    r"x-\S+|arrival-date|reporting-mta|von|absender|de|expéditeur|remitente|mittente|afzender|avsändare|от кого|"
    r"发件人|寄件者|差出人)\W*:|"
    r"\b(?:(?<!(?:ying|ried|pted) to )contact|please (?:write|mail|reply|e-?mail)|(?<!in )reply to|mail from:|"
    r"received (?:at|from)|envelope-from|proveniente da|provenant de|proveniente de)\b",
    re.IGNORECASE,
)
#: What stands before an address that failed, on the same line.
CUE = re.compile(
    r"(?:rcpt to|(?:final|original)-recipient|recipient address|recipient|recipients|failed address|original address|"
    r"an|to|à|para|a|al|aan|till|til|kime|кому|收件人|收信人|宛先|받는 사람|empfänger|destinataire|destinatario|"
    r"destinatário|ontvanger|mottagare|modtager|vastaanottaja|odbiorca|příjemce|címzett|alıcı|получатель|одержувач)"
    r"\s?[:：]\s*(?:rfc822\s?;)?\s*[<\"\[(']*$",
    re.IGNORECASE,
)
#: "(expanded from: <anna@example.com>)", which sendmail and Postfix wrap; Exim has "ultimately generated from".
ALIAS = re.compile(r"(?:expanded|ultimately\s{1,20}generated)\s{1,20}from:?\s{1,20}", re.IGNORECASE)
REPLACES = "expanded from"
STAFF = frozenset(
    {
        "postmaster",
        "mailer-daemon",
        "abuse",
        "support",
        "helpdesk",
        "hostmaster",
        "noreply",
        "no-reply",
        "help",
        "admin",
    }
)
MAX_LINE = 600
MAX_LINES = 300


class Mention(NamedTuple):
    """An address in a text."""

    address: str
    #: Whether it stands where the addresses stand that failed.
    leads: bool
    #: Whether an alias made the address before this one of it.
    replaces: bool = False


def find_recipients(text: str, sent_to: tuple[str, ...], ours: frozenset[str]) -> tuple[str, ...]:
    """Whom a text names as not reached, where `sent_to` are the recipients of the message it returns."""
    found = [mention for mention in find_mentions(text) if mention.address.lower().partition("@")[0] not in STAFF]
    mentions = [mention for mention in found if mention.address.lower() not in ours]
    expected = {address.lower() for address in sent_to} - ours
    made = {before.address for before, after in pairwise(mentions) if after.replaces}
    written = [mention for mention in mentions if mention.address not in made]
    leading = unique(mention.address for mention in written if mention.leads or mention.replaces)
    known = unique(mention.address for mention in mentions if mention.address.lower() in expected)
    if leading and (not known or expected & {address.lower() for address in leading}):
        return leading
    if known:
        return known
    if mentions:
        return (mentions[0].address,)
    if len(expected) == 1:
        return tuple(address for address in sent_to if address.lower() not in ours)
    return (found[0].address,) if found else ()


def unique(addresses: Iterator[str]) -> tuple[str, ...]:
    """The addresses, each once in the form it was first written in."""
    found: dict[str, str] = {}
    for address in addresses:
        found.setdefault(address.lower(), address)
    return tuple(found.values())


def find_mentions(text: str) -> Iterator[Mention]:
    """The addresses in a text, in order."""
    for line in ALIAS.sub(f" {REPLACES} ", text).split("\n", MAX_LINES)[:MAX_LINES]:
        line = line[:MAX_LINE]
        if "@" not in line:
            continue
        leads = True
        for word in BETWEEN.split(line):
            address = read_address(word)
            if address:
                before = line[: line.find(address)]
                if NOT_FAILED.search(before):
                    break
                yield Mention(address, leads or bool(CUE.search(before)), REPLACES in before)
            leads = leads and not any(map(str.isalnum, word))


def read_address(word: str) -> str:
    """The address that a word is, or nothing: `RCPT:anna@example.com...` is anna@example.com."""
    if word.count("@") != 1:
        return ""
    local, _, domain = word.strip(".:!?*'=-/").rpartition("@")
    local = re.split(r"[:=]", local)[-1].strip("'")
    domain = re.split(r"[:/]", domain)[0].strip("'.")
    return f"{local}@{domain}" if local and DOMAIN.fullmatch(domain) else ""
