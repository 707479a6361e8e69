"""
By what a bounce is known that has no report.

Rules of this file:

1. A mailer-daemon's name alone is enough. Who else sent it, an empty return path, its subject, how it begins, and that
   it tells of a failure: two of these, or more where the sender may be a person. A postmaster who tells of a failure
   and names somebody else needs no subject.
2. Someone who answers, forwards or quotes a bounce is a person, and so is who asks about one.
3. Parcels cannot be delivered, too.
"""

from mailconsent.charset import decode_words
from mailconsent.classify.bounce import mentioned, prose
from mailconsent.classify.bounce.status import find_statuses, read_words
from mailconsent.classify.machine_text import holds_quote, load_goods, whole_text
from mailconsent.classify.sayings import beginning_of, begins, hear, says
from mailconsent.classify.subject import split_prefixes
from mailconsent.message import InboundMessage

#: The address of whoever runs the mail of a domain, in all domains.
POSTMASTER = "postmaster@"


def is_bounce(message: InboundMessage) -> bool:
    """Whether this is a bounce without a report."""
    forms = prose.load_bounce_forms()
    if message.header("x-failed-recipients"):  # Exim
        return True
    sender = f"{decode_words(message.header('from'))} {message.return_path or ''}".casefold()
    if any(daemon in sender for daemon in forms.daemons):
        return True
    is_reply, subject = split_prefixes(message.subject)
    answers = is_reply or bool(message.in_reply_to)
    if answers and message.return_path != "":  # James answers, too, but from the null return path
        return False
    named = not answers and says(hear(subject), forms.subjects)
    began = begins(hear(beginning_of(whole_text(message))), forms.beginnings)
    is_postmaster = not answers and any(address.lower().startswith(POSTMASTER) for address in message.from_addresses)
    if not named and not began and not is_postmaster:  # nearly all mail
        return False
    text = prose.explain(message)
    quotes = holds_quote(text)  # a person quotes it, who tells of a bounce
    if began:
        return not quotes
    nobody = message.return_path == "" or not message.from_addresses
    if nobody and (message.original_headers or next(mentioned.find_mentions(text), None)):
        return True
    told = "?" not in text and says(hear(text), forms.failures)  # a machine asks nothing
    if named and (nobody or any(name in sender for name in forms.postmasters)):
        return told or bool(find_statuses(text)) or read_words(text) is not None
    if quotes or not told or any(says(hear(words), load_goods()) for words in (subject, text)):
        return False
    # A newsletter about bounces names addresses in its sentences; a bounce, at the head of a line.
    leads = any(mention.leads or is_postmaster for mention in mentioned.find_mentions(text))
    return leads and any(is_another_s(address, message) for address in prose.recipients_in_text(message))


def is_another_s(address: str, message: InboundMessage) -> bool:
    """Whether an address is neither the sender's nor of the domain that was written to: people look for ours."""
    domains = {own.lower().rpartition("@")[2] for own in message.recipient_addresses}
    return address not in message.from_addresses and address.lower().rpartition("@")[2] not in domains
