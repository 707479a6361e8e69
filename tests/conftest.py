"""The servers that tests ask for by name. Each process of pytest-xdist starts its own, when first asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.dovecot import Dovecot
from tests.real.postgres import Postgres
from tests.real.relay import Relay


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A database of the test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    server = Dovecot()
    yield server
    server.stop()


@pytest.fixture
def relay(dovecot: Dovecot) -> Iterator[Relay]:
    """A faulty network in front of Dovecot's plain port."""
    network = Relay(dovecot.port)
    yield network
    network.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailconsent.db"
    return str(request.getfixturevalue("postgres_url"))
