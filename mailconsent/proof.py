"""
The record of a consent -> its grade, and what is missing. Rules (design 5.3; decision 0015):

1. The controller must be able to prove a consent (GDPR Article 7(1)): how it was given, when, and what was shown. Each
   route has its list of evidence; what is not on record is named, one by one.
2. A record that speaks against itself is no consent, however long it is: a box ticked beforehand or a bundled consent
   (GDPR Article 4(11) and recital 32), nothing said of withdrawal (GDPR Article 7(3)), a business card alone.
3. Grade B is a whole record, C one with gaps, D one that does not tell what was agreed to, or speaks against itself.
4. Nothing told from outside is grade A, whatever it says: that is the person's own confirmation at our own door alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailconsent.model import Grade


class Route(StrEnum):
    """The way by which a consent was given."""

    SINGLE_OPT_IN = "single_opt_in"  #: a box on a web form
    DOUBLE_OPT_IN = "double_opt_in"  #: the same, confirmed through a mail
    PAPER = "paper"
    FAIR = "fair"
    PHONE = "phone"
    IMPORT = "import"  #: from another system, with the evidence that it kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a record of a consent is worth."""

    grade: Grade
    #: The names of what is not on record, with the value that was to be there.
    missing: tuple[str, ...] = ()
    #: What speaks against there being a consent at all; a sentence each.
    against: tuple[str, ...] = ()


_FORM = ("form", "form_version", "checkbox", "default_state", "bundled", "action", "page_url")
_CONFIRMED = ("confirmation_message_id", "confirmation_sent_at", "token_id", "confirmed_at", "confirm_method")
_TRANSCRIBED = ("collector", "transcribed_by", "transcribed_at")
#: What must be on record, beside `notice`, `withdrawal_told` and `occurred_at`, which every route asks for.
REQUIRED: Mapping[Route, tuple[str, ...]] = {
    Route.SINGLE_OPT_IN: _FORM,
    Route.DOUBLE_OPT_IN: (*_FORM, *_CONFIRMED),
    Route.PAPER: ("document", "scan", "signed", "place", *_TRANSCRIBED),
    Route.FAIR: ("document", "scan", "event", "place", *_TRANSCRIBED),
    Route.PHONE: ("recording", "action", *_TRANSCRIBED),
    Route.IMPORT: ("batch", "importer", "source_system", "attested_by", "original_route"),
}
#: The one value that proves; anything else is as good as nothing.
PROVING = {
    "default_state": "unchecked",
    "bundled": "no",
    "withdrawal_told": "yes",
    "signed": "yes",
    "document": "form",
    # A GET is made by whatever scans the mail, so it proves no act of a person.
    "confirm_method": "post",
}
_AGAINST = {
    ("default_state", "checked"): "the box was ticked beforehand, so that leaving it says nothing",
    ("bundled", "yes"): "the consent was bundled with something else, so it was not freely given",
    ("withdrawal_told", "no"): "the person was not told that consent can be withdrawn",
    ("document", "business_card"): "a business card alone says nothing of mail",
    ("document", "badge"): "a scanned badge alone says nothing of mail",
}
#: What a form may be called in an event, which holds no prose and no address.
_FORM_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


def judge(route: Route | None, evidence: Mapping[str, str], *, notice: bool, timed: bool) -> Proof:
    """
    The grade of a record told from outside, and what it lacks. Without a route the evidence is free, see decision 0015.

    `notice`: the text shown is at hand, with version and language; `timed`: it is said when the person acted.
    """
    said = {name: text.strip().lower() for name, text in evidence.items() if text.strip()}
    against = tuple(why for (name, value), why in _AGAINST.items() if said.get(name) == value)
    if route is None:
        told = notice or "wording" in said or "form" in said
        return _graded(() if told else ("wording",), against, Grade.C if said else Grade.D)
    missing: tuple[str, ...] = () if notice else ("notice",)
    missing += () if timed else ("occurred_at",)
    missing += tuple(_named(name) for name in _required(route, said) if not _proven(name, said))
    return _graded(missing, against, Grade.C if notice or "wording" in said else Grade.D)


def form_name(evidence: Mapping[str, str]) -> str | None:
    """What the form is called, if that can stand in an event."""
    name = evidence.get("form", "").strip()
    return name if _FORM_NAME.fullmatch(name) else None


def _graded(missing: tuple[str, ...], against: tuple[str, ...], partial: Grade) -> Proof:
    if against:
        return Proof(grade=Grade.D, missing=missing, against=against)
    return Proof(grade=partial if missing else Grade.B, missing=missing)


def _required(route: Route, said: Mapping[str, str]) -> tuple[str, ...]:
    """An import proves what its first record proves, so that one's list counts too; an import of an import does not."""
    names = ("withdrawal_told", *REQUIRED[route])
    if route is Route.IMPORT and _proven("original_route", said):
        names += REQUIRED[Route(said["original_route"])]
    return names


def _proven(name: str, said: Mapping[str, str]) -> bool:
    if name == "original_route":
        return said.get(name) in {route.value for route in Route} - {Route.IMPORT.value}
    return said.get(name) == PROVING[name] if name in PROVING else name in said


def _named(name: str) -> str:
    return f"{name} ({PROVING[name]})" if name in PROVING else name
