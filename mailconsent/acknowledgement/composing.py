"""
The mail that acknowledges a request. Rules (RFC 3834 section 3):

1. It is marked as an automatic response (`Auto-Submitted: auto-replied`, section 3.1.7), and names what it answers
   (`In-Reply-To` and `References`, section 3.1.3). Its envelope sender is the null one `<>` (section 3.3).
2. It repeats nothing of the message, though section 3.1.5 would have its subject: that may be forged, and would be
   somebody's advertisement in our name.
3. Plain text, short, in the person's language: what was stopped, what was not, how to undo it, how to complain.
4. It is no marketing: it has no `List-Unsubscribe`, and no request is read from it if it ever comes back to us.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime

from mailconsent.acknowledgement.texts import Texts, load_texts
from mailconsent.headers import encoded_phrase
from mailconsent.message import InboundMessage
from mailconsent.policy.controller import Controller

#: RFC 5322 section 3.6.4, and what Outlook and others write instead of a domain; a line takes it whole.
MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,250}>")
#: The first of a thread, and so many of the last.
MAX_REFERENCES = 10
#: Seven bits: a server need not take eight (RFC 6152), and is asked for that only by who writes to an address in other
#: letters than ASCII, whose server takes both (RFC 6531 section 3.1).
SEVEN_BITS = policy.SMTP.clone(cte_type="7bit")
#: The header is given out as it was made: `email` would make encoded words of a Message-ID of more than 78 letters, and
#: loses blanks between those of a long name.
AS_MADE = policy.SMTP.clone(refold_source="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What a request ended."""

    #: All marketing mail, whatever else is named.
    everything: bool = False
    #: What people call the topics that ended (`Policy.name`), in the language of the mail. None for those that are no
    #: longer published: the mail then says "this kind of mail".
    topics: Sequence[str] = ()
    #: Whether that was for another address, too, than the one which is answered: whose link they used.
    elsewhere: bool = False


def compose(
    message: InboundMessage,
    *,
    to: str,
    sender: str,
    controller: Controller,
    stopped: Stopped,
    language: str,
    undo_url: str | None,
    message_id: str,
    now: datetime,
) -> EmailMessage:
    """
    The acknowledgement of the request in this message, to be sent as `as_bytes()` gives it, from `<>`.

    `to` is who wrote, `sender` the address in its From, `language` one that `choose_language` gives, `message_id` with
    its angle brackets; `undo_url` is None where there is nothing to undo.
    """
    texts = load_texts()[language]
    reply = EmailMessage(SEVEN_BITS if to.isascii() else policy.SMTPUTF8)
    reply["To"] = to
    reply["Date"] = format_datetime(now)
    reply["Auto-Submitted"] = "auto-replied"
    # Exchange and Outlook then send no absence notice and no receipt.
    reply["X-Auto-Response-Suppress"] = "All"
    reply.set_content("\n\n".join(paragraphs(texts, controller, stopped, undo_url)) + "\n")
    reply["Content-Language"] = language
    head = (
        f"From: {encoded_phrase(controller.name)} <{sender}>\r\n",
        f"Subject: {_encoded(f'Auto: {texts.subject}')}\r\n",
        f"Message-ID: {message_id}\r\n",
        *_thread(message),
    )
    raw = "".join(head).encode("ascii") + reply.as_bytes()
    made = message_from_bytes(raw, policy=AS_MADE.clone(utf8=not to.isascii()))
    assert isinstance(made, EmailMessage)  # noqa: S101 - the policy's own class
    return made


def paragraphs(texts: Texts, controller: Controller, stopped: Stopped, undo_url: str | None) -> Iterator[str]:
    """What the mail says."""
    yield texts.automatic
    names = ", ".join(texts.quoted.format(name=name) for name in stopped.topics)
    if stopped.everything:
        done = texts.all
    elif names:
        done = texts.topics.format(topics=names)
    else:
        done = texts.kind
    if stopped.elsewhere:
        done += f"\n{texts.elsewhere}"
    yield f"{done}\n{texts.soon}"
    yield texts.still_all if stopped.everything else texts.still_topics
    if undo_url:
        yield f"{texts.undo}\n{undo_url}"
    complain = texts.complain.format(contact=controller.contact)
    if controller.authority:
        complain += f"\n{texts.authority.format(authority=controller.authority)}"
    yield complain
    yield f"-- \n{controller.name}\n{controller.address}"


def _encoded(subject: str) -> str:
    return Header(subject, header_name="Subject").encode(linesep="\r\n")


def _thread(message: InboundMessage) -> Iterator[str]:
    answered = MESSAGE_ID.fullmatch(message.message_id.strip())
    if not answered:
        return
    yield f"In-Reply-To: {answered[0]}\r\n"
    # RFC 5322 section 3.6.4: of a message without references, what it answers, if that is one.
    before = MESSAGE_ID.findall(message.references) or MESSAGE_ID.findall(message.in_reply_to)[:1]
    kept = [*before[:1], *before[1:][-MAX_REFERENCES:], answered[0]]
    yield "References: {}\r\n".format("\r\n ".join(dict.fromkeys(kept)))
