"""
The building's floor plan (design, section 4), and that the code keeps to it.

A module imports what is on its own floor or below, never above. A third-party package is used in its own room only. The
two lowest floors are pure: no input, no output, no clock, no chance, no environment. Change the plan here first, then
the code.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: A room is a module, or a package with all that is in it. The longest name that fits decides.
FLOORS = (
    # 0: vocabulary
    {"mailconsent", "mailconsent.model", "mailconsent.errors"},
    # 1: rules
    {
        "mailconsent.acknowledgement",
        "mailconsent.address",
        "mailconsent.answer",
        "mailconsent.authentication",
        "mailconsent.charset",
        "mailconsent.classify",
        "mailconsent.country",
        "mailconsent.csv_rows",
        "mailconsent.decision",
        "mailconsent.dossier",
        "mailconsent.import_effect",
        "mailconsent.due",
        "mailconsent.erasure",
        "mailconsent.facts",
        "mailconsent.failures",
        "mailconsent.headers",
        "mailconsent.imap_url",
        "mailconsent.import_rows",
        "mailconsent.mail_id",
        "mailconsent.merkle",
        "mailconsent.message",
        "mailconsent.mime",
        "mailconsent.notice",
        "mailconsent.own_words",
        "mailconsent.policy",
        "mailconsent.proof",
        "mailconsent.retention",
        "mailconsent.rights",
        "mailconsent.sales",
        "mailconsent.seal",
        "mailconsent.bloom",
        "mailconsent.shared_domains",
        "mailconsent.smtp_url",
        "mailconsent.signature",
        "mailconsent.soft_opt_in",
        "mailconsent.sale_telling",
        "mailconsent.terms",
        "mailconsent.tokens",
        "mailconsent.wire",
    },
    # 2: input and output
    {
        "mailconsent.client",
        "mailconsent.imap_settings",
        "mailconsent.keyring",
        "mailconsent.logs",
        "mailconsent.mailbox",
        "mailconsent.oauth",
        "mailconsent.oauth_grant",
        "mailconsent.oauth_settings",
        "mailconsent.oauth_sign_in",
        "mailconsent.postbox",
        "mailconsent.secret_file",
        "mailconsent.server_faults",
        "mailconsent.settings",
        "mailconsent.smtp_link",
        "mailconsent.store",
    },
    # 3: use cases
    {"mailconsent.services"},
    # 4: doors
    {"mailconsent.__main__", "mailconsent.cli", "mailconsent.demo", "mailconsent.loops", "web", "worker"},
)
PACKAGES = {
    "alembic": {"mailconsent.store"},
    "babel": {"web"},
    "click": {"mailconsent.cli", "mailconsent.demo"},
    "email_validator": {"mailconsent.address"},
    "flask": {"web"},
    "flask_babel": {"web"},
    "httpx2": {"mailconsent.client", "mailconsent.oauth"},
    "idna": {"mailconsent.address"},
    "imapclient": {"mailconsent.mailbox"},
    "itsdangerous": {"mailconsent.seal", "mailconsent.signature"},
    "psycopg": {"mailconsent.store"},
    "pydantic": {"mailconsent.wire"},
    "rich": {"mailconsent.cli", "mailconsent.demo"},
    "selectolax": {"mailconsent.own_words"},
    "sqlalchemy": {"mailconsent.store"},
    "structlog": {"mailconsent.logs"},
    "typing_extensions": {"mailconsent.wire"},
    "waitress": {"mailconsent.cli"},
    "werkzeug": {"web"},
}
PURE_FLOORS = 2
IMPURE_MODULES = frozenset(
    (
        *("asyncio", "multiprocessing", "threading", "time", "random", "secrets", "uuid"),
        *("fcntl", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile", "importlib.resources"),
        *("getpass", "importlib.metadata", "logging", "platform", "signal", "subprocess", "sys"),
        *("http", "imaplib", "select", "selectors", "smtplib", "socket", "ssl", "urllib.request"),
    )
)
#: Of anything but a module of ours: `datetime.now()`, `path.read_text()`.
IMPURE_CALLS = frozenset(("now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes"))
#: The only files that rules read: the phrases, sayings, marks of quotes and texts that are shipped inside the package.
READS_ITS_PACKAGE = {
    "mailconsent.acknowledgement.texts",
    "mailconsent.classify.sayings",
    "mailconsent.classify.unsubscribe.wording",
    "mailconsent.own_words.marks",
}
LONGEST = 300


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def floor(name: str) -> int | None:
    """The floor of a module; None for one that is not ours, or has no place in the plan."""
    fitting = [
        (len(room), number)
        for number, rooms in enumerate(FLOORS)
        for room in rooms
        # The bare package is a room of its own: it must not take in whatever has no place.
        if (name == room if room == "mailconsent" else within(name, room))
    ]
    return max(fitting)[1] if fitting else None


def modules() -> Iterator[tuple[str, Path]]:
    for path in (*ROOT.glob("mailconsent/**/*.py"), *ROOT.glob("web/**/*.py"), ROOT / "worker.py"):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


MODULES = dict(modules())


def imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports, wherever in it: `from a import b` may mean the module `a.b` or a name in `a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What is called, and of what: `("path", "read_text")`, `("", "open")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func.value), node.func.attr


def place_of(target: str) -> int | None:
    """The floor of what is imported: a module of ours, or a name in one."""
    package = target.rpartition(".")[0]
    # The bare package holds no names: what is imported from it is a module.
    return floor(target) if target in MODULES or package in ("", "mailconsent") else floor(package)


def faults(name: str, source: str) -> list[str]:
    """Where a module leaves the plan: a sentence each."""
    here = floor(name)
    if here is None:
        return [f"{name} has no floor"]
    tree = ast.parse(source)
    found = [fault for target in imports(tree) if (fault := misplaced(name, here, target))]
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        found.append(f"{name} has a relative import")
    if here < PURE_FLOORS:
        found += impurities(name, tree)
    if (lines := len(source.splitlines())) > LONGEST:
        found.append(f"{name} has {lines} lines: at {LONGEST} it splits")
    return found


def misplaced(name: str, here: int, target: str) -> str | None:
    """What is wrong with this import."""
    top = target.partition(".")[0]
    if top in ("mailconsent", "web", "worker"):
        there = place_of(target)
        if there is None:
            return f"{name} imports {target}, which has no floor"
        return f"{name} on floor {here} looks up to {target} on floor {there}" if there > here else None
    if top in PACKAGES:
        at_home = any(within(name, room) for room in PACKAGES[top])
        return None if at_home else f"{top} belongs in {', '.join(sorted(PACKAGES[top]))}, not in {name}"
    return None if top in sys.stdlib_module_names else f"{name} imports {top}, which has no room"


def impurities(name: str, tree: ast.Module) -> Iterator[str]:
    """Where a rule reads, writes, or looks at the clock."""
    allowed = {"importlib.resources", "read_text"} if name in READS_ITS_PACKAGE else set()
    ours = {target.rpartition(".")[2] for target in imports(tree) if within(target, "mailconsent")}
    for target in imports(tree):
        if any(within(target, module) for module in IMPURE_MODULES - allowed):
            yield f"{name} imports {target}: rules are pure"
    for receiver, call in calls(tree):
        if (receiver and receiver not in ours and call in IMPURE_CALLS - allowed) or (receiver, call) == ("", "open"):
            yield f"{name} calls {call}(): rules are pure"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_keeps_to_the_plan(name):
    assert faults(name, MODULES[name].read_text("utf-8")) == []


def test_every_room_of_the_plan_is_built_and_stands_on_one_floor():
    rooms = [room for rooms in FLOORS for room in rooms]

    assert len(rooms) == len(set(rooms))
    assert [room for room in rooms if not any(within(name, room) for name in MODULES)] == []


def test_every_package_in_the_plan_is_used_in_each_of_its_rooms_or_is_a_driver():
    used = {
        (target.partition(".")[0], room)
        for name, path in MODULES.items()
        for target in imports(ast.parse(path.read_text("utf-8")))
        for room in PACKAGES.get(target.partition(".")[0], ())
        if within(name, room)
    }

    unused = {package for package in PACKAGES if not any(package == name for name, _ in used)}
    assert unused <= {"psycopg"}, "SQLAlchemy loads its driver by name"


#: What a module must not say, where, and what is said of it. A test that cannot fail is no test.
PLANTED = [
    ("mailconsent.model", "import mailconsent.address", "looks up to mailconsent.address on floor 1"),
    ("mailconsent.decision", "from mailconsent.store import Store", "looks up to mailconsent.store.Store on floor 2"),
    ("mailconsent.decision", "from mailconsent import store", "looks up to mailconsent.store on floor 2"),
    ("mailconsent.store.ledger", "from mailconsent.services import Rules", "looks up to mailconsent.services.Rules"),
    ("mailconsent.services.inbox", "import web", "looks up to web on floor 4"),
    ("mailconsent.services.inbox", "import worker", "looks up to worker on floor 4"),
    (
        "mailconsent.services.inbox",
        "def f():\n    from mailconsent.cli import main",
        "looks up to mailconsent.cli.main",
    ),
    ("mailconsent.services.inbox", "if 1:\n    import web.public as a", "looks up to web.public on floor 4"),
    ("mailconsent.services.inbox", "from mailconsent import cellar", "imports mailconsent.cellar, which has no floor"),
    ("mailconsent.cellar", "", "mailconsent.cellar has no floor"),
    ("mailconsent.storehouse", "", "mailconsent.storehouse has no floor"),
    ("web.pages", "import sqlalchemy", "sqlalchemy belongs in mailconsent.store, not in web.pages"),
    ("web.pages", "from sqlalchemy.orm import Session", "sqlalchemy belongs in mailconsent.store, not in web.pages"),
    ("mailconsent.tokens", "import idna", "idna belongs in mailconsent.address, not in mailconsent.tokens"),
    ("mailconsent.clients", "import httpx2", "mailconsent.clients has no floor"),
    ("worker", "from imapclient import IMAPClient", "imapclient belongs in mailconsent.mailbox, not in worker"),
    ("mailconsent.services.inbox", "from flask import g", "flask belongs in web, not in mailconsent.services.inbox"),
    ("web.pages", "import requests", "web.pages imports requests, which has no room"),
    ("web.pages", "from requests import get", "web.pages imports requests, which has no room"),
    ("web.pages", "from . import errors", "web.pages has a relative import"),
    ("web.pages", "from .errors import problem", "web.pages has a relative import"),
    ("mailconsent.decision", "import time", "imports time: rules are pure"),
    ("mailconsent.decision", "from os import environ", "imports os.environ: rules are pure"),
    ("mailconsent.decision", "import os.path", "imports os.path: rules are pure"),
    ("mailconsent.model", "import random", "imports random: rules are pure"),
    ("mailconsent.tokens", "def f():\n    import secrets", "imports secrets: rules are pure"),
    ("mailconsent.classify.bounce", "import socket", "imports socket: rules are pure"),
    ("mailconsent.facts", "import subprocess", "imports subprocess: rules are pure"),
    ("mailconsent.facts", "import sqlite3", "imports sqlite3: rules are pure"),
    ("mailconsent.facts", "from urllib import request", "imports urllib.request: rules are pure"),
    ("mailconsent.facts", "from datetime import datetime\nx = datetime.now()", "calls now(): rules are pure"),
    ("mailconsent.facts", "import datetime as d\nx = d.datetime.utcnow()", "calls utcnow(): rules are pure"),
    ("mailconsent.facts", "from datetime import date\nx = date.today()", "calls today(): rules are pure"),
    ("mailconsent.policy", "x = open('policy.toml')", "calls open(): rules are pure"),
    ("mailconsent.policy", "from pathlib import Path", "imports pathlib.Path: rules are pure"),
    ("mailconsent.policy", "x = y.read_text()", "calls read_text(): rules are pure"),
    ("mailconsent.classify.bounce", "from importlib import resources", "imports importlib.resources: rules are pure"),
    ("mailconsent.classify.unsubscribe.wording", "import os", "imports os: rules are pure"),
    ("mailconsent.classify.unsubscribe.wording", "x = y.write_text()", "calls write_text(): rules are pure"),
    ("web.pages", "x = 1\n" * 301, "web.pages has 301 lines: at 300 it splits"),
]


@pytest.mark.parametrize(("name", "source", "said"), PLANTED, ids=lambda value: value[:50])
def test_a_planted_fault_is_found_and_said_plainly(name, source, said):
    found = faults(name, source)

    assert len(found) == 1
    assert said in found[0]


#: What the plan allows, and a checker could take for a fault.
ALLOWED = [
    ("mailconsent.store.ledger", "from mailconsent.store import Transaction"),
    ("mailconsent.store.migrations.versions.0001_the_first_schema", "from alembic import op\nimport sqlalchemy as sa"),
    ("mailconsent.services.inbox", "from mailconsent.model import ALL_TOPICS\nimport mailconsent.errors"),
    ("mailconsent.decision", "from mailconsent.model import time"),
    ("mailconsent.policy", "from datetime import datetime, UTC\nimport tomllib"),
    ("mailconsent.policy", "x = now\ny = door.open()"),
    ("mailconsent.message", "from mailconsent import mime\nx = mime.read_text(b'')"),
    ("mailconsent.classify.sayings", "from importlib import resources\nx = resources.files('a').read_text()"),
    ("mailconsent.keyring", "import os, time\nx = open('digest.keys')"),
    ("mailconsent.cli.ask", "import click\nfrom mailconsent.services import senders"),
    ("worker", "from web import create_app"),
    ("web.pages", "x = 1\n" * 300),
]


@pytest.mark.parametrize(("name", "source"), ALLOWED, ids=lambda value: value[:50])
def test_what_the_plan_allows_is_no_fault(name, source):
    assert faults(name, source) == []
