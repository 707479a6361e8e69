"""A newsletter system's end of the API, and an operator's end of the command line."""

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope, create_key
from tests.commands import Command, Surroundings, without_settings
from web import create_app

EVIDENCE = {"wording": "Yes, send me the blog newsletter.", "form": "footer-2"}


def new_key(here: Installation, *scopes: Scope) -> str:
    """An API key with these scopes, or with all there are."""
    with here.store.begin() as tx:
        return create_key(tx, "newsletter", list(scopes or Scope), now=datetime.now(UTC))


class Sender:
    """A newsletter system with a key of its own, calling the application in this process."""

    def __init__(self, here: Installation, *scopes: Scope) -> None:
        self.key = new_key(here, *scopes)
        self.http = create_app(here).test_client()

    def post(self, path: str, value: object, **headers: str) -> TestResponse:
        """Post a value as JSON, or bytes as they are. A header given as `Idempotency_Key="..."` is sent as such."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        return self.http.post(f"/v1/{path}", data=body, headers=sent)

    def check(self, *addresses: str, topic: str = "blog", headers: bool = False) -> list[dict[str, Any]]:
        """The verdicts on these addresses."""
        answer = self.post("check", {"topic": topic, "addresses": addresses, "headers": headers})
        verdicts: list[dict[str, Any]] = told(answer)["verdicts"]
        return verdicts

    def consent(self, address: str, topic: str = "blog", **more: object) -> TestResponse:
        """Record a consent."""
        return self.post("consents", {"address": address, "topic": topic, "evidence": EVIDENCE, **more})

    def withdraw(self, address: str, **more: object) -> TestResponse:
        """Record an opt-out."""
        return self.post("withdrawals", {"address": address, **more})


def told(answer: TestResponse) -> dict[str, Any]:
    """The JSON of an answer."""
    value = answer.get_json()
    assert isinstance(value, dict), answer.text
    return value


def run_command(
    environ: dict[str, str], *arguments: str | Path, given: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`mailconsent ...` as an operator types it, with these settings and no others; `given` is typed in."""
    with tempfile.TemporaryDirectory(prefix="mailconsent-command-") as streams:
        typed, out, err = (Path(streams) / name for name in ("given", "out", "err"))
        typed.write_text(given, "utf-8")
        variables = without_settings(os.environ) | environ
        words = list(map(str, arguments))
        around = Surroundings(environ=variables, given=typed, out=out, err=err, folder=folder)
        status = Command(words, around).wait()
        done = subprocess.CompletedProcess(words, status, out.read_text("utf-8"), err.read_text("utf-8"))
    assert "Traceback" not in done.stderr, done.stderr
    return done


def unique(name: str = "anna") -> str:
    """An address that no other test has."""
    return f"{name}-{secrets.token_hex(4)}@example.com"


def many(count: int) -> Sequence[str]:
    """So many addresses."""
    return [f"person-{number}@example.com" for number in range(count)]
