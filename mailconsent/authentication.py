"""
What the receiving server found out about a mail's sender: Authentication-Results (RFC 8601).

Rules of this file:

1. Only the field of our own border counts (section 5): the topmost one whose authserv-id is trusted. Anybody can write
   the others, and can write our id into one below it.
2. Microsoft 365 writes no authserv-id. Who trusts it says so with `MICROSOFT`; then the topmost field counts, if it has
   no id.
3. A missing result is `none`, never `pass`. What stands in comments and in quoted text is no result.
4. A sender chooses the local part that servers write down, and nearly all letters may stand in one: `=` and quoted,
   also `;` and brackets. What can be read in two ways vouches for nobody.
5. Total and linear on hostile input: it reads tokens from left to right and never raises.
"""

import re
from collections import Counter
from collections.abc import Set
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

BLANKS = re.compile(r"[ \t\r\n]+")  # a local part may have those of other scripts (RFC 6532 section 3.2)
#: What was opened and never closed takes the rest with it.
QUOTED = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
SEGMENT = re.compile(rf'(?:{QUOTED}|[^;"])+', re.DOTALL)
#: Of a property, or of a method, which may have a version: `dmarc / 1 = pass`.
NAME, EQUALS = r"[A-Za-z][\w.-]*", r"(?: ?/ ?\d+)? ?="
WORD = rf'(?:{QUOTED}|[^ "])+'
#: Words that are no pair belong to the value before them: a local part with blanks whose quotes were lost.
PAIR = re.compile(rf"(?:\A| )({NAME}){EQUALS} ?({WORD}(?: (?!{NAME}{EQUALS}){WORD})*)", re.DOTALL)
#: A mailbox or its domain alone. A second @ is doubtful outside of quotes, and so is what has to be quoted.
MAILBOX = re.compile(r'(?:(?:[^\s"@()<>\[\]:;,\\]*|"(?:[^"\\]|\\.)*")@)?([^\s"@]+)', re.DOTALL)
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
    text = BLANKS.sub(" ", without_comments(value[:MAX_FIELD])).strip()
    segments = [segment.strip() for segment in SEGMENT.findall(text)]
    first = segments[0] if segments else ""
    authserv_id = unquoted(first.partition(" ")[0]).rstrip(".").lower() if "=" not in first else ""
    if len(value) > MAX_FIELD:
        segments = segments[:-1]  # half of a domain is another domain
    results: list[Result] = []
    times: Counter[str] = Counter()
    for segment in segments:
        pairs = [(match[1].lower(), unquoted(match[2])) for match in PAIR.finditer(segment)]
        if not pairs:
            continue  # `none`, the authserv-id, and bare domains that Microsoft strews in
        if "." in pairs[0][0]:
            if results:  # Microsoft puts a semicolon before some properties
                results[-1].properties.update(
                    {name: text for name, text in pairs if name not in results[-1].properties}
                )
            continue
        method, result = pairs[0][0], pairs[0][1].partition(" ")[0].lower()
        times[method] += 1
        if times[method] <= MAX_RESULTS:
            properties: dict[str, str] = {}
            for name, text in pairs[1:]:
                properties.setdefault(name, text)
            results.append(Result(method=method, result=result, properties=properties))
    return Authentication(authserv_id=authserv_id, results=tuple(results))


def without_comments(value: str) -> str:
    """The text outside of comments, which nest and hold what they like (RFC 5322 section 3.2.2)."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\" and (quoted or depth):
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif depth and quoted and letter in "()":
            break  # a local part with quotes of its own, or a mark in the comment: where it ends, nobody knows
        elif letter == "(" and not quoted:
            depth += 1
        elif letter == ")" and not quoted and depth:
            depth -= 1
            letter = " "
        if not depth:
            kept.append(letter)
    return "".join(kept)


def unquoted(text: str) -> str:
    """A value without the quotes around it. Quotes within it are part of an address."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def identifier(result: Result) -> str:
    """The domain for which DKIM or SPF speaks, or nothing where it is doubtful."""
    if result.method == "dkim":
        named = result.properties.get("header.d") or result.properties.get("header.i", "")
    elif result.method == "spf":
        named = result.properties.get("smtp.mailfrom", "")
    else:
        return ""
    mailbox = MAILBOX.fullmatch(named)
    return mailbox[1] if mailbox else ""


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
