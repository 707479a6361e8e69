"""What is recorded about a person, in words for a terminal."""

from collections.abc import Iterator
from datetime import datetime

from mailconsent.dossier import Dossier, Happening, Verdict
from mailconsent.erasure import Erased
from mailconsent.policy import Policy
from mailconsent.wire.recorded import topic_name

#: Events that are shown, the newest ones; an export has all.
SHOWN = 50


def in_words(dossier: Dossier, policy: Policy) -> Iterator[str]:
    """A few lines."""
    if dossier.is_empty:
        yield "Nothing is recorded about this address."
    elif dossier.recipient_id is not None:
        yield f"recipient {dossier.recipient_id:x}"
        yield f"address: {'kept' if dossier.address else 'not kept, its coded fingerprint alone'}"
        yield f"language: {dossier.language or 'unknown'}"
    yield ""
    yield "May it be mailed now?"
    for verdict in dossier.verdicts:
        yield f"  {verdict.topic.key}: {_answer(verdict)}"
    if dossier.is_empty:
        return
    yield from _section("What happened", [_line(happening, policy) for happening in dossier.happenings])
    sends = [f"{sent.day}  {topic_name(sent.topic, policy)}: {_plain(sent.reason)}" for sent in dossier.sends]
    yield from _section("What was sent", sends)
    mails = [f"{_time(mail.received_at, policy)}  {_plain(mail.label)}, {_text(mail.raw)}" for mail in dossier.messages]
    yield from _section("Mail from them", mails)
    answers = [f"{_time(answer.made_at, policy)}  {_plain(answer.kind)}, {answer.state}" for answer in dossier.answers]
    yield from _section("Answered by us", answers)


def receipt_in_words(erased: Erased, policy: Policy) -> Iterator[str]:
    """What was removed and what stays, for the person."""
    yield f"{'Held' if erased.held else 'Erased'} on {_time(erased.erased_at, policy)}"
    yield from ("", "Removed:", *(f"- {line}" for line in erased.removed or ("nothing",)), "", "Stays:")
    for kept in erased.kept:
        yield f"- {kept.what}: {kept.why}" + (f" ({kept.ground})" if kept.ground else "")


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield title
    if len(lines) > SHOWN:
        yield f"  ({len(lines) - SHOWN} older ones: `mailconsent recipient export` has them)"
    yield from (f"  {line}" for line in lines[-SHOWN:])


def _answer(verdict: Verdict) -> str:
    decision = verdict.decision
    event = f", event {decision.event_id}" if decision.event_id else ""
    return f"{'yes' if decision.allowed else 'no'}, {_plain(decision.reason)}{event}"


def _line(happening: Happening, policy: Policy) -> str:
    event = happening.event
    said = [
        _plain(event.kind),
        f"({topic_name(event.topic, policy)})",
        f"by {_plain(event.channel)}",
        f"grade {event.grade}" if event.grade else "",
        f"ends {happening.id._replace(seq=event.ends)}" if event.ends else "",
        "with evidence" if happening.evidence else "",
    ]
    return f"{_time(event.received_at, policy)}  {' '.join(part for part in said if part)}, event {happening.id}"


def _time(moment: datetime, policy: Policy) -> str:
    return f"{moment.astimezone(policy.controller.time_zone):%Y-%m-%d %H:%M}"


def _text(raw: bytes | None) -> str:
    return "text kept" if raw is not None else "text no longer kept"


def _plain(code: str) -> str:
    return code.replace("_", " ")
