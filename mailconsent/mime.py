"""
The mechanics of RFC 5322, 2045, 2046 and 2047 under `mailconsent.message`, made for hostile input.

Rules of this file:

1. Nothing raises, nothing recurses, and every step is linear in what it is given. That is why `email` is not used: its
   `policy.default` raises on common mail (cpython #105802, #117849) and needs 14 seconds for a From of 260 KB
   (#136063); `compat32` recurses on nested parts and is quadratic in the parameters of one header.
2. What exceeds a cap is cut or left out, never searched.
3. A wrong label never loses text: an unknown charset, broken base64 and a lost boundary leave what is readable.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from encodings.aliases import aliases
from itertools import islice
from typing import NamedTuple, TypeAlias

MAX_HEADERS = 250  #: fields of one header block; mail that crossed ten relays has about 80
MAX_HEADER = 8 * 1024  #: characters of one value
MAX_PARTS = 100
MAX_DEPTH = 10

#: Lower-cased field name to its values in order of appearance, unfolded, encoded words not yet decoded.
Fields: TypeAlias = Mapping[str, tuple[str, ...]]

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\n]*)\?=")
BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
PARAMETERS = {
    name: re.compile(rf';\s*{name}\s*=\s*(?:"([^"]*)|([^;\s]+))', re.IGNORECASE)
    for name in ("boundary", "charset", "report-type")
}

LOCAL_AT_DOMAIN = r'[^\s<>"(),;:@\\]+@[^\s<>"(),;:@\\]+'
ONE_MAILBOX = re.compile(
    rf'(?:"[^"\\]*(?:\\.[^"\\]*)*"\s*|[^<>"(),;:@\\]*)<({LOCAL_AT_DOMAIN})>|({LOCAL_AT_DOMAIN})', re.DOTALL
)
#: One token of an address field: a quoted string (unless it is a local part), a quoted pair, a parenthesis, the rest.
ADDRESS_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?!@)|\\.|[()]|[^"()\\]+|["\\]', re.DOTALL)
ADDRESS = re.compile(r'(?:"[^"\s]*"|(?<![^\s<>"@])[^\s<>"@]+)@[^\s<>"@]+')

#: The codecs that are charsets of mail. Python's registry also holds compressors, `idna` and `punycode` (quadratic) and
#: `utf_7` (gives lone surrogates, which no database takes), and it remembers every wrong name it is asked for: a
#: stranger's text never reaches it.
CHARSETS = frozenset(name for name in aliases.values() if not name.endswith("_codec")) - {
    "ascii",
    "latin_1",
    "mbcs",
    "rot_13",
    "utf_7",
} | {
    "cp874",
    "koi8_u",
    "utf_8_sig",
}


class Part(NamedTuple):
    """A body part without parts of its own; attached messages are not opened."""

    content_type: str
    fields: Fields
    data: bytes


def read_fields(data: bytes, limit: int = MAX_HEADERS) -> tuple[Fields, bytes, bool]:
    """The header fields at the start of `data` (RFC 5322 section 2.2), what follows them, and whether a cap was hit."""
    found: dict[str, list[str]] = {}
    at = 0
    if data.startswith((b"From ", b">From ")):  # the separator line of an mbox, left on by many an export
        at = data.find(b"\n") + 1 or len(data)
    for _ in range(limit):
        match = FIELD.match(data, at)
        if match is None:
            break
        at = match.end()
        found.setdefault(match[1].decode("ascii").lower(), []).append(unfold(match[2]))
    fields = {name: tuple(values) for name, values in found.items()}
    if data.startswith(b"\n", at):
        return fields, data[at + 1 :], False
    if FIELD.match(data, at) is None:
        return fields, data[at:], False  # a line that is no field ends the header, as everywhere
    end = data.find(b"\n\n", at)
    return fields, data[end + 2 :] if end >= 0 else b"", True


def unfold(value: bytes) -> str:
    """A field value in one line, and not more of it than anything sensible needs."""
    value = value.strip()[:MAX_HEADER]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace")
    if "\n" in text:
        text = " ".join(map(str.strip, text.split("\n")))
    return text.replace("\0", "") if "\0" in text else text


def parameter(value: str, name: str) -> str:
    """A parameter of a Content-Type (RFC 2045 section 5.1), or nothing."""
    match = PARAMETERS[name].search(value)
    return (match[1] or match[2] or "").strip() if match else ""


def content_type(fields: Fields, default: str = "text/plain") -> str:
    """The media type, lower case, without parameters."""
    value = fields.get("content-type", (default,))[0].partition(";")[0].strip().lower()
    return value if value.count("/") == 1 else default


def leaves(fields: Fields, body: bytes) -> Iterator[Part]:
    """The parts that have no parts, in document order. A multipart whose boundary never comes is read as text."""
    stack = [(fields, body, 0)]
    left = MAX_PARTS
    while stack and left:
        left -= 1
        fields, body, depth = stack.pop()
        kind = content_type(fields)
        if not kind.startswith("multipart/"):
            yield Part(kind, fields, body)
            continue
        pieces = list(islice(split_multipart(body, parameter(fields["content-type"][0], "boundary")), MAX_PARTS))
        if not pieces:
            yield Part("text/plain", fields, body)
        elif depth < MAX_DEPTH:
            stack += [(*read_fields(piece)[:2], depth + 1) for piece in reversed(pieces)]


def split_multipart(body: bytes, boundary: str) -> Iterator[bytes]:
    """The parts between the boundary lines of RFC 2046 section 5.1.1. The closing line may be missing."""
    delimiter = b"\n--" + boundary.encode("utf-8")
    body = b"\n" + body
    start = None
    at = body.find(delimiter) if boundary else -1
    while at >= 0:
        end_of_line = body.find(b"\n", at + 1)
        end_of_line = len(body) if end_of_line < 0 else end_of_line
        rest = body[at + len(delimiter) : end_of_line].strip()
        if rest in (b"", b"--"):  # otherwise it is a longer boundary that starts like this one
            if start is not None:
                yield body[start:at]
            if rest:
                return
            start = end_of_line + 1
        at = body.find(delimiter, end_of_line)
    if start is not None:
        yield body[start:]


def read_content(part: Part, limit: int) -> bytes:
    """The first `limit` bytes or so of a part, its transfer encoding undone (RFC 2045 section 6)."""
    encoding = part.fields.get("content-transfer-encoding", ("",))[0].strip().lower()
    data = part.data[: 3 * limit]
    if encoding == "base64":
        return decode_base64(data)[:limit]
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)[:limit]
    return data[:limit]


def read_text(part: Part, limit: int) -> str:
    """The text of a part, in whatever charset it says and can be read in."""
    charset = parameter(part.fields.get("content-type", ("",))[0], "charset")
    text = decode_charset(read_content(part, 4 * limit), charset)
    return text.replace("\0", "").replace("\r\n", "\n")[:limit]


def decode_base64(data: bytes) -> bytes:
    """Base64 as found in mail: without padding, cut anywhere, with foreign letters between."""
    try:
        return binascii.a2b_base64(data + b"==")
    except ValueError:
        letters = NOT_BASE64.sub(b"", data)
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4])


def decode_charset(data: bytes, charset: str) -> str:
    """
    Text of `data`. Unknown and missing charsets are tried as UTF-8, then read as Windows-1252, which is also what
    "iso-8859-1" and "us-ascii" mean in mail that says so (the WHATWG Encoding Standard has the same rule).
    """
    name = charset.strip("'\" ").lower().replace("-", "_").replace(" ", "_")
    name = aliases.get(name, name)
    if name in CHARSETS:
        return data.decode(name, "replace")
    try:
        return data.decode("cp1252" if name == "latin_1" else "utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def decode_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) read; letters split between two words are put together."""
    if "=?" not in value:
        return value
    value = BETWEEN_WORDS.sub("", value)
    out, pending, last, at = [], b"", "", 0
    for match in ENCODED_WORD.finditer(value):
        charset = match[1].partition("*")[0].lower()  # RFC 2231 section 5 adds a language
        if match.start() != at or charset != last:
            out += [decode_charset(pending, last), value[at : match.start()]]
            pending = b""
        letters = match[3].encode("utf-8", "replace")
        pending += decode_base64(letters) if match[2] in "bB" else binascii.a2b_qp(letters, header=True)
        last, at = charset, match.end()
    return "".join((*out, decode_charset(pending, last), value[at:])).replace("\0", "")


def read_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """
    The addr-specs of an address field (RFC 5322 section 3.4), as given, each once.

    Display names, comments and group names never count: "anna@example.com <bo@example.net>" is bo.
    """
    found: dict[str, str] = {}
    for value in values:
        match = ONE_MAILBOX.fullmatch(value)
        for address in (match[1] or match[2],) if match else _read_list(value):
            found.setdefault(address.lower(), address)
    return tuple(found.values())


def _read_list(value: str) -> Iterator[str]:
    depth, kept = 0, []
    for lexeme in ADDRESS_TOKEN.findall(value):
        if lexeme == "(":
            depth += 1
        elif lexeme == ")":
            depth = max(0, depth - 1)
        elif not depth and not (lexeme[0] == lexeme[-1] == '"' and len(lexeme) > 1):
            kept.append(lexeme)
    for piece in re.split("[,;]", "".join(kept)):
        inside = piece.rpartition("<")[2] if "<" in piece else piece.rpartition(":")[2]
        match = ADDRESS.search(inside.rpartition(":")[2])
        if match:
            yield match[0]
