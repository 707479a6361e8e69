"""
The header fields that let a recipient unsubscribe, the link for the visible footer, and where a bounce comes back to.
Rules:

1. One `List-Unsubscribe` with one HTTPS URI and at most one mailto URI, HTTPS first: clients take the left-most they
   support (RFC 2369 section 2), and Gmail was seen never to post when mailto leads.
2. `List-Unsubscribe-Post` is the one pair that RFC 8058 section 3.1 allows, unfolded and without comment (section 5).
3. The token goes into the mailto's local part, since Apple Mail drops the subject; where that would pass 64 octets
   (RFC 5321 section 4.5.3.1.1), it goes into the subject.
4. A mail that comes back is known by the token in its return path, the envelope's sender (RFC 5321 section 4.4), or in
   its Message-ID (RFC 5322 section 3.6.4). Neither unsubscribes anybody.
"""

from email.header import Header
from urllib.parse import quote

from mailconsent.policy import Topic
from mailconsent.tokens import LENGTH

MAX_LOCAL_PART = 64
#: Octets of a local part behind which a token fits.
ROOM = MAX_LOCAL_PART - LENGTH - 1


def unsubscribe_url(token: str, base_url: str) -> str:
    """The link for the visible footer: the same URI as in the header (RFC 8058 section 3.2)."""
    return f"{base_url}/u/{token}"


def unsubscribe_mailto(token: str, mailto: str) -> str:
    """The mailto URI (RFC 6068) that carries a token to the contact inbox."""
    local, _, domain = mailto.rpartition("@")
    if has_room(mailto):
        return f"mailto:{quote(f'{local}+{token}', safe='+')}@{domain}?subject=unsubscribe"
    return f"mailto:{quote(local)}@{domain}?subject=unsubscribe%20{token}"


def has_room(address: str) -> bool:
    """Whether a token fits behind the local part of an address."""
    return len(address.rpartition("@")[0].encode()) <= ROOM


def return_path(token: str, address: str) -> str | None:
    """The envelope sender of one mail, of a token of return paths; None where the address has no room for it."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}" if has_room(address) else None


def message_id(token: str, unique: str, address: str) -> str:
    """The Message-ID of one mail, of a token of return paths and of letters that no other mail has."""
    return f"<{token}.{unique}@{address.rpartition('@')[2]}>"


def mailing_headers(token: str, topic: Topic, language: str, base_url: str, mailto: str) -> dict[str, str]:
    """The header fields of one marketing mail to one recipient, ready to be set on the message."""
    link, mail = unsubscribe_url(token, base_url), unsubscribe_mailto(token, mailto)
    return {
        "List-Unsubscribe": f"<{link}>, <{mail}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"{encoded_phrase(topic.names[language])} <{topic.list_id}>",
    }


def encoded_phrase(name: str) -> str:
    """A name as an RFC 5322 phrase: quoted, or encoded words of at most 75 letters (RFC 2047) where it is not ASCII."""
    if name.isascii():
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Header(name, "utf-8").encode(linesep="", maxlinelen=75)
