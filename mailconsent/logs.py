"""
Logs: one JSON line per thing that happened, on standard error. No address, token or key is ever in one.

So an exception is logged by its type and place alone: the text of a foreign one may hold anything.
"""

import contextlib
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog

_HERE = Path(__file__).parent.parent
_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
#: Bound once: to bind a logger takes longer than to write a line.
_logger: Any = structlog.get_logger()


def configure(*, faults_alone: bool = False) -> None:
    """
    Begin to log. Of the libraries only warnings are of interest, and of those only the fact.

    `faults_alone` is for commands whose every word some mail servers send back to the writer of the mail.
    """
    global _logger
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if faults_alone else logging.NOTSET),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    _logger = structlog.get_logger().bind()
    logging.basicConfig(handlers=[_Libraries(level=logging.WARNING)], force=True)


class _Libraries(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # The unformatted text is the library's own; its arguments might be anybody's.
        text = record.msg if isinstance(record.msg, str) and record.args else record.funcName
        say(record.levelname.lower(), "library", library=record.name, text=text)


def say(level: str, event: str, **fields: Any) -> None:
    """Log an event with its fields."""
    # A full disk under the log must cost nobody an answer.
    with contextlib.suppress(OSError, ValueError):
        _logger.log(_LEVELS.get(level, logging.INFO), event, **fields)


def info(event: str, **fields: Any) -> None:
    """Log what is as it should be."""
    say("info", event, **fields)


def warning(event: str, **fields: Any) -> None:
    """Log what the operator should know."""
    say("warning", event, **fields)


def failure(event: str, fault: BaseException, **fields: Any) -> None:
    """Log that something failed: of what type, where, and because of what."""
    chain: list[str] = []
    cause: BaseException | None = fault
    while cause is not None and len(chain) < 5:
        chain.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    say("error", event, error=" < ".join(chain), at=_places(fault), **fields)


def _places(fault: BaseException) -> list[str]:
    frames = traceback.extract_tb(fault.__traceback__)
    return [f"{_short(frame.filename)}:{frame.lineno}" for frame in frames][-6:]


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_HERE)) if path.is_relative_to(_HERE) else path.name
