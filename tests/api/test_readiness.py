"""Ready says whether requests should be sent here; healthy says that the process answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from litestar.testing import TestClient

from api.app import create_app
from api.status import LEADERLESS, MIGRATING, STOPPING
from tests.api.conftest import LEDGER, House, running, until


@pytest.fixture
def client(house: House) -> Iterator[TestClient[Any]]:
    """A server of its own over the house's ledger."""
    app = create_app(
        house.database.open,
        house.credentials,
        runner_of=running,
        ready=[LEDGER],
        migrating=house.database.migrating,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def not_ready(client: TestClient[Any]) -> list[str]:
    """Why a server that lives is not ready; nothing if it is."""
    assert client.get("/health").json() == {"status": "ok"}
    answer = client.get("/ready")
    if answer.status_code == 200:
        assert answer.json() == {"status": "ok"}
        return []
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["type"] == "/problems/not-ready"
    reasons: list[str] = answer.json()["context"]["reasons"]
    assert reasons
    return reasons


def becomes_ready(client: TestClient[Any]) -> None:
    """Whoever starts runs the projections a moment later."""
    until(lambda: not not_ready(client))


@pytest.mark.parametrize("schema", ["filrouge", f"ledger_{LEDGER}", f"vault_{LEDGER}"])
def test_not_while_migrations_run(client: TestClient[Any], own_database: str, schema: str) -> None:
    """Whichever process migrates a schema that is served, and for no longer than it does."""
    becomes_ready(client)
    with psycopg.connect(own_database) as connection:
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"filrouge migrate {schema}"]
        )
        assert not_ready(client) == [MIGRATING]
    becomes_ready(client)


def test_not_once_it_is_told_to_stop(client: TestClient[Any]) -> None:
    """From that moment on, while it still answers what it has."""
    becomes_ready(client)
    asyncio.run(client.app.state.stopping.begin(0))
    assert not_ready(client) == [STOPPING]


def test_not_while_nobody_leads(installation: Any, opening: Any) -> None:
    """It does not matter which process runs the projections, but one has to."""
    installation.create("led", opening).close()
    app = create_app(installation.open, None, ready=["led"])  # type: ignore[arg-type] # no key is looked up
    with TestClient(app) as client:
        assert not_ready(client) == [LEADERLESS]
        elsewhere = installation.open("led")
        with running(elsewhere):
            becomes_ready(client)
        assert not_ready(client) == [LEADERLESS]
        elsewhere.close()
