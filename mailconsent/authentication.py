"""
What the receiving server found out about a mail's sender: Authentication-Results (RFC 8601).

Rules of this file:

1. Only the field of our own border counts (section 5): the topmost one whose authserv-id is trusted. Anybody can write
   the others, and can write our id into one below it.
2. Microsoft 365 writes no authserv-id. Who trusts it says so with `MICROSOFT`; then the topmost field counts, if it has
   no id.
3. A missing result is `none`, never `pass`. What stands in comments and in quoted text is no result.
4. Total and linear on hostile input: it reads tokens from left to right and never raises.
"""

import re
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from mailconsent.address import domain_key, domain_of, match_key
from mailconsent.errors import InvalidAddress, InvalidDomain
from mailconsent.message import InboundMessage
from mailconsent.shared_domains import SHARED_DOMAINS

FIELD = "authentication-results"
#: Instead of an authserv-id: the mail comes from Microsoft 365, which has none.
MICROSOFT = "microsoft"
MAX_FIELD = 8_000
#: Those of our own servers stand on top.
MAX_FIELDS = 20
#: Of one method: a mail may bear many signatures, and no honest one bears more.
MAX_RESULTS = 20

TOKEN = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s;="])+|[;=]', re.DOTALL)
METHODS = ("dmarc", "dkim", "spf")
#: Section 2.7: what may be recorded; anything else is the writing server's own, or a stranger's.
RESULTS = frozenset(
    {"pass", "fail", "none", "neutral", "policy", "softfail", "temperror", "permerror", "bestguesspass"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one method came to."""

    method: str
    result: str
    #: `ptype.property` in lower case, to its value.
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What one server of ours found, in its order."""

    #: Empty for Microsoft 365.
    authserv_id: str
    results: tuple[Result, ...] = ()

    def outcome(self, method: str) -> str:
        """`pass` if all the results of DMARC, or any of DKIM and SPF, passed; else the first of them, or `none`."""
        found = [result.result for result in self.results if result.method == method]
        passed = found.count("pass")
        if found and (passed == len(found) if method == "dmarc" else passed):
            return "pass"
        worst = next((result for result in found if result != "pass"), "none")
        return worst if worst in RESULTS else "none"

    def summary(self) -> str:
        """What is recorded as evidence: "dmarc=pass dkim=pass spf=fail". It names no address and no domain."""
        return " ".join(f"{method}={self.outcome(method)}" for method in METHODS)

    def vouches_for(self, domain: str) -> bool:
        """
        Whether mail from that domain is authentic: by DMARC, or where it has no policy, by a signature or an envelope
        of the same domain or one above it.
        """
        dmarc = self.outcome("dmarc")
        if dmarc == "pass":
            return all(
                same_domain(result.properties.get("header.from", ""), domain)
                for result in self.results
                if result.method == "dmarc"
            )
        if dmarc not in ("none", "bestguesspass"):
            return False
        return any(result.result == "pass" and is_under(domain, identifier(result)) for result in self.results)


def read_authentication(message: InboundMessage, trusted: Set[str]) -> Authentication | None:
    """What the receiving server says of a message; None where no field of it is trusted."""
    if not trusted:
        return None
    ids = {authserv_id.rstrip(".").lower() for authserv_id in trusted}
    for place, value in enumerate(message.headers.get(FIELD, ())[:MAX_FIELDS]):
        found = parse_results(value)
        if MICROSOFT in ids and place == 0 and not found.authserv_id:
            return found
        if found.authserv_id and found.authserv_id in ids - {MICROSOFT}:
            return found
    return None


def authenticated_sender(message: InboundMessage, found: Authentication | None) -> str | None:
    """The one From address of a message, as addresses are compared, if its domain was found to have sent it."""
    if found is None or len(message.from_addresses) != 1:
        return None
    address = message.from_addresses[0]
    if not found.vouches_for(address.rpartition("@")[2]):
        return None
    try:
        return match_key(address)
    except InvalidAddress:
        return None


def authenticated_domain(sender: str | None) -> str | None:
    """The domain for which an authenticated sender may speak; a provider's customer may not, for the provider's."""
    domain = domain_of(sender) if sender else None
    return None if domain in SHARED_DOMAINS else domain


def parse_results(value: str) -> Authentication:
    """A field as far as it can be read (section 2.2); comments are dropped wherever they stand."""
    text = " ".join(without_comments(value[:MAX_FIELD]).split())
    segments = list(split_segments(text.replace(" /", "/").replace("/ ", "/")))  # `dmarc / 1` has a version
    first = segments[0] if segments else []
    authserv_id = unquoted(first[0]).rstrip(".").lower() if first and "=" not in first else ""
    results: list[Result] = []
    times: Counter[str] = Counter()
    for segment in segments:
        pairs = list(read_pairs(segment))
        if not pairs:
            continue  # `none`, the authserv-id, and bare domains that Microsoft strews in
        if "." in pairs[0][0]:
            if results:  # Microsoft puts a semicolon before some properties
                results[-1].properties.update(
                    {name: text for name, text in pairs if name not in results[-1].properties}
                )
            continue
        method = pairs[0][0].partition("/")[0]
        times[method] += 1
        if times[method] <= MAX_RESULTS:
            properties: dict[str, str] = {}
            for name, text in pairs[1:]:
                properties.setdefault(name, text)
            results.append(Result(method=method, result=pairs[0][1].lower(), properties=properties))
    return Authentication(authserv_id=authserv_id, results=tuple(results))


def without_comments(value: str) -> str:
    """The text outside of comments, which nest and hold what they like (RFC 5322 section 3.2.2)."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif letter == "(" and not quoted:
            depth += 1
        elif letter == ")" and not quoted and depth:
            depth -= 1
            letter = " "
        if not depth:
            kept.append(letter)
    return "".join(kept)


def split_segments(text: str) -> Iterator[list[str]]:
    """The tokens between two semicolons."""
    segment: list[str] = []
    for word in TOKEN.findall(text):
        if word == ";":
            yield segment
            segment = []
        else:
            segment.append(word)
    yield segment


def read_pairs(segment: list[str]) -> Iterator[tuple[str, str]]:
    """Each `name=value` of a segment, names in lower case."""
    for place in range(1, len(segment) - 1):
        if segment[place] == "=" and "=" not in (segment[place - 1], segment[place + 1]):
            yield segment[place - 1].lower(), unquoted(segment[place + 1])


def unquoted(text: str) -> str:
    """A value without the quotes around it. Quotes within it are part of an address."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def identifier(result: Result) -> str:
    """The domain for which DKIM or SPF speaks, or nothing."""
    if result.method == "dkim":
        named = result.properties.get("header.d") or result.properties.get("header.i", "")
    elif result.method == "spf":
        named = result.properties.get("smtp.mailfrom", "")
    else:
        return ""
    return named.rpartition("@")[2]


def same_domain(one: str, other: str) -> bool:
    """Whether two spellings are of one domain."""
    key = comparable(one)
    return key is not None and key == comparable(other)


def is_under(domain: str, upper: str) -> bool:
    """Whether a domain is another one or below it; below what strangers share, nobody speaks for anybody."""
    key, above = comparable(domain), comparable(upper)
    if key is None or above is None:
        return False
    return key == above or (key.endswith(f".{above}") and above not in SHARED_DOMAINS)


def comparable(domain: str) -> str | None:
    """The form by which domains are compared, or None for what is none."""
    try:
        return domain_key(domain)
    except InvalidDomain:
        return None
