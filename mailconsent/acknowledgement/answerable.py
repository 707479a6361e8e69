"""
Whether a message may be answered by a machine (RFC 3834). Rules:

1. What is not surely a person's own mail gets no answer: an acknowledgement is a courtesy, a loop of two machines is
   none. That a request is carried out has nothing to do with it (design 5.6).
2. The answer goes to the return path (section 4), and only if that is who wrote. Without one, or to the null one `<>`
   of machines (section 2), there is none.
3. Never to lists, to what other machines sent, to what is called as only robots are (RFC 5230 section 4.6), nor to
   ourselves.
4. Nor to spam, and to what our own server found forged: it would reach whoever's name was taken.
"""

import re
from collections.abc import Collection
from enum import StrEnum

from mailconsent import mime
from mailconsent.address import tagless_key
from mailconsent.classify.auto_reply.header import telling_header
from mailconsent.classify.identity import key_of, writers
from mailconsent.message import InboundMessage


class Silence(StrEnum):
    """Why a message is not answered. The values may be logged: they say nothing of anybody."""

    UNREADABLE = "unreadable"  #: it broke off, or has no header that can be trusted to be whole
    NO_RETURN_PATH = "no_return_path"
    NULL_RETURN_PATH = "null_return_path"
    NOT_ONE_WRITER = "not_one_writer"
    OTHER_RETURN_PATH = "other_return_path"  #: another mailbox than the writer's
    OURSELVES = "ourselves"
    ROBOT = "robot"  #: by its address
    LIST = "list"
    AUTOMATIC = "automatic"
    REPORT = "report"
    SPAM = "spam"
    FORGED = "forged"  #: by DMARC


#: Fields that only mailing lists and newsletters have (RFC 2369, RFC 2919), or old list software.
LIST_FIELDS = (
    "list-id", "list-post", "list-help", "list-subscribe", "list-unsubscribe", "list-owner", "list-archive",
    "list-unsubscribe-post", "mailing-list", "x-mailing-list", "x-beenthere", "x-mailman-version", "x-list",
    "x-ml-name", "x-google-group-id", "feedback-id", "x-loop",
)  # fmt: skip
#: RFC 2076 section 3.9: not a standard, and what machines go by.
PRECEDENCE = re.compile(r"\s*(?:bulk|list|junk|first-class-bulk)\b", re.IGNORECASE)
SPAM_FIELDS = (
    ("x-spam-flag", re.compile(r"\s*yes\b", re.IGNORECASE)),
    ("x-spam-status", re.compile(r"\s*yes\b", re.IGNORECASE)),
    ("x-spam", re.compile(r"\s*(?:yes|true|1)\b", re.IGNORECASE)),
    ("x-ms-exchange-organization-scl", re.compile(r"\s*[5-9]\b")),
)
#: RFC 5230 section 4.6, and what senders who read no mail call themselves, in whatever language.
ROBOT = re.compile(
    r"(?:mailer-?daemon|postmaster|mdaemon|mmdf|smtp|daemon|root|nobody|www-data|apache|listserv|listproc|"
    r"majordomo|mailman|sympa|autoresponder|auto-?reply|robot|bot|notifications?|alerts?|bounces?|abuse)"
    r"|owner-.+|.+-(?:owner|request|bounces?|errors?|return|confirm|admin)|bounces?[-+=_].+|return[-+=].+"
    r"|.*(?:no|do-?not|dont|never)[-._]?(?:reply|respond|response|answer).*"
    r"|.*(?:ikke-?svar|svar-?ikke|nicht-?antworten|keine-?antwort|ne-?pas-?repondre|no-?respond[ea]r?|non-?rispondere"
    r"|niet-?(?:be)?antwoorden|geen-?antwoord|nao-?respond[ae]r?|nie-?odpowiada[cj]|svara-?(?:inte|ej)|ala-?vastaa"
    r"|ei-?vastausta|ne-?otvechat|neodpovidat|neodpovedat|ne-?valaszolj|nu-?raspunde|ne-?odgovarjaj).*"
)
#: RFC 5321 section 4.5.3.1.3, in letters; of longer ones the patterns here might make work.
MAX_PATH = 256
#: How servers write down whom a message is from, in a return path of their own: BATV and SRS.
BATV = re.compile(r"(?:prvs|btv1)=[^=/]+=+(.+)|prvs=([^=/]+)/[^=/]+", re.IGNORECASE)
SRS = re.compile(r"srs[01][=+-].*=([^=]+\.[^=]+)=(.+)", re.IGNORECASE)


def may_answer(message: InboundMessage, *, ours: Collection[str], authentication: str | None = None) -> Silence | None:
    """
    None if this message may be answered, at the address of who wrote it; else why not.

    `ours`: every address of this installation that mail comes to or goes out from. `authentication`: what our server
    found of the sender, as `Judged.authentication` has it.
    """
    if silence := _of_sender(message, {_mailbox(address) for address in ours}):
        return silence
    if any(message.header(name) for name in LIST_FIELDS) or any(
        map(PRECEDENCE.match, message.headers.get("precedence", ()))
    ):
        return Silence.LIST
    if telling_header(message):
        return Silence.AUTOMATIC
    if message.reports or message.report_type:
        return Silence.REPORT
    if any(said.match(message.header(name)) for name, said in SPAM_FIELDS):
        return Silence.SPAM
    found = set((authentication or "").split())
    if "dmarc=fail" in found or ("spf=fail" in found and not found & {"dmarc=pass", "dkim=pass"}):
        return Silence.FORGED
    return None


def _of_sender(message: InboundMessage, ours: Collection[str]) -> Silence | None:
    """Why who sent it is not to be answered."""
    if message.defect:
        return Silence.UNREADABLE
    if message.return_path is None:
        return Silence.NO_RETURN_PATH
    if not message.return_path:
        return Silence.NULL_RETURN_PATH
    who = writers(message)
    if len(who) != 1:
        return Silence.NOT_ONE_WRITER
    writer = _mailbox(who[0])
    if writer in ours:
        return Silence.OURSELVES
    back = mime.read_addresses(message.headers.get("return-path", ())[:1])
    if len(back) != 1 or len(back[0]) > MAX_PATH or _mailbox(_unwrapped(back[0])) != writer:
        return Silence.OTHER_RETURN_PATH
    return Silence.ROBOT if ROBOT.fullmatch(writer.rpartition("@")[0]) else None


def _mailbox(address: str) -> str:
    """As mailboxes are compared: the match key, without its tag."""
    key = key_of(address)
    return tagless_key(key) if key else ""


def _unwrapped(return_path: str) -> str:
    """Whom a return path is of, where a server wrapped it: `prvs=1234abcdef=anna@…`, `SRS0=x=y=example.com=anna@…`."""
    local, _, domain = return_path.rpartition("@")
    if batv := BATV.fullmatch(local):
        return f"{batv[1] or batv[2]}@{domain}"
    if srs := SRS.fullmatch(local):
        return f"{srs[2]}@{srs[1]}"
    return return_path
