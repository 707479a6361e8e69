"""
The Dockerfile and the Compose file. No container engine runs here: the composition is checked as data, and the very
commands of its services run as processes, with their secrets in files, against real PostgreSQL and IMAP servers.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from mailconsent.client import Client
from mailconsent.model import Reason
from mailconsent.settings import PREFIX
from tests.doors.mails import mail
from tests.houses import until
from tests.real.dovecot import PASSWORD, Dovecot
from tests.real.ports import free_port
from tests.real.postgres import Postgres

ROOT = Path(__file__).parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
FINAL_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
#: `${NAME:-default}` and `${NAME:?what to do}`.
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
#: The port of the web application inside its container; here it takes one that is free.
PORT = "8080"


def composition() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(COMPOSE)
    return data


SERVICES: dict[str, dict[str, Any]] = composition()["services"]
OURS = [name for name in SERVICES if name != "postgres"]
#: The one thing that our services write.
JOURNAL = "journal:/var/lib/mailconsent/journal"


def interpolated(text: str, variables: dict[str, str]) -> str:
    """What Compose makes of a value. `KeyError` where it would refuse to start."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if not variables.get(name) and kind == "?":
            raise KeyError(name)
        return variables.get(name) or (rest if kind == "-" else "")

    return VARIABLE.sub(value, text)


def schema_faults(file: Path) -> str:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_compose_file_fits_the_schema() -> None:
    assert schema_faults(ROOT / "docker-compose.yml") == ""


@pytest.mark.parametrize("word", ["healthcheck:", "read_only:", "depends_on:", "restart:"])
def test_a_slip_of_the_pen_in_it_would_be_found(tmp_path: Path, word: str) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.replace(word, f"{word[:-2]}:"))
    assert word[:-2] in schema_faults(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), "not root"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    written = {"postgres": ["database:/var/lib/postgresql/data"], "web": [JOURNAL], "worker": [JOURNAL]}
    assert service.get("volumes", []) == written.get(name, []), "nobody else writes to a disk, and nothing else"
    assert JOURNAL.partition(":")[2] in FINAL_STAGE, "made in the image, so that the volume is the user's"


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_is_a_file(name: str) -> None:
    service = SERVICES[name]
    environ: dict[str, str] = service["environment"]
    named = {value.removeprefix("/run/secrets/") for value in environ.values() if value.startswith("/run/secrets/")}
    assert named == set(service["secrets"]) <= set(composition()["secrets"])
    assert all(value.startswith("/run/secrets/") for key, value in environ.items() if key.endswith("_FILE"))
    assert not [key for key in environ if re.search(r"(PASSWORD|KEYS|DATABASE_URL)$", key)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_and_started_again_or_ends_by_itself(name: str) -> None:
    service = SERVICES[name]
    if name == "init":
        assert (service["healthcheck"], service["restart"]) == ({"disable": True}, "no")
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_the_order_is_database_then_schema_then_the_rest() -> None:
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}


def test_the_database_is_reached_from_inside_only() -> None:
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert composition()["networks"]["inside"] == {"internal": True}
    assert "ports" not in SERVICES["postgres"]


def test_the_image_holds_no_tool_and_runs_as_the_user_of_the_composition() -> None:
    (user,) = re.findall(r"^USER (.+)$", FINAL_STAGE, re.MULTILINE)
    assert {SERVICES[name]["user"] for name in OURS} == {user}
    assert "pip uninstall" in FINAL_STAGE
    assert not re.search(r"\b(uv|gcc|build-essential|make|git)\b", FINAL_STAGE)
    assert "ca-certificates" in FINAL_STAGE


def test_what_the_image_copies_is_there_and_nothing_else_is_sent_to_the_engine() -> None:
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)]
    sources = {source.removeprefix("./") for line in copied for source in line}
    ignored, *let_in = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert ignored == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_without_what_only_the_operator_knows_it_does_not_start() -> None:
    environ = SERVICES["worker"]["environment"]
    for name in ("MAILCONSENT_BASE_URL", "MAILCONSENT_IMAP_URL"):
        with pytest.raises(KeyError, match=name):
            interpolated(environ[name], {})


