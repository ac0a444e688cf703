"""What a batch asks of PostgreSQL and has it write, prepared once for each writer's connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

from store.boundary import BOUNDARY
from store.conditions import CONDITIONS
from store.round_trip import Pipeline, prepare
from store.rows import WRITE
from store.silence import LOOK_SECONDS

DECIDING_SECONDS_MAX: Final = 300
"""How long a batch may be silent with the head locked; whoever stands still is cut off."""

LOCK_SQL: Final = """
WITH locked AS MATERIALIZED (SELECT position, epoch, recorded_at FROM head FOR UPDATE)
SELECT position, epoch, greatest(clock_timestamp(), recorded_at) FROM locked
"""
ORIGINS_SQL: Final = """
SELECT o.key, o.position, e.entry FROM unnest($1) AS k(key)
JOIN origins o ON o.key = k.key JOIN entries e ON e.position = o.position
"""
VOIDS_SQL: Final = """
SELECT position, entry FROM entries WHERE type = ANY($1) AND position > $2 ORDER BY position
"""
STATEMENTS: Final = {
    "lock": LOCK_SQL,
    "origins_of(uuid[])": ORIGINS_SQL,
    "voids(smallint[], bigint)": VOIDS_SQL,
    **BOUNDARY,
    **CONDITIONS,
    **WRITE,
}
PLANNING: Final = """
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET enable_material = off; SET enable_memoize = off; SET jit = off;
SET plan_cache_mode = force_generic_plan
"""
"""Probes are few rows by index; a plan that was made for more, or for an empty log, scans."""


def writing(connect: Callable[[], psycopg.Connection]) -> Pipeline:
    """Connect, with the limits that whoever locks the head is held to."""
    connection = connect()
    try:
        connection.execute(
            f"{PLANNING}; SET lock_timeout = '{LOOK_SECONDS}s';"
            f" SET idle_in_transaction_session_timeout = '{DECIDING_SECONDS_MAX}s'"
        )
        prepare(connection, STATEMENTS)
    except BaseException:
        connection.close()
        raise
    return Pipeline(connection)
