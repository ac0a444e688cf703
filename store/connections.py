"""Connections to PostgreSQL: bounded, named, and given up when the other end falls silent."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from store.metrics import watch

POOL_MAX: Final = 8
"""Connections of one process to one PostgreSQL that its pools share: see :func:`shares_of`."""
CONNECT_SECONDS_MAX: Final = 10
WAIT_SECONDS_MAX: Final = 10
"""How long somebody waits for a connection of a pool, when all are in use or PostgreSQL is away."""
RECONNECT_SECONDS_MAX: Final = 2
"""How long a pool tries again, ever less often; then whoever comes next begins anew."""
SILENT_SECONDS_MAX: Final = 60
"""How long a transaction may be open of which nothing is heard; then PostgreSQL ends it."""
KEEPALIVE: Final = MappingProxyType(
    {
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 11_000,
    }
)
"""A host that goes silent is noticed within eleven seconds, at both ends; the address may say else.
"""


class Shares(NamedTuple):
    """How many connections each pool of a process has."""

    keys: int
    vault: int
    readers: int
    """Of each ledger; as many again on a replica."""


def shares_of(pool_max: int, ledgers: int) -> Shares:
    """Share the connections of a process among its pools; a ledger gets two readers at least."""
    keys, vault = max(1, pool_max // 8), max(1, pool_max // 4)
    return Shares(keys, vault, max(2, (pool_max - keys - vault) // max(1, ledgers)))


def connect_to(
    url: str, schema: str, purpose: str = "worker", *, role: str | None = None
) -> psycopg.Connection:
    """Make a connection that sees one ledger only; another process can be told how to.

    PostgreSQL shows it under what it is for: ``filrouge <purpose> <ledger>``. The schema's role is
    named as the schema is, unless another one is given.
    """
    connection = connected(url, f"{purpose} {schema.removeprefix('ledger_')}")
    try:
        enter(connection, schema=schema, role=role)
    except BaseException:
        connection.close()
        raise
    return connection


def connected(url: str, name: str) -> psycopg.Connection:
    """Make a connection under a name, which PostgreSQL shows."""
    return psycopg.connect(url, autocommit=True, **_said(url, name))


def _said(url: str, name: str) -> dict[str, Any]:
    """What a connection says beside its address, which comes first."""
    waits = {"connect_timeout": CONNECT_SECONDS_MAX, **KEEPALIVE}
    return {**waits, **conninfo_to_dict(url), "application_name": f"filrouge {name}"}


def enter(connection: psycopg.Connection, *, schema: str, role: str | None = None) -> None:
    """See one ledger only, with the rights of its role; and be given up when nothing is heard."""
    connection.execute(
        sql.SQL(
            "SET ROLE {0}; SET search_path TO {1}; SET tcp_keepalives_idle = {2};"
            " SET tcp_keepalives_interval = {3}; SET tcp_keepalives_count = {4};"
            " SET tcp_user_timeout = {5}; SET idle_in_transaction_session_timeout = {6}"
        ).format(
            sql.Identifier(role or schema),
            sql.Identifier(schema),
            *KEEPALIVE.values(),
            SILENT_SECONDS_MAX * 1000,
        )
    )


def pool_of(
    url: str, pool_max: int, name: str, configure: Any = None, *, autocommit: bool = True
) -> ConnectionPool:
    """Make a pool of connections under a name; each is configured when it is new."""
    pool = ConnectionPool(
        url,
        min_size=1,
        max_size=pool_max,
        kwargs={"autocommit": autocommit, **_said(url, name)},
        configure=configure,
        check=ConnectionPool.check_connection,
        timeout=WAIT_SECONDS_MAX,
        reconnect_timeout=RECONNECT_SECONDS_MAX,
        open=True,
    )
    watch(pool)
    return pool
