"""
The canonical form of an address, and its keyed digests. Rules (design 5.1):

1. A match key exists for everything with an `@`, valid or not: validation is for new consents only, never for deciding
   whether a suppression applies.
2. Nothing is folded but letter case and the domain's spelling: no dots, no plus tags. Folding would join strangers.
   `googlemail.com` is `gmail.com`, since Google hands out both names for one mailbox.
3. Mail goes to the address as given, never to the match key.
4. A domain has a key and digests of its own. Under a domain stand its subdomains: who owns the one, owns the others.
5. Digests nest: under key n a digest is keyed BLAKE2b of the digest under key n-1, so that every stored digest can move
   to a new key without anyone's plain address.
"""

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import email_validator
import idna

from mailconsent.errors import InvalidAddress, InvalidDomain

DIGEST_SIZE = 16
SAME_DOMAIN = {"googlemail.com": "gmail.com"}
# A full stop after the domain, in any of the forms that IDNA takes for one (RFC 3490 section 3.1).
_DOTS = re.compile(r"[.\u3002\uff0e\uff61]")
# What parts addresses from each other and from names, and the star of a pattern: none of it is in a domain's name.
_NO_DOMAIN = re.compile(r"[\s@,;:<>()\[\]\"'\\/*]")
_TRAILING = re.compile(r"[.\u3002\uff0e\uff61\s]+\Z")


def match_key(text: str) -> str:
    """
    The form by which addresses are compared. Raises `InvalidAddress` where no `@` has something on both sides.

    The local part is lower-cased whole, though RFC 5321 section 2.4 lets it be case-sensitive: no provider makes use of
    that, and people write their address as they like.
    """
    local, _, domain = text.strip().rpartition("@")
    domain = _domain_key(domain)
    if not (local and domain):
        raise InvalidAddress
    if not local.isascii():
        local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    return f"{local.lower()}@{domain}"


def tagless_key(key: str) -> str:
    """A match key without its `+tag`, for opt-outs that come without a token."""
    local, _, domain = key.rpartition("@")
    name = local.partition("+")[0]
    return f"{name or local}@{domain}"


def domain_of(key: str) -> str:
    """The domain of a match key."""
    return key.rpartition("@")[2]


def domain_key(text: str) -> str:
    """
    The form by which domains are compared, of `example.com` or `@example.com`.

    Raises `InvalidDomain` for what is none, and for a top-level domain: under it stands everybody.
    """
    key = _domain_key(text.strip().removeprefix("@"))
    labels = key.split(".")
    if len(labels) < 2 or not all(labels) or _NO_DOMAIN.search(key):
        raise InvalidDomain
    return key


@lru_cache(maxsize=65536)
def domains_over(spelling: str) -> tuple[str, ...]:
    """The keys of the domain that an address ends in and of those above it, the nearest first; of no top-level one."""
    labels = _DOTS.split(_TRAILING.sub("", spelling))
    return tuple(_domain_key(".".join(labels[place:])) for place in range(len(labels) - 1))


@lru_cache(maxsize=65536)
def _domain_key(domain: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", domain).lower())
    folded = _TRAILING.sub("", folded)
    if not folded.isascii():
        # What DNS would not know is still a key by which a suppression can hold.
        with contextlib.suppress(UnicodeError):
            folded = idna.encode(folded, uts46=True).decode("ascii").lower()
    return SAME_DOMAIN.get(folded, folded)


def validated(text: str) -> str:
    """The address as given, trimmed, if RFC 5321 and RFC 6531 allow it, else `InvalidAddress`. Asks no DNS."""
    try:
        email_validator.validate_email(text.strip(), check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError as fault:
        raise InvalidAddress from fault
    return text.strip()


def deliverable(text: str) -> str:
    """
    The address as mail goes to it: as given, but the domain as an A-label, which every mail server knows.

    Raises `InvalidAddress` for what no mail can go to.
    """
    local, _, domain = validated(text).rpartition("@")
    return f"{local}@{domain if domain.isascii() else _domain_key(domain)}"


class Digester:
    """Digests of match keys under a chain of keys, oldest first. Generation n uses the first n keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        # A keyed hash state copied for each use is half the cost of keying anew.
        self._bases = [hashlib.blake2b(key=key, digest_size=DIGEST_SIZE) for key in keys]

    @property
    def generations(self) -> int:
        """How many generations these keys can make."""
        return len(self._bases)

    def digest(self, key: str, generation: int) -> bytes:
        """Digest of a match key (or of a domain, which holds no `@`, so the two never meet)."""
        return self.nest(key.encode("utf-8", "surrogatepass"), 0, generation)

    def nest(self, digest: bytes, generation: int, target: int) -> bytes:
        """Lift a digest of one generation to a later one."""
        for base in self._bases[generation:target]:
            state = base.copy()
            state.update(digest)
            digest = state.digest()
        return digest

    def digests(self, addresses: Iterable[str], generation: int) -> list[bytes | None]:
        """Digests of many addresses in their order; None for what is not an address. The hot loop of a bulk check."""
        copy = self._bases[0].copy
        result: list[bytes | None] = []
        for address in addresses:
            local, _, domain = address.strip().rpartition("@")
            domain = _domain_key(domain)
            if not (local and domain):
                result.append(None)
                continue
            if address.isascii():
                state = copy()
                state.update(f"{local.lower()}@{domain}".encode())
                result.append(state.digest())
            else:
                result.append(self.digest(match_key(address), 1))
        if generation > 1:
            return [digest and self.nest(digest, 1, generation) for digest in result]
        return result
