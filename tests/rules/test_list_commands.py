"""Commands to list software: `vectors/list_commands.toml` says why each is one."""

import tomllib
from pathlib import Path

import pytest

from mailconsent.classify import classify
from mailconsent.message import parse_message
from mailconsent.model import Label
from tests.said import no_token

VECTORS = Path(__file__).parents[1] / "vectors" / "list_commands.toml"


@pytest.mark.parametrize(
    "vector", tomllib.loads(VECTORS.read_text("utf-8"))["vector"], ids=lambda vector: vector["why"]
)
def test_a_command_is_known_by_where_it_went_and_by_what_stands_in_its_line(vector):
    mail = vector["mail"] if "\n\n" in vector["mail"] else f"{vector['mail']}\n\n"

    found = classify(parse_message(f"From: anna@example.com\n{mail}".encode()), no_token)

    assert (found.label is Label.UNSUBSCRIBE) is vector["asks"], found
