"""
Inbound mail as a value: bytes in, `InboundMessage` out.

Rules of this file:

1. `parse_message` is total: it never raises, whatever the bytes, and its cost is bounded. What defeats it shows in
   `defect`, so that the caller can set the message aside for a human and go on.
2. Nothing is judged here. Which header means what is the business of `mailconsent.classify`.
3. What stands in an attached message was written by somebody else. Only its header is looked at, since it names whom a
   bounce or a complaint is about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from mailconsent import mime
from mailconsent.charset import decode_words
from mailconsent.mime import Entity, Fields

#: Bytes of a message that are read, and so all that is fetched: what a writer says is mostly above what they attach.
MAX_MESSAGE = 128 * 1024
MAX_LINES = 50_000  #: 128 KiB of base64 have 1 800
MAX_TEXT = 64 * 1024
MAX_PARTS = 100
MAX_BLOCKS = 50  #: of a report: a bounce for more recipients than this is a mailing list's own affair

#: Where servers say to whom they delivered a message.
DELIVERY_FIELDS = (
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "apparently-to",
    "x-delivered-to",
    "x-rcpt-to",
    "x-real-to",
)
#: Where a message says to whom it went. The local parts may carry a token of ours.
RECIPIENT_FIELDS = ("to", "cc", *DELIVERY_FIELDS, "resent-to")
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

BLANK_LINES = re.compile(rb"\n[ \t\n]*\n")
STYLE = re.compile(r"<(/?)style\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """What a message says. Texts are decoded and bounded; nothing in here has been checked for truth."""

    #: Every header field: lower-cased name to its values, topmost first, unfolded; encoded words as they came.
    headers: Fields = field(default_factory=dict)
    message_id: str = ""
    #: The text of the Date header, never a time: it is the sender's claim.
    date: str = ""
    from_addresses: tuple[str, ...] = ()
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
    #: Whether a cap cut something off. What has just the length of the longest that is read was cut on its way here.
    truncated: bool = False
    #: The media type of the part in which it was cut off; empty where that is a file, or nothing was cut off.
    cut_in: str = ""
    #: What was wrong with it: `empty`, `no_headers`, `too_many_headers`, `too_deep` (its body was not read) or
    #: `unparsable`.
    defect: str | None = None

    def header(self, name: str) -> str:
        """The topmost field of that (lower-case) name, or nothing."""
        return self.headers.get(name, ("",))[0]

    @property
    def recipient_addresses(self) -> tuple[str, ...]:
        """From To, Cc and what servers add on delivery. Read when asked for: it takes as long as all other fields."""
        return mime.read_addresses(tuple(value for name in RECIPIENT_FIELDS for value in self.headers.get(name, ())))


def parse_message(raw: bytes) -> InboundMessage:
    """What these bytes say, as far as they say anything (RFC 5322, RFC 2045 to 2047)."""
    try:
        return _parse(raw)
    except Exception:  # noqa: BLE001 - the last line: one message must never stop the mailbox (rule 1)
        return InboundMessage(truncated=len(raw) >= MAX_MESSAGE, defect="unparsable")


def _parse(raw: bytes) -> InboundMessage:
    data, is_cut = cap(raw)
    parsed, defect = mime.parse(data)
    headers = parsed.fields
    kind_of_all = parsed.kind
    texts: dict[str, str] = {}
    reports: list[tuple[str, Fields]] = []
    original: Fields = {}
    cut_in = ""
    for kind, part in islice(mime.leaves(parsed), MAX_PARTS):
        cut_in = "" if is_attached(part) or not is_cut else kind
        if kind in READABLE_TYPES:
            kind_of_text = READABLE_TYPES[kind]
            if not texts.get(kind_of_text) and not is_attached(part):
                text = mime.read_text(part, MAX_MESSAGE)
                if kind_of_text == "html" and len(text) > MAX_TEXT:
                    text = without_styles(text)
                texts[kind_of_text] = text.strip()
        elif kind in REPORT_TYPES:
            reports += ((kind, block) for block in islice(read_blocks(part), MAX_BLOCKS))
        elif kind in ORIGINAL_TYPES and not original:
            original = next(read_blocks(part), {})
    return_path = headers.get("return-path", (None,))[0]
    return InboundMessage(
        headers=headers,
        message_id=first(headers, "message-id"),
        date=first(headers, "date"),
        from_addresses=mime.read_addresses(headers.get("from", ())),
        subject=decode_words(first(headers, "subject")),
        return_path=None if return_path is None else return_path.strip("<> "),
        in_reply_to=first(headers, "in-reply-to"),
        references=first(headers, "references"),
        content_type=kind_of_all,
        report_type=mime.parameter(parsed, "report-type").lower() if kind_of_all == "multipart/report" else "",
        text=texts.get("text", "")[:MAX_TEXT],
        html=texts.get("html", "")[:MAX_TEXT],
        reports=tuple(reports[:MAX_BLOCKS]),
        original_headers=original,
        truncated=is_cut or any(len(text) > MAX_TEXT for text in texts.values()),
        cut_in=cut_in,
        defect=defect or find_defect(data, headers),
    )


def cap(raw: bytes) -> tuple[bytes, bool]:
    """What is read of a message, with LF line ends and without NUL, and whether that is less than all of it."""
    data = normalize_line_ends(raw[:MAX_MESSAGE]).replace(b"\0", b"").lstrip()
    if data.startswith((b"From ", b">From ")):  # the separator line of an mbox, left on by many an export
        data = data.partition(b"\n")[2]
    is_cut = len(data) > MAX_LINES and data.count(b"\n") > MAX_LINES
    if is_cut:
        data = b"\n".join(data.split(b"\n", MAX_LINES)[:MAX_LINES])
    return data, is_cut or len(raw) >= MAX_MESSAGE


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
    plain = data.replace(b"\r\n", b"\n")
    if b"\r" not in plain:
        return plain
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def is_attached(part: Entity) -> bool:
    """Whether a part is a file rather than something said (RFC 2183)."""
    return first(part.fields, "content-disposition").lower().startswith("attachment")


def without_styles(html: str) -> str:
    """HTML without its style sheets, of which some programs put more above what is said than is read of a text."""
    kept: list[str] = []
    at, opened = 0, None
    for tag in STYLE.finditer(html):
        if not tag[1]:
            opened = tag.start() if opened is None else opened
        elif opened is not None:
            kept.append(html[at:opened])
            at, opened = tag.start(), None
    return "".join(kept) + html[at:]


def read_blocks(part: Entity) -> Iterator[Fields]:
    """
    The header of an attached message, or the groups of fields of a report, that blank lines divide (RFC 3464 section
    2.1, RFC 5965 section 3). The parser has opened some of them; of the others it leaves everything or the rest.
    """
    opened = mime.inner(part)
    yield from filter(None, (entity.fields for entity in opened))
    rest = opened[-1] if opened else part
    if rest is not part and "content-transfer-encoding" in part:
        # RFC 2045 section 6.4 forbids it, RFC 6532 section 3.5 allows it to some; the parser takes no notice of it.
        rest["Content-Transfer-Encoding"] = part["content-transfer-encoding"]
    content = mime.read_content(rest, MAX_MESSAGE).strip()
    for block in BLANK_LINES.split(content, MAX_BLOCKS) if content else ():
        fields = mime.parse_header(block).fields
        if fields:
            yield fields


def first(fields: Fields, name: str) -> str:
    """The topmost value of a field, or nothing."""
    return fields.get(name, ("",))[0]


def find_defect(data: bytes, headers: Fields) -> str | None:
    """What is wrong with the message as a whole, in the closed vocabulary of `InboundMessage.defect`."""
    if headers:
        return None
    return "no_headers" if data.strip() else "empty"
