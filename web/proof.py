"""The page that proves, for one person, what is recorded and why: stand-alone, to be printed or sent."""

from datetime import datetime

from flask import Flask, render_template
from flask_babel import force_locale

from mailconsent.dossier import Dossier
from mailconsent.errors import Refused
from mailconsent.policy.retention import Records
from mailconsent.services.installation import Installation
from web.language import available

#: What strangers wrote may hold commands to a terminal or a printer: shown as signs.
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | dict.fromkeys(
    range(127, 160), 0xFFFD
)


def page(app: Flask, dossier: Dossier, language: str | None = None) -> str:
    """The page, in one of the languages there are. Raises `Refused` for another."""
    here: Installation = app.extensions["mailconsent"]
    policy = here.rules.policy
    languages = available()
    if language is not None and language not in languages:
        raise Refused(f"The page is there in these languages: {', '.join(languages)}.")
    own = policy.controller.language
    chosen = language or (own if own in languages else "en")

    def local(moment: datetime) -> str:
        return f"{moment.astimezone(policy.controller.time_zone):%Y-%m-%d %H:%M %Z}"

    with app.app_context(), force_locale(chosen):
        text = render_template(
            "proof.html",
            dossier=dossier,
            policy=policy,
            controller=policy.controller,
            topic_name=lambda number: policy.name(number, chosen),
            local=local,
            Records=Records,
        )
    return text.translate(_CONTROLS)
