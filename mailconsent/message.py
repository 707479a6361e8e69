"""
Inbound mail as a value: bytes in, `InboundMessage` out.

Rules of this file:

1. `parse_message` is total: it never raises and never recurses, whatever the bytes, and its cost is linear and bounded.
   What defeats it shows in `defect`, so that the caller can set the message aside for a human and go on.
2. Nothing is judged here. Which header means what is the business of `mailconsent.classify`.
3. Attached messages are not opened: what stands in them was written by somebody else. Of an attached message only the
   header is read, since it names whom a bounce or a complaint is about.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from mailconsent import mime
from mailconsent.mime import Fields

MAX_MESSAGE = 1024 * 1024
MAX_TEXT = 64 * 1024
MAX_REPORT = 256 * 1024  #: of one machine-readable report or attached header
MAX_BLOCKS = 50  #: of a report: a bounce for more recipients than this is a mailing list's own affair

#: Where a message says to whom it was delivered. The local parts may carry a token of ours.
RECIPIENT_FIELDS = (
    "to",
    "cc",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "apparently-to",
)
READABLE_TYPES = {"text/plain": "text", "text/enriched": "text", "text/html": "html"}
#: Machine-readable reports: RFC 3464, RFC 6533, RFC 5965 and RFC 8098.
REPORT_TYPES = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "message/disposition-notification",
        "message/global-disposition-notification",
    }
)
#: A message, or its header alone, that a report or a forwarded mail carries.
ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """What a message says. Texts are decoded and bounded; nothing in here has been checked for truth."""

    #: Every header field: lower-cased name to its values, topmost first, unfolded; encoded words as they came.
    headers: Fields = field(default_factory=dict)
    message_id: str = ""
    #: The text of the Date header, never a time: it is the sender's claim.
    date: str = ""
    from_addresses: tuple[str, ...] = ()
    #: From To, Cc and what servers add on delivery.
    recipient_addresses: tuple[str, ...] = ()
    subject: str = ""
    #: Empty for the null return path `<>`, None when the message has none.
    return_path: str | None = None
    in_reply_to: str = ""
    references: str = ""
    #: Media type of the whole, lower case.
    content_type: str = "text/plain"
    #: Of a `multipart/report`, lower case (RFC 6522).
    report_type: str = ""
    #: The first text/plain part that says something, not attached.
    text: str = ""
    #: The first text/html part, not attached.
    html: str = ""
    #: The blocks of machine-readable reports, by media type.
    reports: tuple[tuple[str, Fields], ...] = ()
    #: The headers of the first attached message.
    original_headers: Fields = field(default_factory=dict)
    #: Whether a cap cut something off.
    truncated: bool = False
    #: What was wrong with it: `empty`, `no_headers`, `too_many_headers` or `unparsable`.
    defect: str | None = None

    def header(self, name: str) -> str:
        """The topmost field of that (lower-case) name, or nothing."""
        return self.headers.get(name, ("",))[0]


def parse_message(raw: bytes) -> InboundMessage:
    """What these bytes say, as far as they say anything (RFC 5322, RFC 2045 to 2047)."""
    try:
        return _parse(raw)
    except Exception:  # noqa: BLE001 - the last line: one message must never stop the mailbox (rule 1)
        return InboundMessage(truncated=len(raw) > MAX_MESSAGE, defect="unparsable")


def _parse(raw: bytes) -> InboundMessage:
    data = normalize_line_ends(raw[:MAX_MESSAGE]).lstrip()  # exports of mailboxes leave blanks at the top
    headers, body, overflow = mime.read_fields(data)
    kind = mime.content_type(headers)
    texts: dict[str, str] = {}
    reports: list[tuple[str, Fields]] = []
    original: Fields = {}
    for part in mime.leaves(headers, body):
        if part.content_type in READABLE_TYPES:
            kind_of_text = READABLE_TYPES[part.content_type]
            if not texts.get(kind_of_text) and not is_attached(part):
                texts[kind_of_text] = mime.read_text(part, MAX_TEXT).strip()
        elif part.content_type in REPORT_TYPES:
            reports += ((part.content_type, block) for block in read_blocks(part))
        elif part.content_type in ORIGINAL_TYPES and not original:
            original = mime.read_fields(mime.read_content(part, MAX_REPORT).lstrip())[0]
    return_path = headers.get("return-path", (None,))[0]
    return InboundMessage(
        headers=headers,
        message_id=first(headers, "message-id"),
        date=first(headers, "date"),
        from_addresses=mime.read_addresses(headers.get("from", ())),
        recipient_addresses=mime.read_addresses(
            tuple(value for name in RECIPIENT_FIELDS for value in headers.get(name, ()))
        ),
        subject=mime.decode_words(first(headers, "subject")),
        return_path=None if return_path is None else return_path.strip("<> "),
        in_reply_to=first(headers, "in-reply-to"),
        references=first(headers, "references"),
        content_type=kind,
        report_type=mime.parameter(first(headers, "content-type"), "report-type").lower(),
        text=texts.get("text", ""),
        html=texts.get("html", ""),
        reports=tuple(reports[:MAX_BLOCKS]),
        original_headers=original,
        truncated=len(raw) > MAX_MESSAGE or any(len(text) >= MAX_TEXT - 1 for text in texts.values()),
        defect=find_defect(data, headers, overflow),
    )


def content_identity(message: InboundMessage, raw: bytes) -> bytes | None:
    """
    What stays the same when a server renders a message anew, or None where that is not enough to know it by.

    A Message-ID and a Date are asked for: without them, the second request of a person, a year later and in the same
    words, would pass for a copy of the first.
    """
    if not message.message_id or not message.date:
        return None
    body = message.text or message.html
    if not body:
        body = normalize_line_ends(raw[:MAX_MESSAGE]).partition(b"\n\n")[2].decode("latin-1")
    body = " ".join(body.split())  # servers trim lines and change their ends
    digest = blake2b(digest_size=16)
    for text in (message.message_id, message.date, *message.headers.get("from", ()), body):
        data = text.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "big") + data)  # lengths, so that no field can flow into the next
    return digest.digest()


def normalize_line_ends(data: bytes) -> bytes:
    """CRLF, and what careless gateways make of it, as LF."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def is_attached(part: mime.Part) -> bool:
    """Whether a part is a file rather than something said (RFC 2183)."""
    return part.fields.get("content-disposition", ("",))[0].lower().startswith("attachment")


def read_blocks(part: mime.Part) -> Iterable[Fields]:
    """The groups of fields, divided by blank lines, that RFC 3464 section 2.1 and RFC 5965 section 3 define."""
    rest = mime.read_content(part, MAX_REPORT)
    for _ in range(MAX_BLOCKS):
        rest = rest.lstrip()
        fields, rest, _overflow = mime.read_fields(rest)
        if not fields:
            return
        yield fields


def first(fields: Fields, name: str) -> str:
    """The topmost value of a field, or nothing."""
    return fields.get(name, ("",))[0]


def find_defect(data: bytes, headers: Fields, overflow: bool) -> str | None:
    """What is wrong with the message as a whole, in the closed vocabulary of `InboundMessage.defect`."""
    if not data.strip():
        return "empty"
    if not headers:
        return "no_headers"
    return "too_many_headers" if overflow else None
