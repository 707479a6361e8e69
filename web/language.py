"""The reader's language. A further one is a further catalogue in `translations/`, and nothing else."""

from pathlib import Path

from babel import negotiate_locale
from flask import Flask, request
from flask_babel import Babel, get_locale

CATALOGUES = Path(__file__).parent / "translations"


def available() -> list[str]:
    """The languages that there is a catalogue for, and English, which the texts are written in."""
    return sorted({"en", *(path.name for path in CATALOGUES.iterdir() if path.is_dir())})


def install(app: Flask, default: str) -> None:
    """Answer in the language that the browser asks for; the company's own, if it asks for none that we have."""
    languages = available()
    fallback = default if default in languages else "en"

    def select() -> str:
        # Not werkzeug's `best_match`: that one would give "de-AT, en;q=0.5" English, and "*" whatever stands first.
        asked = [tag.replace("-", "_") for tag, quality in request.accept_languages if quality > 0]
        return negotiate_locale(asked, languages) or fallback

    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(CATALOGUES)
    Babel(app, default_locale=fallback, locale_selector=select)
    app.context_processor(_marks)


def reading() -> str:
    """The language of this answer."""
    return str(get_locale().language)


def _marks() -> dict[str, str]:
    locale = get_locale()
    return {"language": str(locale).replace("_", "-"), "direction": locale.text_direction}
