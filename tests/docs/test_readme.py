"""What README.md and docs/api.md tell the reader to do is done here, to the letter."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from mailconsent.settings import load_settings
from tests.real.ports import free_port, wait_for_port

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
API = (ROOT / "docs/api.md").read_text("utf-8")
#: The service of the example, and its key.
THERE = '"https://mail.example.com", "mc_…"'


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block(language: str, holding: str) -> str:
    """The one block of the README in this language that holds this text."""
    (found,) = [piece for piece in blocks(README, language) if holding in piece]
    return found


def python(source: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def curl(command: str) -> Any:
    """What a curl command gets, asked without curl."""
    words = iter(shlex.split(os.path.expandvars(command.replace("\\\n", " "))))
    assert next(words) == "curl"
    url, data, headers = "", "", {}
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words)
        elif word != "-sS":
            url = word
    with urllib.request.urlopen(urllib.request.Request(url, data.encode(), headers), timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands of "Run it for real", in a folder that holds a policy."""
    shutil.copy(ROOT / "policy.toml", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    for name in [name for name in os.environ if name.startswith("MAILCONSENT_")]:
        monkeypatch.delenv(name)
    port = free_port()
    init, create, serve = block("sh", "mailconsent init").splitlines()

    subprocess.run(init.split(), cwd=tmp_path, check=True, capture_output=True)
    made = subprocess.run(create.split(), cwd=tmp_path, check=True, capture_output=True, text=True)
    monkeypatch.setenv("CONSENT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("CONSENT_KEY", made.stdout.strip())
    with (tmp_path / "web.log").open("wb") as log:
        where = {"MAILCONSENT_BASE_URL": f"http://127.0.0.1:{port}"}
        web = subprocess.Popen(
            [*serve.split(), "--port", str(port)], cwd=tmp_path, env=os.environ | where, stdout=log, stderr=log
        )
        try:
            wait_for_port(port, process=web, log=tmp_path / "web.log")
            yield
        finally:
            web.terminate()
            assert web.wait(20) == 0


@pytest.mark.usefixtures("followed")
def test_the_example_asks_gets_the_link_and_the_link_works() -> None:
    ran = python(block("python", "check_many"))

    assert ran.returncode == 0, ran.stderr
    mail, refusal = ran.stdout.strip().rsplit("\n", 1)
    assert refusal == "bo@example.net: no, no_legal_basis"
    message = message_from_string(mail)
    url = message.get_payload().rpartition("Unsubscribe: ")[2].strip()
    assert message["List-Unsubscribe"].startswith(f"<{url}>, <mailto:contact+")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == '"Blog newsletter" <blog.example.com>'
    asked = block("sh", "curl")
    assert curl(asked)["verdicts"][0]["unsubscribe_url"] == url

    with urllib.request.urlopen(url, b"List-Unsubscribe=One-Click", timeout=30) as answer:
        assert answer.status == 200

    assert curl(asked)["verdicts"][0]["reason"] == "withdrawn"


def test_the_example_sends_nothing_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("CONSENT_KEY", f"mc_{'0' * 12}_{'0' * 64}")

    ran = python(block("python", "check_many"))

    assert ran.returncode == 1
    assert "ServiceUnavailable" in ran.stderr
    assert ran.stdout == ""


def path_of(call: str) -> str:
    """What an example calls, such as `check`."""
    found = re.search(r"/v1/([a-z/]+)", call)
    assert found, call
    return found[1]


@pytest.fixture
def keys(followed: None, tmp_path: Path) -> dict[str, str]:
    """Call -> a key for it, of those that the page says to make."""
    (making,) = [piece for piece in blocks(API, "sh") if "key create" in piece]
    found = {}
    for command in (line for line in making.splitlines() if "key create" in line):
        made = subprocess.run(
            [".venv/bin/mailconsent", *command.split()[1:]], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        found |= dict.fromkeys(re.findall(r"--scope (\S+)", command), made.stdout.strip())
    return found


def test_the_calls_of_the_api_page_answer_as_it_says(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [piece for piece in blocks(API, "sh") if "curl" in piece]
    answers = [json.loads(piece) for piece in blocks(API, "json")]
    examples = {path_of(call): (call, answer) for call, answer in zip(calls, answers, strict=True)}
    (check, check_answer), (consent, consent_answer) = examples.pop("check"), examples.pop("consents")
    withdrawal, withdrawal_answer = examples.pop("withdrawals")

    def shape(value: Any) -> Any:
        """A value without what differs from time to time: ids and tokens."""
        if isinstance(value, dict):
            return {name: shape(part) for name, part in value.items()}
        if isinstance(value, list):
            return [shape(part) for part in value]
        if isinstance(value, str):
            value = re.sub(r"[a-z2-7]{56}|\bee4t…", "TOKEN", value)
            value = re.sub(r"(?<=TOKEN\.)[0-9a-f]{16}(?=@)", "UNIQUE", value)
            value = re.sub(r"https?://[^/>]+(?=/u/)", "https://HERE", value)
            return re.sub(r"^[0-9a-f]{1,16}-(?=\d+$)", "ID-", value)
        return value

    assert shape(curl(consent)) == shape(consent_answer)
    assert shape(curl(check)) == shape(check_answer)
    for path, (call, answer) in examples.items():
        with monkeypatch.context() as other_key:
            other_key.setenv("CONSENT_KEY", keys[path.partition("/")[0]])
            assert shape(curl(call)) == shape(answer)
    assert shape(curl(withdrawal)) == shape(withdrawal_answer)
    assert curl(withdrawal) == curl(withdrawal), "the same Idempotency-Key, the same answer"
    assert curl(check)["verdicts"][0]["reason"] == "withdrawn"

    (example,) = blocks(API, "python")
    here = 'os.environ["CONSENT_URL"], os.environ["CONSENT_KEY"]'
    ran = python(f"import os\n{example.replace(THERE, here)}\nprint(answer.reason)")
    assert (ran.stdout, ran.stderr) == ("withdrawn\n", "")


def test_the_settings_of_the_readme_are_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("var").mkdir()
    Path("var/imap-password").write_text("secret\n")
    lines = [line.removeprefix("export ") for line in block("sh", "export").splitlines()]

    settings = load_settings(dict(line.split("=", 1) for line in lines))

    (inbox,) = settings.inboxes
    assert (inbox.address.user, inbox.address.folder, inbox.password) == ("contact@example.com", "INBOX", "secret")
