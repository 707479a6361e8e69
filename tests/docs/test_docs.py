"""The documentation names only what is there, and names all of it."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mailconsent.cli import with_commands
from mailconsent.model import Label, Reason
from mailconsent.settings import NAMES, PREFIX
from mailconsent.store.access import Scope
from web.openapi import TEXTS
from web.v1 import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")],
    key=lambda path: path.relative_to(ROOT).parts,
)
FILES = [*PAGES, ROOT / "Dockerfile", ROOT / "docker-compose.yml", ROOT / ".dockerignore"]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A command line of ours: at the beginning of a line, behind a folder, or behind what runs it in a container.
COMMAND = re.compile(r"(?:^|[/(]|exec \w+ )mailconsent((?: [^\s#;&)|][^\s#;&)]*)+)", re.MULTILINE)
LOGGING = {"logs.info", "logs.warning", "logs.failure", "say", "tell"}
LEVELS = {"info", "warning", "error"}
TARGET = re.compile(r"(?:^|\s)make ([a-z]+)\b")
#: Where packages and images come from is the operator's business, and the paths of one machine are nobody's.
FORBIDDEN = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs|crates\.io|rubygems|proxy\.golang|docker\.io|ghcr\.io|quay\.io|gcr\.io"
    r"|(?<![\w.])/(?:work|root|home|mnt|tmp/pytest)/",
    re.IGNORECASE,
)


def code(page: Path) -> Iterator[str]:
    """The blocks that a shell would run, and the spans of a page."""
    text = page.read_text("utf-8")
    for language, block in BLOCK.findall(text):
        if language == "sh":
            yield block.replace("\\\n", " ")
    yield from SPAN.findall(BLOCK.sub("", text))


def commands(page: Path) -> Iterator[list[str]]:
    for piece in code(page):
        for words in COMMAND.findall(piece.replace("\\|", "|")):
            yield shlex.split(words)


def fault(words: list[str]) -> str | None:
    """What is wrong with `mailconsent <words>`, as far as names go."""
    command: click.Command = with_commands()
    for place, word in enumerate(words):
        if isinstance(command, click.Group) and word not in command.commands and hasattr(command, "default"):
            command = command.commands[command.default]
        if isinstance(command, click.Group) and not word.startswith("-"):
            # `key create|list|revoke` stands for three commands.
            names = word.split("|")
            if missing := [name for name in names if name not in command.commands]:
                return f"no command {missing} in {' '.join(['mailconsent', *words[:place]])}"
            command = command.commands[names[0]]
        elif word.startswith("--"):
            known = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
            if word.partition("=")[0] not in known:
                return f"no option {word} in {' '.join(['mailconsent', *words[:place]])}"
    return None


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from leaves(below, (*path, name))
    else:
        yield path


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: str, column: int = 1) -> set[str]:
    """The code spans in a column of the tables of a page."""
    rows = [line.split("|") for line in (ROOT / page).read_text("utf-8").splitlines() if line.startswith("|")]
    return {span for row in rows if len(row) > column for span in SPAN.findall(row[column])}


def test_there_is_something_to_test() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "concepts.md", "operations.md", "api.md", "CONTRIBUTING.md"}
    assert len([words for page in PAGES for words in commands(page)]) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_of_ours_exists(page: Path) -> None:
    assert [found for words in commands(page) if (found := fault(words))] == []


@pytest.mark.parametrize(
    "words",
    [["sreve"], ["serve", "--prot", "1"], ["key", "make"], ["key", "create|burn"], ["rotate", "digests"]],
    ids=" ".join,
)
def test_a_command_that_does_not_exist_would_be_found(words: list[str]) -> None:
    assert fault(words)


def test_every_command_of_ours_is_documented() -> None:
    told = {tuple(word for word in words if not word.startswith("-")) for page in PAGES for words in commands(page)}
    told |= {(*words[:-1], name) for words in told for name in words[-1].split("|")}
    missing = [path for path in leaves(with_commands()) if not any(words[: len(path)] == path for words in told)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {name for piece in code(page) for name in TARGET.findall(piece)} <= targets


def test_every_setting_has_its_row_and_every_row_its_setting() -> None:
    assert {name for name in table("docs/operations.md") if re.fullmatch(rf"{PREFIX}\w+", name)} == {
        PREFIX + name for name in NAMES
    }


def logged() -> Iterator[str]:
    """The events that are logged: what `mailconsent.logs` is called with, also under another name."""
    for file in (*ROOT.glob("mailconsent/**/*.py"), *ROOT.glob("web/**/*.py"), ROOT / "worker.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in LOGGING:
                yield from (str(word.value) for word in call.args if isinstance(word, ast.Constant))


def test_every_line_of_the_log_is_explained() -> None:
    section = (ROOT / "docs/operations.md").read_text("utf-8").partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert {name for row in rows for name in SPAN.findall(row)} - {"event"} == {*logged()} - LEVELS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    named = re.findall(rf"{PREFIX}([A-Z_]*[A-Z])(?![A-Z*])", file.read_text("utf-8"))
    assert {name.removesuffix("_FILE") for name in named} <= set(NAMES)


def test_every_reason_is_explained() -> None:
    assert set(Reason) <= table("docs/concepts.md")


def test_every_label_of_the_inbox_is_explained() -> None:
    assert set(Label) <= table("docs/concepts.md", column=2)


def test_every_call_scope_and_status_of_the_api_is_explained() -> None:
    text = (ROOT / "docs/api.md").read_text("utf-8")
    assert {f"/v1{operation.path}" for operation in OPERATIONS} <= table("docs/api.md")
    assert set(Scope) <= table("docs/api.md", column=2)
    assert [status for status in TEXTS if not re.search(rf"^\|[^|]*\b{status}\b", text, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_decision_record_is_listed_and_of_the_same_form() -> None:
    records = sorted((ROOT / "docs/decisions").glob("0*.md"))
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text("utf-8")
        title = text.partition("\n")[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in index
        assert [part for part in ("**Context.**", "**Decision.**", "**Consequences.**") if part not in text] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_registry_and_no_path_of_one_machine_is_named(file: Path) -> None:
    assert FORBIDDEN.findall(file.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["see https://" + "py" + "pi.org/p/x", "cd /home/anna/x", "FROM ghcr.io/x/y"])
def test_such_a_name_would_be_found(text: str) -> None:
    assert FORBIDDEN.search(text)
