"""
The header fields that let a recipient unsubscribe, and the link for the visible footer. Rules:

1. One `List-Unsubscribe` with one HTTPS URI and at most one mailto URI, HTTPS first: clients take the left-most they
   support (RFC 2369 section 2), and Gmail was seen never to post when mailto leads.
2. `List-Unsubscribe-Post` is the one pair that RFC 8058 section 3.1 allows, unfolded and without comment (section 5).
3. The token goes into the mailto's local part, since Apple Mail drops the subject; where that would pass 64 octets
   (RFC 5321 section 4.5.3.1.1), it goes into the subject.
"""

from email.header import Header
from urllib.parse import quote

from mailconsent.policy import Topic
from mailconsent.tokens import LENGTH

MAX_LOCAL_PART = 64


def unsubscribe_url(token: str, base_url: str) -> str:
    """The link for the visible footer: the same URI as in the header (RFC 8058 section 3.2)."""
    return f"{base_url}/u/{token}"


def unsubscribe_mailto(token: str, mailto: str) -> str:
    """The mailto URI (RFC 6068) that carries a token to the contact inbox."""
    local, _, domain = mailto.rpartition("@")
    if len(local.encode()) + 1 + LENGTH <= MAX_LOCAL_PART:
        return f"mailto:{quote(f'{local}+{token}', safe='+')}@{domain}?subject=unsubscribe"
    return f"mailto:{quote(local)}@{domain}?subject=unsubscribe%20{token}"


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
