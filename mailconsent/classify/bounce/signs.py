"""
By what a bounce is known that has no report.

Rules of this file:

1. A mailer-daemon's name alone is enough. Who else sent it, an empty return path, its subject, how it begins, and that
   it tells of a failure: two of these, or more where the sender may be a person. A postmaster who tells of a failure
   and names somebody else needs no subject.
2. Someone who answers, forwards or quotes a bounce is a person, and so is who asks about one. Who asks to be left in
   peace is one, whatever name they bear and whatever failed, unless nobody could answer them.
3. Parcels cannot be delivered, too.
4. Programs answer in a person's name that they are away, and that the mail could not reach them therefore.
"""

from collections.abc import Callable
from dataclasses import replace

from mailconsent.classify import unsubscribe
from mailconsent.classify.auto_reply.header import auto_submitted
from mailconsent.classify.bounce import mentioned, prose
from mailconsent.classify.bounce.sender import is_daemon, is_postmaster, is_service
from mailconsent.classify.bounce.status import find_statuses, read_words
from mailconsent.classify.machine_text import holds_quote, load_goods, whole_text
from mailconsent.classify.sayings import beginning_of, begins, hear, says
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage
from mailconsent.model import MailedClaim

#: The address of whoever runs the mail of a domain, in all domains.
POSTMASTER = "postmaster@"


def is_bounce(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> bool:
    """Whether this is a bounce without a report."""
    if message.header("x-failed-recipients") or is_daemon(message):  # the field is Exim's
        return True
    if not is_like_bounce(message):
        return False
    return message.return_path == "" or is_filled_in(message) or not is_request(message, read_token)


def is_filled_in(message: InboundMessage) -> bool:
    """Whether it begins as a bounce and has an address at the head of a line: a form, whatever its words mean."""
    mentions = mentioned.find_mentions(prose.explain(message))
    return begins_as_bounce(message) and any(mention.leads for mention in mentions)


def begins_as_bounce(message: InboundMessage) -> bool:
    """Whether it begins as nobody but a mail server writes."""
    return begins(hear(beginning_of(whole_text(message))), prose.load_bounce_forms().beginnings)


def is_request(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> bool:
    """Whether somebody asks in it to be mailed no more, in words that are not those of the mail that came back."""
    explanation = replace(message, text=prose.explain(message), html="")
    return unsubscribe.detect(explanation, read_token) is not None


def is_like_bounce(message: InboundMessage) -> bool:
    """Whether it has the form of a bounce, whoever wrote it."""
    forms = prose.load_bounce_forms()
    is_reply, subject = split_prefixes(message.subject)
    answers = is_reply or bool(message.in_reply_to)
    if answers and message.return_path != "":  # James answers, too, but from the null return path
        return False
    named = not answers and says(hear(subject), forms.subjects)
    began = begins_as_bounce(message)
    is_staff = not answers and any(address.lower().startswith(POSTMASTER) for address in message.from_addresses)
    served = not answers and is_service(message)
    if not named and not began and not is_staff and not served:  # nearly all mail
        return False
    text = prose.explain(message)
    quotes = holds_quote(text)  # a person quotes it, who tells of a bounce
    if began:
        return not quotes and (is_postmaster(message) or not is_answer(message))
    nobody = message.return_path == "" or not message.from_addresses
    if nobody and (message.original_headers or next(mentioned.find_mentions(text), None)):
        return True
    told = "?" not in text and says(hear(text), forms.failures)  # a machine asks nothing
    if named and (nobody or is_postmaster(message)):
        return told or bool(find_statuses(text)) or read_words(text) is not None
    if quotes or not told or any(says(hear(words), load_goods()) for words in (subject, text)):
        return False
    if served:
        return True
    # A newsletter about bounces names addresses in its sentences; a bounce, at the head of a line.
    leads = any(mention.leads or is_staff for mention in mentioned.find_mentions(text))
    return leads and any(is_another_s(address, message) for address in prose.recipients_in_text(message))


def is_answer(message: InboundMessage) -> bool:
    """Whether a program answers in somebody's name, and returns nothing. Servers say so of bounces, too."""
    return auto_submitted(message) == "auto-replied" and bool(message.from_addresses) and not message.original_headers


def is_another_s(address: str, message: InboundMessage) -> bool:
    """Whether an address is neither the sender's nor of the domain that was written to: people look for ours."""
    domains = {own.lower().rpartition("@")[2] for own in message.recipient_addresses}
    return address not in message.from_addresses and address.lower().rpartition("@")[2] not in domains
