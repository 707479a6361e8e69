"""Mail as people write it: the vectors in `vectors/inbox/<language>.toml`, and what each is classified as."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mailconsent.classify import classify
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, Label, UnsubscribeClaim

FOLDER = Path(__file__).parent / "vectors" / "inbox"
SUBJECT = "Re: News of July"


class Said(NamedTuple):
    """A text of somebody, and what it is."""

    language: str
    label: Label
    #: The rule that it stands for.
    why: str
    subject: str
    text: str


@cache
def all_said() -> tuple[Said, ...]:
    """All vectors. A text may open with its subject; without one it answers a newsletter."""
    return tuple(
        Said(path.stem, Label(label), why, *split_subject(text))
        for path in sorted(FOLDER.glob("*.toml"))
        for label, reasons in tomllib.loads(path.read_text("utf-8")).items()
        for why, texts in reasons.items()
        for text in texts
    )


def split_subject(text: str) -> tuple[str, str]:
    """The subject and the text of a vector."""
    if not text.startswith("Subject: "):
        return SUBJECT, text
    subject, _, rest = text.removeprefix("Subject: ").partition("\n\n")
    return subject, rest


def no_token(_text: str) -> UnsubscribeClaim:
    """No token is ours."""
    raise InvalidToken


def classified(subject: str, text: str) -> Classification:
    """What a mail of Anna's is."""
    return classify(InboundMessage(subject=subject, text=text, from_addresses=("anna@example.com",)), no_token)
