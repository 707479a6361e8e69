"""The servers that tests ask for by name. Each process of pytest-xdist starts its own, when first asked."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from mailconsent.services import Rules
from mailconsent.services.installation import Installation
from mailconsent.store import Store
from tests.doors.serving import Sender
from tests.houses import House, build, clear
from tests.real.chromium import chromium
from tests.real.dovecot import Dovecot
from tests.real.postgres import Postgres
from tests.real.relay import Relay
from tests.served import Served, serving

_MEMORY = Path("/dev/shm")

# A deadline is a timed assertion: the first example of a test may be the one that loads the words of 38 languages.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """
    Put the files of tests into memory where there is room for them.

    SQLite waits for the disk at every commit, as it must. Tests kill processes, and none cuts the power.
    """
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2**30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


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
    """An empty database: every test that uses it runs once on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailconsent.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def lasting_house(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> House:
    """One on PostgreSQL, to be used again and again: making a database takes longer than most tests."""
    return build(tmp_path_factory.mktemp("house"), postgres_server.create_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """A house with nobody in it yet: every test that uses it runs once on each of the two databases."""
    if request.param == "sqlite":
        return build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db")
    used: House = request.getfixturevalue("lasting_house")
    clear(used)
    return used


@pytest.fixture
def installation(house: House) -> Iterator[Installation]:
    with house.opened() as opened:
        yield opened


@pytest.fixture
def store(installation: Installation) -> Store:
    return installation.store


@pytest.fixture
def rules(installation: Installation) -> Rules:
    return installation.rules


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """
    The web application as a process: every test that uses it runs once on each database.

    It is shared, since starting takes a second: tests bring recipients of their own and leave it as they found it.
    """
    folder = tmp_path_factory.mktemp("served")
    if request.param == "sqlite":
        url = f"sqlite:///{folder}/mailconsent.db"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    with serving(build(folder, url)) as web:
        yield web


@pytest.fixture
def sender(installation: Installation) -> Sender:
    """A newsletter system with a key that may do everything."""
    return Sender(installation)


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As `served`, on SQLite alone: for tests of what does not depend on the database."""
    folder = tmp_path_factory.mktemp("web")
    with serving(build(folder, f"sqlite:///{folder}/mailconsent.db")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Every test takes contexts of its own: they share nothing."""
    with chromium() as running:
        yield running
