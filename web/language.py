"""The reader's language. A further one is a further catalogue in `translations/`, and nothing else."""

from pathlib import Path

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
        return request.accept_languages.best_match(languages) or fallback

    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(CATALOGUES)
    Babel(app, default_locale=fallback, locale_selector=select)
    app.context_processor(lambda: {"language": reading()})


def reading() -> str:
    """The language of this answer."""
    return str(get_locale().language)
