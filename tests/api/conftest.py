"""An application over a real ledger, and keys to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient

import projections
from api.app import create_app
from api.limits import Limits
from domain.ledger import OpenLedger
from projections.runner import Runner
from store.credentials import Credentials
from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger

LEDGER = "brand"
START_SECONDS_MAX = 30
WAIT_SECONDS = 60.0
FUZZED_WAIT_SECONDS = 4.0
"""Who is asked for positions that are yet to come is not to wait for long."""
SECONDS_MAX = 60.0
EVERY_SCOPE = ("observe", "command", "read", "personal", "audit", "admin")


class House(NamedTuple):
    """A database with one ledger, and the application that serves it."""

    database: Database
    credentials: Credentials
    app: Litestar
    client: TestClient[Litestar]

    def key(self, *scopes: str, ledgers: tuple[str, ...] = (LEDGER,)) -> dict[str, str]:
        """The header that carries a new key."""
        _, secret = self.credentials.create("test", ledgers=ledgers, scopes=scopes or EVERY_SCOPE)
        return {"Authorization": f"Bearer {secret}"}


def running(ledger: Ledger) -> Runner:
    """Keep every projection up to date."""
    return Runner(ledger, projections.ALL).start()


def purchase(id_: str, net: int = 500) -> dict[str, Any]:
    """A purchase that somebody reports."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/till",
        "type": "purchase.recorded.v1",
        "time": "2026-01-01T00:00:00Z",
        "data": {"purchase_id": id_, "currency": "EUR", "net": net},
    }


@pytest.fixture(scope="module")
def own_database(postgres_url: str) -> Iterator[str]:
    """A database for the tests of a file."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def house(own_database: str) -> Iterator[House]:
    """One ledger and one application for the tests of a file."""
    database = Database(own_database, keys=EpochKeys.from_bytes(b"k" * 32))
    database.prepare()
    opening = OpenLedger(ledger_id="l_1", name="Brand", time_zone="Europe/Paris", currency="EUR")
    database.create(LEDGER, opening).close()
    credentials = Credentials(database.pool.connection)
    app = create_app(
        database.open, credentials, runner_of=running, limits=Limits(wait_seconds=WAIT_SECONDS)
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield House(database, credentials, app, client)
    database.close()


@pytest.fixture(scope="module")
def server(house: House) -> Iterator[str]:
    """The address of a real server over the same ledger."""
    app = create_app(
        house.database.open,
        house.credentials,
        runner_of=running,
        limits=Limits(wait_seconds=FUZZED_WAIT_SECONDS),
        ready=[LEDGER],
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        until = monotonic() + START_SECONDS_MAX
        while not server.started:
            assert thread.is_alive()
            assert monotonic() < until
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Caller:
    """Sends requests with one key to one ledger."""

    def __init__(self, house: House, *scopes: str) -> None:
        self.client = house.client
        self.headers = house.key(*scopes)

    def get(self, path: str, **params: Any) -> Any:
        """Read."""
        headers = self.headers | params.pop("headers", {})
        return self.client.get(f"/v1/{LEDGER}{path}", params=params or None, headers=headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Any:
        """Write."""
        headers = self.headers | options.pop("headers", {})
        if key is not None:
            headers["Idempotency-Key"] = key
        if "content" not in options:
            options["json"] = {} if body is None else body
        return self.client.post(f"/v1/{LEDGER}{path}", headers=headers, **options)


@pytest.fixture(scope="module")
def caller(house: House) -> Caller:
    """Somebody with every scope."""
    return Caller(house)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = monotonic() + SECONDS_MAX
    while not holds():
        assert monotonic() < deadline
        threading.Event().wait(0.005)
