"""
Tokens of ours in inbound mail (design 5.2 and 5.6).

Rules of this file:

1. In the local part it was sent to, or in the subject, a token is the request: that mail exists only because a person
   or their mail client followed our List-Unsubscribe header (RFC 2369, RFC 6068). But for the token of a return path
   (RFC 5321 section 4.4), to which bounces come: it says to whom the mail went, and asks for nothing.
2. Anywhere else it only identifies. Automatic replies, bounces and forwards quote our links, too.
3. Verifying costs a MAC, so a message full of look-alikes is verified up to a limit.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from mailconsent.classify.identity import writers
from mailconsent.errors import InvalidToken
from mailconsent.message import RECIPIENT_FIELDS, InboundMessage
from mailconsent.model import Classification, Label, MailedClaim, UnsubscribeClaim
from mailconsent.tokens import LENGTH

MAX_CANDIDATES = 50
#: Its `for` clause has the envelope's recipient (RFC 5321 section 4.4): all that is left of a blind copy or an alias.
ENVELOPE = "received"

#: By itself, or behind a slash that was encoded: Outlook's Safe Links and other gateways rewrite what is in mail.
TOKEN = re.compile(r"(?:(?<![A-Za-z2-7])|(?<=%2[Ff])|(?<=%252[Ff]))[A-Za-z2-7]{56}(?![A-Za-z2-7])")
#: A link of ours that was broken over two lines, and quoted.
BROKEN_LINK = re.compile(r"(/u/[A-Za-z2-7]{4,55})=?[ \t]*\r?\n[>| \t]{0,10}([A-Za-z2-7]{1,52})(?![A-Za-z2-7])")
#: `u+<token>@`: searched in the raw fields, so that an address list no parser understands does not lose a request.
LOCAL_PART = re.compile(r"\+([A-Za-z2-7]{56})[.=]{0,2}@")


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A request by token, if this is one."""
    places = (("token in local part", find_local_parts(message)), ("token in subject", find(message.subject)))
    for reason, candidates in places:
        claims = tuple(claim for claim in read_all(candidates, read_token) if isinstance(claim, UnsubscribeClaim))
        if claims:
            return Classification(
                label=Label.UNSUBSCRIBE,
                detector="token",
                reason=reason,
                confidence=1.0,
                addresses=writers(message),
                claims=claims,
            )
    return None


def quoted_claims(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> tuple[MailedClaim, ...]:
    """
    The claims of a return path that this was sent to, and of tokens quoted in a body, a report or an attached header.
    They identify a recipient, no more.
    """
    texts = (
        message.text,
        message.html,
        *(value for fields in (message.original_headers, *(block for _kind, block in message.reports))
          for values in fields.values() for value in values),
        message.in_reply_to,
        message.references,
    )  # fmt: skip
    quoted = (candidate for text in texts for candidate in find(text))
    return read_all(chain(find_local_parts(message), quoted), read_token)


def find_local_parts(message: InboundMessage) -> Iterator[str]:
    """What looks like a token in the local parts that a message was sent to."""
    for name in (*RECIPIENT_FIELDS, ENVELOPE):
        for value in message.headers.get(name, ()):
            yield from LOCAL_PART.findall(value)


def find(text: str) -> Iterator[str]:
    """What looks like a token in a text."""
    if len(text) < LENGTH:
        return iter(())
    if "/u/" in text:
        text = BROKEN_LINK.sub(r"\1\2", text)
    return (match[0] for match in TOKEN.finditer(text))


def read_all(candidates: Iterable[str], read_token: Callable[[str], MailedClaim]) -> tuple[MailedClaim, ...]:
    """The different claims among these candidates, in order; the token text is no key, since several texts verify."""
    claims: dict[MailedClaim, None] = {}
    seen: set[str] = set()
    for candidate in candidates:
        lower = candidate.lower()
        if lower in seen:
            continue
        if len(seen) == MAX_CANDIDATES:
            break
        seen.add(lower)
        try:
            claims[read_token(lower)] = None
        except InvalidToken:
            continue
    return tuple(claims)
