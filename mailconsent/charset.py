"""
Text in the charset its sender names (RFC 2045 section 5.1, RFC 2047).

A stranger's text never chooses a codec: Python's registry also holds compressors, `idna` and `punycode` (quadratic) and
`utf_7` (gives lone surrogates, which no database takes), and it remembers every wrong name it is asked for.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from encodings.aliases import aliases

#: A `?` within a word, which RFC 2047 section 2 forbids, is let pass; but a word ends before the next one begins, so
#: that of many without an end each is looked at once.
OPENING = r"=\?[^?\s]+\?[bq]\?"
WORD = rf"{OPENING}(?:(?!{OPENING}).)*?\?="
ENCODED_WORDS = re.compile(rf"{WORD}(?:\s+{WORD})*", re.IGNORECASE | re.DOTALL)
#: The codecs that are charsets of mail.
CHARSETS = frozenset(name for name in aliases.values() if not name.endswith("_codec")) - {
    "ascii", "latin_1", "mbcs", "rot_13", "utf_7",
} | {"cp874", "koi8_u", "utf_8_sig"}  # fmt: skip

#: Charsets of Western Europe, which have every byte, so that nothing tells where they are named by mistake.
WESTERN = frozenset({"cp1252", "iso8859_15"})


def decode_charset(data: bytes, charset: str) -> str:
    """
    Text of `data`. Unknown and missing charsets are tried as UTF-8, then read as Windows-1252, which is also what
    "iso-8859-1" and "us-ascii" mean in mail that says so (the WHATWG Encoding Standard has the same rule).

    Programs name the wrong one of the two, and hardly any Western text is UTF-8 by chance: what can be UTF-8 is, and
    what has no letter of UTF-8 is not.
    """
    name = charset.strip("'\" ").lower().replace("-", "_").replace(" ", "_")
    name = aliases.get(name, name)
    if name in CHARSETS and name not in WESTERN and name != "utf_8":
        return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if name == "utf_8" and not data.decode("utf-8", "ignore").isascii():
            return data.decode("utf-8", "replace")
        return data.decode(name if name in WESTERN else "cp1252", "replace")


def decode_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) read; letters split between two words are put together."""
    return ENCODED_WORDS.sub(_decode_run, value).replace("\0", "") if "=?" in value else value


def _decode_run(match: re.Match[str]) -> str:
    try:
        words = decode_header(match[0])
    except (HeaderParseError, ValueError):  # broken base64
        return match[0]
    # A str is what was no encoded word after all. RFC 2231 section 5 adds a language to the charset.
    return "".join(
        word if isinstance(word, str) else decode_charset(word, (charset or "").partition("*")[0])
        for word, charset in words
    )
