"""Whole mails as people's programs send them, made of a few words each: `vectors/posted/` says of which."""

import base64
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.dressed import CHARSETS, part

FOLDER = Path(__file__).parent / "vectors" / "posted"
PROGRAMS = "programs"  #: the file of what programs write
WRITER = "anna.hill@example.com"
#: A footer of a company's mail server.
DISCLAIMER = (
    "CONFIDENTIALITY NOTICE: This e-mail and any files transmitted with it are confidential and intended solely for "
    "the use of the individual to whom they are addressed. If you have received this e-mail in error please notify the "
    "sender and delete it from your system."
)
FIRM = "Anna Hill\nHead of Purchasing\nHill & Sons Ltd\n12 Mill Lane, Leeds\nTel. +44 113 496 0000 | www.hill.example"


class Posted(NamedTuple):
    """What somebody sends, and whom it is about."""

    why: str
    language: str
    form: str
    subject: str
    text: str
    #: Beside the writer, who is always meant.
    about: frozenset[str]


def posted(name: str) -> Iterator[Posted]:
    """The mails of one file: "subject || text => address", where the subject may be missing and the addresses, too."""
    for why, forms in tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")).items():
        for form, languages in forms.items():
            for language, entries in languages.items():
                for entry in entries:
                    said, _, about = entry.partition(" => ")
                    subject, bars, text = said.partition("||")
                    yield Posted(
                        why,
                        language,
                        form,
                        subject.strip(" ") if bars else f"Re: {program(language)['subject']}",
                        (text if bars else said).strip(" "),
                        frozenset(about.split()),
                    )


@cache
def programs() -> dict[str, Any]:
    """The words of mail programs, by language."""
    return tomllib.loads((FOLDER / f"{PROGRAMS}.toml").read_text("utf-8"))


def program(language: str) -> Any:
    """The words of the mail programs that people of a language have."""
    return programs().get(language) or programs()["en"]


def head(said: Posted, *more: str, sender: str = f"Anna Hill <{WRITER}>", to: str = "info@shop.example") -> bytes:
    """The fields that all mail has; what is not ASCII in the subject is encoded (RFC 2047)."""
    subject = said.subject
    if not subject.isascii():
        subject = f"=?utf-8?B?{base64.b64encode(subject.encode()).decode()}?="
    lines = (f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Mon, 3 Mar 2025 10:30:00 +0100")
    return "\n".join((*lines, "Message-ID: <20250303.1@example.com>", "MIME-Version: 1.0", *more, "")).encode()


def answered(said: Posted, *more: str) -> bytes:
    """The fields of an answer."""
    return head(said, "In-Reply-To: <news.3@shop.example>", "References: <news.3@shop.example>", *more)


def alternative(plain: str, rich: str, encoding: str = "quoted-printable") -> bytes:
    """Both parts of a body."""
    return b"".join(
        (
            b'Content-Type: multipart/alternative; boundary="=_b1"\n\n--=_b1\n',
            part(plain, encoding=encoding),
            b"\n--=_b1\n",
            part(f"<html><body>{rich}</body></html>", kind="html", encoding=encoding),
            b"\n--=_b1--\n",
        )
    )


def fields(said: Posted, mark: str = "") -> str:
    """The fields of the newsletter as Outlook writes them above it, each name marked."""
    own = program(said.language)
    values = ("Garden Shop <news@shop.example>", own["day"], WRITER, own["subject"])
    return "\n".join(f"{mark}{name}:{mark} {value}" for name, value in zip(own["fields"], values, strict=True))


def news(said: Posted) -> str:
    """The newsletter."""
    return str(program(said.language)["news"].strip())


def charset(said: Posted) -> str:
    """That of older programs of the language, which has no letter for the rest."""
    return CHARSETS.get(said.language, "windows-1252")
