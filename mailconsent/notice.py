"""
A notice: the text that a person was shown before they agreed, with its version and language.

The controller proves what was shown (GDPR Article 7(1)), so a text is stored once, is never changed, and goes by its
hash: whoever has the hash has this very text, version and language.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property

from mailconsent.errors import Refused

MAX_TEXT = 20_000
_VERSION = re.compile(r"[A-Za-z0-9._:/-]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
#: What no text holds, and PostgreSQL does not store: control characters but tab and line breaks, half characters.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """The text shown. Raises `Refused` where a part is missing or not usable; no part is repeated."""

    #: What it is about: a topic's key.
    key: str
    version: str
    #: Of the text, not of the person: two or three letters.
    language: str
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > MAX_TEXT or _NO_TEXT.search(self.text):
            raise Refused(f"The notice's text must be 1 to {MAX_TEXT} characters, without control characters.")
        if not _VERSION.fullmatch(self.version):
            raise Refused("The notice's version must be 1 to 40 of A-Z a-z 0-9 . _ : / and -.")
        if not _LANGUAGE.fullmatch(self.language):
            raise Refused("The notice's language must be two or three lower-case letters.")

    @cached_property
    def sha256(self) -> str:
        """In hex: SHA-256 of the JSON array of key, version, language and text, in ASCII and without blanks."""
        parts = [self.key, self.version, self.language, self.text]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode("ascii")).hexdigest()