class Stack:
    """The services as processes, in an empty folder, with the environment that Compose would give them."""

    def __init__(self, folder: Path, variables: dict[str, str], port: int, inbox: str) -> None:
        self.folder, self.variables, self.port, self.inbox = folder, variables, port, inbox
        self.secrets = folder / "secrets"
        self.here = folder / "here"
        self.here.mkdir()

    def environ(self, name: str) -> dict[str, str]:
        policy, target = re.findall(rf"({PREFIX}POLICY)=(\S+)", FINAL_STAGE)[0]
        (mounted,) = [config for config in SERVICES[name]["configs"] if config["target"] == target]
        given = {key: interpolated(value, self.variables) for key, value in SERVICES[name]["environment"].items()}
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            policy: str(ROOT / composition()["configs"][mounted["source"]]["file"]),
            **{key: self.placed(value) for key, value in given.items()},
        }

    def placed(self, value: str) -> str:
        """Where the mounted folders are here."""
        folder = JOURNAL.partition(":")[2]
        return value.replace("/run/secrets", str(self.secrets)).replace(folder, str(self.folder / "journal"))

    def command(self, name: str) -> list[str]:
        (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", FINAL_STAGE, re.MULTILINE)
        return [word.replace(PORT, str(self.port)) for word in json.loads(entrypoint) + SERVICES[name]["command"]]

    def run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the place of a service, to its end."""
        return subprocess.run(
            command, cwd=self.here, env=self.environ(name), capture_output=True, text=True, check=False, timeout=60
        )

    def healthy(self, name: str) -> bool:
        _, *command = SERVICES[name]["healthcheck"]["test"]
        return self.run(name, [word.replace(PORT, str(self.port)) for word in command]).returncode == 0

    @contextlib.contextmanager
    def up(self, name: str) -> Iterator[None]:
        """A service, which must end cleanly when it is told to."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(name), cwd=self.here, env=self.environ(name), stdout=log, stderr=log
            )
            try:
                yield
                process.terminate()
                assert process.wait(10) == 0, self.log(name)
            finally:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")


@pytest.fixture
def stack(tmp_path: Path, postgres_url: str, dovecot: Dovecot) -> Stack:
    """With the secrets that docs/operations.md says how to make, but for the places of the two servers."""
    port, user = free_port(), dovecot.new_user()
    variables = {
        "MAILCONSENT_BASE_URL": f"http://127.0.0.1:{port}",
        "MAILCONSENT_IMAP_URL": f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX",
    }
    made = Stack(tmp_path, variables, port, user)
    (script,) = re.findall(r"^```sh\n(mkdir -m 0700 secrets\n.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True)
    assert {path.name for path in made.secrets.iterdir()} == set(composition()["secrets"])
    assert re.fullmatch(
        r"postgresql://mailconsent:[0-9a-f]{48}@postgres/mailconsent\n", (made.secrets / "database-url").read_text()
    )
    for name, text in {"database-url": postgres_url, "imap-password": PASSWORD}.items():
        (made.secrets / name).unlink()
        (made.secrets / name).write_text(f"{text}\n")
    return made


def test_the_commands_of_the_composition_run_together(
    stack: Stack, dovecot: Dovecot, postgres_server: Postgres
) -> None:
    keys = {path.name: path.read_bytes() for path in stack.secrets.glob("*.keys")}
    assert is_ready(postgres_server)

    assert not stack.healthy("web"), "not before it is there"
    for _ in range(2):  # as on every `docker compose up`
        done = stack.run("init", stack.command("init"))
        assert done.returncode == 0, done.stderr
    assert not stack.healthy("worker"), "not before the inbox was read"

    with stack.up("web"), stack.up("worker"):
        until(lambda: stack.healthy("web"), "web")
        until(lambda: stack.healthy("worker"), "worker")
        (create,) = re.findall(r"^docker compose exec web (mailconsent key create .+)$", OPERATIONS, re.MULTILINE)
        key = stack.run("web", create.split()).stdout.strip()
        with Client(stack.variables["MAILCONSENT_BASE_URL"], key) as client:
            for address in ("anna@example.com", "bo@example.net"):
                client.record_consent(address, "blog", {"wording": "Yes, send me the blog newsletter."})
            answer = client.check("anna@example.com", "blog")
            assert answer.allowed
            with urllib.request.urlopen(str(answer.unsubscribe_url), b"List-Unsubscribe=One-Click", timeout=30) as post:
                assert post.status == 200
            dovecot.append(stack.inbox, [mail("bo@example.net", "Unsubscribe")])

            assert client.check("anna@example.com", "blog").reason is Reason.WITHDRAWN
            until(lambda: client.check("bo@example.net", "blog").reason is Reason.WITHDRAWN, "the inbox")

    assert "web stopped" in stack.log("web")
    assert "worker stopped" in stack.log("worker")
    assert list(stack.here.iterdir()) == [], "nothing is written where the containers could not write"
    assert {path.name: path.read_bytes() for path in stack.secrets.glob("*.keys")} == keys, (
        "the keys are the operator's"
    )


def is_ready(server: Postgres) -> bool:
    _, *command = SERVICES["postgres"]["healthcheck"]["test"]
    places = os.pathsep.join(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))
    program = shutil.which(command[0], path=f"{places}{os.pathsep}{os.environ['PATH']}")
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port)}
    return subprocess.run([str(program), *command[1:]], env=where, check=False).returncode == 0


def test_init_makes_no_keys_in_place_of_those_that_are_missing(stack: Stack) -> None:
    stack.run("init", stack.command("init"))
    consent = ["mailconsent", "consent", "add", "anna@example.com", "--topic", "blog", "--evidence", "form=footer"]
    assert stack.run("web", consent).returncode == 0
    (stack.secrets / "digest.keys").unlink()

    done = stack.run("init", stack.command("init"))

    assert done.returncode == 1
    assert "the keys of this database are missing" in done.stderr
    assert not (stack.secrets / "digest.keys").exists()
