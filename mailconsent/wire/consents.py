"""Consents and opt-outs that the sender tells of."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from mailconsent.errors import Refused
from mailconsent.model import Grade
from mailconsent.notice import MAX_TEXT, Notice
from mailconsent.proof import Route
from mailconsent.wire.fields import Country, Language, Moment, Request, Source, Text, TopicKey, Version


class ShownNotice(Request):
    """The text that the person was shown: itself, with version and language, or the SHA-256 of one told before."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    version: Version | None = None
    language: Language | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="As a recorded consent gave it.")] | None = None

    def about(self, topic: str) -> Notice | str:
        """The notice, or the hash of one. Raises `Refused` unless it is exactly one of the two."""
        text, version, language = self.text, self.version, self.language
        if text and version and language and not self.sha256:
            return Notice(key=topic, version=version, language=language, text=text)
        if self.sha256 and not (text or version or language):
            return self.sha256
        raise Refused("The notice must have a text, a version and a language, or else the sha256 of one told before.")


class ConsentRequest(Request):
    """A consent that was asked for elsewhere, with its proof."""

    address: Text
    topic: TopicKey
    evidence: Annotated[
        dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=4_000)]],
        Field(
            min_length=1,
            max_length=40,
            strict=False,  # any mapping
            description="What the person was shown and did: wording, form, page, time, IP. Kept apart, erasable.",
            json_schema_extra={"example": {"wording": "Yes, send me the blog newsletter.", "form": "footer-2"}},
        ),
    ]
    route: Annotated[
        Route | None,
        Field(strict=False, description="How it was given: then what that route must show has to be in the evidence."),
    ] = None
    notice: Annotated[ShownNotice | None, Field(strict=False)] = None
    occurred_at: Moment | None = None
    language: Language | None = None
    country: Country | None = None
    partial: Annotated[bool, Field(description="Keep a record with gaps too; it allows no mail.")] = False
    source: Source = ""


class WithdrawalRequest(Request):
    """An opt-out that reached the sender: by phone, letter, a form of theirs."""

    address: Text
    topic: Annotated[TopicKey | None, Field(description="Left out, or null: all marketing.")] = None
    occurred_at: Moment | None = None
    source: Source = ""


class Recorded(TypedDict):
    """What was recorded, and committed before this was said."""

    event_id: str
    repeated: bool


class ConsentRecorded(Recorded):
    """And what the record is worth: B allows mail where nothing denies it, C and D allow none."""

    grade: Grade
    notice: NotRequired[str]
