"""A vault of its own for every test that asks, on real PostgreSQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import psycopg
import pytest

from store.keys import EpochKeys
from store.migrate import migrate, migrations_in
from store.vault import Vault

SCHEMA = "vault_brand"
LEDGER = "led_brand"


@pytest.fixture
def epoch_keys() -> EpochKeys:
    """An epoch key that nobody else has."""
    return EpochKeys.from_bytes(bytes(range(32)))


@pytest.fixture
def connect(database: str) -> Callable[[], AbstractContextManager[psycopg.Connection]]:
    """A way to connect to a database with the schemas of the vault and of the installation."""
    with psycopg.connect(database, autocommit=True) as connection:
        migrate(connection, SCHEMA, migrations_in("vault"))
        migrate(connection, "filrouge", migrations_in("instance"))
    return partial(psycopg.connect, database)


@pytest.fixture
def make_vault(
    connect: Callable[[], AbstractContextManager[psycopg.Connection]], epoch_keys: EpochKeys
) -> Callable[..., Vault]:
    """Open the vault, as often as a test wants: each has a memory of its own, as processes have."""

    def make(ledger_id: str = LEDGER, keys: EpochKeys = epoch_keys, schema: str = SCHEMA) -> Vault:
        return Vault(connect, schema=schema, ledger_id=ledger_id, keys=keys)

    return make


@pytest.fixture
def vault(make_vault: Callable[..., Vault]) -> Vault:
    """The vault of one ledger."""
    return make_vault()
