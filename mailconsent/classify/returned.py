"""
Which mail of ours a report is about, as against mail that only answers or quotes ours.

Rules of this file:

1. The local part that a bounce was sent to is the return path of the mail (RFC 5321 section 4.4).
2. In the header of the mail only the fields count that say which one it is. Somebody of the company who forwards what a
   recipient wrote has the recipient's tokens in References and in the text; if that comes back, it says nothing of the
   recipient.
3. Servers that return nothing may name the mail in In-Reply-To, or as the last of References (RFC 5322 section 3.6.4).
   So does all that people and their programs answer, whatever it sounds like: it takes a report (RFC 6522), or the name
   of a mail server.
"""

from collections.abc import Callable
from itertools import chain

from mailconsent.classify.bounce.sender import is_daemon
from mailconsent.classify.token import find, find_local_parts, read_all
from mailconsent.message import InboundMessage
from mailconsent.mime import Fields
from mailconsent.model import MailedClaim

NAMING = ("message-id", "return-path", "list-unsubscribe")


def returned_claims(
    message: InboundMessage, header: Fields, read_token: Callable[[str], MailedClaim]
) -> tuple[MailedClaim, ...]:
    """The claims of the mail that a report is about, which has this header; the surest first."""
    named = (value for name in NAMING for value in header.get(name, ()))
    is_report = message.content_type == "multipart/report" or is_daemon(message)
    texts = chain(named, (message.in_reply_to, *message.references.split()[-1:]) if is_report else ())
    return read_all(chain(find_local_parts(message), (found for text in texts for found in find(text))), read_token)
