"""What every test may ask for: a real PostgreSQL, an empty database, a clean environment."""

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import hypothesis
import psutil
import psycopg
import pytest
import structlog

from domain.ledger import OpenLedger
from store.database import Database
from store.embedded import DEFAULT_VERSION, EmbeddedPostgres
from store.embedded_cluster import SETTINGS
from store.keys import EpochKeys
from store.ledger import Ledger

FOLDER_VARIABLE = "FILROUGE_TEST_FOLDER"
POSTGRES_VERSION = int(os.environ.get("FILROUGE_TEST_POSTGRES_VERSION", DEFAULT_VERSION))

# The tests kill servers, never machines, so that nothing that they check depends on fsync, nor on
# whole pages in the write-ahead log.
TEST_SETTINGS = {
    **SETTINGS,
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "1GB",
    "shared_buffers": "128MB",
}

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder in it where nobody else writes
MEMORY_FREE_BYTES_MIN = 8 << 30
"""A disk takes 0.3 seconds for the hundreds of files of each test's database, and memory 0.01.

All tests together have about a gigabyte at a time. A run that was killed leaves its folder there.
"""
COLLECT_AFTER = 50_000
"""Objects that are made before cycles are looked for: there are few among a test's."""

# How long an example takes depends on the machine, and is no finding.
hypothesis.settings.register_profile("filrouge", deadline=None, print_blob=True)
hypothesis.settings.load_profile("filrouge")


def pytest_configure(config: pytest.Config) -> None:
    """One folder for the whole run; the workers that pytest starts inherit its name."""
    gc.set_threshold(COLLECT_AFTER)
    # The hundreds of processes that tests start find what the first of them compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not hasattr(config, "workerinput"):
        # Not under pytest's own folder, which pytest closes again to the account of the server.
        folder = MEMORY_FOLDER if _has_room(MEMORY_FOLDER) else None
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="filrouge-test-", dir=folder)


def _has_room(folder: Path) -> bool:
    """Whether the servers' files may lie in this folder, which is in memory."""
    available = psutil.virtual_memory().available
    return (
        os.access(folder, os.W_OK | os.X_OK)
        and min(shutil.disk_usage(folder).free, available) >= MEMORY_FREE_BYTES_MIN
    )


def pytest_collection() -> None:
    """Do not look for cycles among what is being collected: all of it stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Do not look through what is there before any test again and again."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the folder away, and a server with it that a killed worker may have left."""
    if hasattr(config, "workerinput") or FOLDER_VARIABLE not in os.environ:
        return
    folder = Path(os.environ.pop(FOLDER_VARIABLE))
    for note in folder.glob("*/postgres/postmaster.pid"):
        version = int((note.parent / "PG_VERSION").read_text())
        EmbeddedPostgres.start(note.parents[1], version).stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set does not reach the tests."""
    for name in list(os.environ):
        if name.startswith("FILROUGE_") and not name.startswith("FILROUGE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_they_come() -> None:
    """How one test configures the logs is no matter of the next one."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL that the whole run shares, whatever the number of workers."""
    if given := os.environ.get("FILROUGE_TEST_DATABASE_URL"):
        yield given
        return
    data_dir = Path(os.environ[FOLDER_VARIABLE]) / "shared"
    with EmbeddedPostgres.start(data_dir, POSTGRES_VERSION, settings=TEST_SETTINGS) as server:
        yield server.url


EPOCH_KEY = bytes(range(32))
OPENING = OpenLedger(
    ledger_id="l_test", name="Maison Test", time_zone="Europe/Paris", currency="EUR"
)


@contextmanager
def _new_database(server_url: str, template: str) -> Iterator[str]:
    """The address of a database made from another one; it is dropped afterwards."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def template(postgres_url: str) -> Iterator[str]:
    """The name of a database that holds an open ledger: copying it is quicker than making one."""
    with _new_database(postgres_url, "template0") as url:
        made = Database(url, keys=EpochKeys.from_bytes(EPOCH_KEY), pool_max=2)
        made.create("test", OPENING).close()
        made.close()
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[str]:
    """The address of a fresh database: with the ledger if the test asks for it, else empty."""
    asked = "ledger" in request.fixturenames
    template = request.getfixturevalue("template") if asked else "template0"
    with _new_database(postgres_url, template) as url:
        yield url


@pytest.fixture
def installation(database: str) -> Iterator[Database]:
    """An installation without ledgers, unless the test asks for the ledger too."""
    made = Database(database, keys=EpochKeys.from_bytes(EPOCH_KEY), pool_max=4)
    yield made
    made.close()


@pytest.fixture
def opening() -> OpenLedger:
    """What opens the ledger that most tests use."""
    return OPENING


@pytest.fixture
def ledger(installation: Database) -> Iterator[Ledger]:
    """An open ledger that holds nothing but its opening."""
    made = installation.open("test")
    yield made
    made.close()


@cache
def _made_once(settings: frozenset[tuple[str, str]]) -> Path:
    """A cluster that no server runs on."""
    made = Path(os.environ[FOLDER_VARIABLE]) / f"made-{uuid4().hex[:8]}"
    EmbeddedPostgres.start(made, settings=dict(settings)).stop()
    return made / "postgres"


def lay_cluster(data_dir: Path, settings: Mapping[str, str] = SETTINGS) -> None:
    """Put a new cluster into a data folder: a copy, in a tenth of the time of making it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = _made_once(frozenset(settings.items()))
    subprocess.run(["cp", "-a", made, data_dir], check=True)


@pytest.fixture
def made_dir(data_dir: Path) -> Path:
    """A data folder with a cluster that has been used before."""
    lay_cluster(data_dir)
    return data_dir


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that is not there yet, in a place where an embedded server may run."""
    folder = Path(os.environ[FOLDER_VARIABLE]) / uuid4().hex[:8]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
