"""
What a human needs to decide about a mail that awaits them, and no more: the writer's own words, the subject, whom it is
about, and why it was not clear. What it quotes, its header and what is attached are left in the inbox.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mailconsent.authentication import read_authentication
from mailconsent.classify.identity import named_addresses, writers
from mailconsent.classify.unsubscribe import split_prefixes
from mailconsent.errors import InvalidAddress
from mailconsent.mail_id import MailId
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import EventId
from mailconsent.own_words import own_words
from mailconsent.services.review import waiting_mail
from mailconsent.store import Transaction
from mailconsent.store.dossier import find_recipient
from mailconsent.store.review import Waiting, read_waiting, stored_address
