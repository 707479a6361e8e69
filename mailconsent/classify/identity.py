"""
Whom a request is about, by its header and the writer's own words (design 5.6). What our tokens say comes before it.

Rules of this file:

1. From is the writer. Of several From addresses it is the one that Sender names (RFC 5322 section 3.6.2 asks for it);
   without one that can be read, Sender and then Reply-To. A display name never counts, whatever it holds.
2. A web form or a list address of ours puts our own address into From, and in Reply-To whose request it is. What is
   taken for ours may be another's, so both are covered.
3. Another address counts as named only where the writer says something about it. One that closes a letter is part of
   a signature, and ours is no recipient's.
4. A forged stop is cheap to undo for who wrote it; for somebody else it takes an authenticated sender of that domain.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from mailconsent import mime
from mailconsent.address import domain_of, match_key, tagless_key
from mailconsent.authentication import is_under
from mailconsent.charset import decode_words
from mailconsent.errors import InvalidAddress
from mailconsent.message import DELIVERY_FIELDS, InboundMessage
from mailconsent.model import Classification, Label
from mailconsent.shared_domains import SHARED_DOMAINS

#: More of them are no request of one person.
MAX_NAMED = 10
#: So short a text has no signature.
FEW_LINES = 2

#: What an address has before its @ (RFC 5322 section 3.2.3), but for what text has between an address and other words.
#: A part of it would be somebody else's: "o'brien", "sales&marketing".
LOCAL = r"\w.!#$%&'+^{}~?-"
#: The look-behind keeps it linear: a run of these is tried from its beginning only. Marks before it belong to the text.
ADDRESS = re.compile(rf"(?<![{LOCAL}@])[^\w\s@]{{0,9}}?(\w[{LOCAL}]{{0,63}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}})")
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
    if len(reply) != 1:
        return about
    ours = our_keys(message)
    return (*about, *reply) if is_ours(about[0], ours) and not is_ours(reply[0], ours) else about


def our_keys(message: InboundMessage) -> set[str]:
    """
    Which of the addresses that a message went to are ours, as far as its header tells: those to which servers say that
    they delivered it, and To if that is of one domain beside the writer's own. Cc may be anybody.
    """
    to = keys_of(mime.read_addresses(message.headers.get("to", ())))
    own = domains_of(keys_of(message.from_addresses))
    others = {key for key in to if domain_of(key) not in own} or to
    delivered = mime.read_addresses(tuple(value for name in DELIVERY_FIELDS for value in message.headers.get(name, ())))
    return keys_of(delivered) | (others if len(domains_of(others)) == 1 else set())


def is_ours(address: str, ours: Set[str]) -> bool:
    """Whether an address is one of ours, or of our domain if that is no provider's."""
    key = key_of(address)
    return key is not None and (key in ours or domain_of(key) in domains_of(ours) - SHARED_DOMAINS)


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
    found: dict[str, str] = {}
    # What a form writes from our own address says in its fields who wrote in it, and no signature.
    ours = our_keys(message)
    is_form = len(about) == 1 and is_ours(about[0], ours)
    for address in (*ADDRESS.findall(subject), *(ADDRESS.findall(own) if is_form else spoken_of(own))):
        key = key_of(address)
        if key and key not in mine and tagless_key(key) not in mine and not is_ours(address, ours):
            found.setdefault(key, address)
    return tuple(found.values())


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
    A request that names others is applied to them, too, if they are few and its sender is authenticated for their
    domain; else a human decides.
    """
    if verdict.label is not Label.UNSUBSCRIBE or not verdict.named:
        return verdict
    few = len(verdict.named) <= MAX_NAMED
    if few and authenticated and all(is_under(domain_of(match_key(one)), authenticated) for one in verdict.named):
        return replace(verdict, addresses=(*verdict.addresses, *verdict.named), named=())
    return replace(verdict, label=Label.UNSURE, reason="names another address", confidence=0.5)


def forms(address: str) -> set[str]:
    """An address as it is compared, with its tag and without."""
    key = key_of(address)
    return {key, tagless_key(key)} if key else set()


def keys_of(addresses: Iterable[str]) -> set[str]:
    """The match keys of those that are addresses."""
    return set(filter(None, map(key_of, addresses)))


def domains_of(keys: Iterable[str]) -> set[str]:
    """Their domains."""
    return set(map(domain_of, keys))


def key_of(address: str) -> str | None:
    """The match key, or None for what is no address."""
    try:
        return match_key(address)
    except InvalidAddress:
        return None
