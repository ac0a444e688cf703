"""Where it is measured: a PostgreSQL of our own with fresh ledgers, and the stores of others."""

from __future__ import annotations

import base64
import importlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psycopg
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.postgres import PostgresDatastore

from benchmarks.harness import Bench
from filrouge.settings import Settings
from filrouge.wiring import closing_ledger, make_ledger, opened_database
from store.database import Database
from store.ledger import Ledger

LEDGER: Final = "bench"
LIBRARY: Final = "eventsourcing PostgresDCBRecorderTT"
LIBRARY_THREADS: Final = 64
"""The most callers of the library's recorder, each with a connection of its own."""
UMADB: Final = "UmaDB"
UMADB_ABSENT: Final = "UmaDB is not installed: make bench installs it (requirements-bench.lock)"
UMADB_START_SECONDS_MAX: Final = 20
SHOWN: Final = (
    "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size",
    "wal_compression", "checkpoint_timeout", "server_version",
)  # fmt: skip
DURABLE: Final = ("fsync", "synchronous_commit")


class NotDurable(Exception):
    """The server does not write to disk before it answers: nothing is measured like this."""


@contextmanager
def fresh_database(bench: Bench) -> Iterator[str]:
    """The address of an empty database; it is dropped at the end."""
    url = bench.postgres_url
    name = f"bench_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def settings_for(url: str, folder: Path) -> Settings:
    """The settings of an installation on a database."""
    key = base64.b64encode(bytes(range(32))).decode()
    return Settings(database_url=url, data_dir=folder, epoch_key=key, ledger=LEDGER)


def variables(settings: Settings, ledger: str = LEDGER) -> dict[str, str]:
    """The settings as another process is told them."""
    return {
        "FILROUGE_DATABASE_URL": settings.database_url or "",
        "FILROUGE_DATA_DIR": str(settings.data_dir),
        "FILROUGE_EPOCH_KEY": settings.epoch_key or "",
        "FILROUGE_LEDGER": ledger,
        "FILROUGE_LOG_LEVEL": "error",
    }


@contextmanager
def fresh_installation(bench: Bench) -> Iterator[tuple[Settings, Database]]:
    """An installation without ledgers, and what another process needs to open it."""
    with fresh_database(bench) as url:
        settings = settings_for(url, bench.folder / "installation")
        with opened_database(settings) as database:
            yield settings, database


@contextmanager
def fresh_ledger(bench: Bench) -> Iterator[Ledger]:
    """A ledger that holds nothing but its opening."""
    with fresh_installation(bench) as (_, database), new_ledger(database) as ledger:
        yield ledger


@contextmanager
def new_ledger(database: Database, name: str = LEDGER) -> Iterator[Ledger]:
    """A new ledger of an installation."""
    made = make_ledger(
        database, name, title="Maison Mesure", time_zone="Europe/Paris", currency="EUR"
    )
    with closing_ledger(made) as ledger:
        yield ledger


@contextmanager
def library_recorder(
    bench: Bench, *, pool: int = LIBRARY_THREADS
) -> Iterator[PostgresDCBRecorderTT]:
    """The library's own recorder, on the same server, with a connection for each caller."""
    with fresh_database(bench) as url, library_datastore(url, pool=pool) as datastore:
        recorder = PostgresDCBRecorderTT(datastore)
        recorder.create_table()
        yield recorder


@contextmanager
def library_datastore(url: str, *, pool: int) -> Iterator[PostgresDatastore]:
    """The library's own connections to a database."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    datastore = PostgresDatastore(
        dbname=parts.path.lstrip("/"), host=query["host"][0], port=query["port"][0],
        user=parts.username or "", password="", pool_size=pool, connect_timeout=30,
    )  # fmt: skip
    try:
        yield datastore
    finally:
        datastore.close()


def umadb_module() -> ModuleType | None:
    """UmaDB's client, if it is installed."""
    return None if find_spec("umadb") is None else importlib.import_module("umadb")


@contextmanager
def umadb_client(bench: Bench) -> Iterator[Any]:
    """A client of UmaDB's own server, which runs on loopback with its data beside ours.

    All callers share it: with one for each caller it answers fewer of them.
    """
    folder = bench.folder / f"umadb-{uuid4().hex[:8]}"
    folder.mkdir()
    port = _free_port()
    program = Path(sys.executable).with_name("umadb")
    server = subprocess.Popen(
        [program, "--listen", f"127.0.0.1:{port}", "--db-path", folder / "uma.db"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _connected(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def _connected(url: str, server: subprocess.Popen[bytes]) -> Any:
    module = umadb_module()
    assert module is not None
    deadline = time.monotonic() + UMADB_START_SECONDS_MAX
    while True:
        assert server.poll() is None, "UmaDB's server has ended"
        try:
            client = module.Client(url)
            client.head()
        except module.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return client


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def server_settings(url: str) -> dict[str, str]:
    """What the server says of the settings that matter. Raises NotDurable."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)",
            [list(SHOWN)],
        ).fetchall()
    said: dict[str, str] = dict(rows)
    if any(said[name] != "on" for name in DURABLE):
        raise NotDurable(f"{said}")
    return {name: said[name] for name in SHOWN}
