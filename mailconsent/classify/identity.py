"""
Whom a request is about, by its header and the writer's own words (design 5.6). What our tokens say comes before it.

Rules of this file:

1. From is the writer. Of several From addresses it is the one that Sender names (RFC 5322 section 3.6.2 asks for it);
   without one that can be read, Sender and then Reply-To. A display name never counts, whatever it holds.
2. A web form or a list address of ours puts our own address into From, and in Reply-To whose request it is. A domain
   that was written to may be another's, too, so that both are covered.
3. Another address counts as named only where the writer says something about it. One that closes a letter is part of
   a signature, and ours is no recipient's.
4. A forged stop is cheap to undo for who wrote it; for somebody else it takes an authenticated sender of that domain.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from mailconsent import mime
from mailconsent.address import domain_of, match_key, tagless_key
from mailconsent.authentication import is_under
from mailconsent.charset import decode_words
from mailconsent.errors import InvalidAddress
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label
from mailconsent.shared_domains import SHARED_DOMAINS

#: More of them are no request of one person.
MAX_NAMED = 10
#: So short a text has no signature.
FEW_LINES = 2

#: The look-behind keeps it linear: a run of letters is tried from its beginning only.
ADDRESS = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
LINK = re.compile(r"https?://\S+|www\.\S+|<mailto:[^<>\s]*>")
WORD = re.compile(r"[^\W\d_]{2,}")
#: What stands before an address in a signature.
LABEL = re.compile(
    r"(?:e-?mail|mail|m|e|epost|e-post|courriel|correo|мейл|почта|邮箱|メール)\s*[:：|]\s*", re.IGNORECASE
)


def writers(message: InboundMessage) -> tuple[str, ...]:
    """Who wrote a message: one address where that can be told, else all that may be meant, or none."""
    named = message.from_addresses or decoded(message, "from")
    if len(named) == 1:
        return named
    sender = decoded(message, "sender")
    if named:
        keys = {key_of(address): address for address in named}
        chosen = tuple(keys[key] for key in map(key_of, sender) if key in keys)
        return chosen if len(chosen) == 1 else named
    return sender or decoded(message, "reply-to")


def requesters(message: InboundMessage) -> tuple[str, ...]:
    """For whom a message asks: its writer, and who wrote by a form or a list that put an address of ours into From."""
    about = writers(message)
    reply = decoded(message, "reply-to") if len(about) == 1 and message.from_addresses else ()
    if len(reply) == 1 and was_written_to(message, about[0]) and not was_written_to(message, reply[0]):
        return *about, *reply
    return about


def was_written_to(message: InboundMessage, address: str) -> bool:
    """Whether an address, or its domain if that is no provider's, is among those that a message went to."""
    keys = {key for recipient in message.recipient_addresses if (key := key_of(recipient))}
    key = key_of(address)
    return key is not None and (key in keys or domain_of(key) in set(map(domain_of, keys)) - SHARED_DOMAINS)


def decoded(message: InboundMessage, field: str) -> tuple[str, ...]:
    """The addresses of a field; some programs encode it whole, though RFC 2047 section 5 forbids it."""
    values = message.headers.get(field, ())[: mime.MAX_ADDRESS_FIELDS]
    return mime.read_addresses(values) or mime.read_addresses(tuple(map(decode_words, values)))


def named_addresses(message: InboundMessage, subject: str, own: str) -> tuple[str, ...]:
    """Addresses of others that the writer speaks of: in a subject of their own, or in their own words."""
    if "@" not in own and "@" not in subject:
        return ()
    about = requesters(message)
    mine = {form for address in about for form in forms(address)}
    ours = {domain_of(key) for address in message.recipient_addresses if (key := key_of(address))}
    found: dict[str, str] = {}
    # What a form writes from our own address says in its fields who wrote in it, and no signature.
    is_form = len(about) == 1 and was_written_to(message, about[0])
    for address in (*ADDRESS.findall(subject), *(ADDRESS.findall(own) if is_form else spoken_of(own))):
        key = key_of(address)
        if key and key not in mine and tagless_key(key) not in mine and domain_of(key) not in ours:
            found.setdefault(key, address)
    return tuple(found.values()) if len(found) <= MAX_NAMED else ()


def spoken_of(own: str) -> Iterator[str]:
    """The addresses in own words that are no part of a signature."""
    lines = [line.strip() for line in LINK.sub(" ", own).split("\n") if line.strip()]
    announced = len(lines) <= FEW_LINES
    for line in lines:
        addresses = ADDRESS.findall(line)
        rest = ADDRESS.sub(" ", LABEL.sub(" ", line))
        if addresses and (announced or WORD.search(rest)):
            yield from addresses
        if not addresses and len(lines) > FEW_LINES:
            announced = line.endswith((":", "："))


def settle_named(verdict: Classification, authenticated: str | None) -> Classification:
    """
    A request that names others is applied to them, too, if its sender is authenticated for their domain; else a human
    decides.
    """
    if verdict.label is not Label.UNSUBSCRIBE or not verdict.named:
        return verdict
    if authenticated and all(is_under(domain_of(match_key(address)), authenticated) for address in verdict.named):
        return replace(verdict, addresses=(*verdict.addresses, *verdict.named), named=())
    return replace(verdict, label=Label.UNSURE, reason="names another address", confidence=0.5)


def forms(address: str) -> set[str]:
    """An address as it is compared, with its tag and without."""
    key = key_of(address)
    return {key, tagless_key(key)} if key else set()


def key_of(address: str) -> str | None:
    """The match key, or None for what is no address."""
    try:
        return match_key(address)
    except InvalidAddress:
        return None
