"""A host that falls silent with the head locked: whoever waits for its turn ends that session.

Whether it says nothing, or does not read what it has asked for. PostgreSQL has no timeout for this.
Its own counts whether anybody waits or not, so it has to be longer than the longest decision; until
then a host that is gone would hold the head.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
import structlog

LOOK_SECONDS: Final = 2
"""How often whoever waits for its turn looks whether the one before it is still there."""
SILENT_SECONDS_MAX: Final = 5
"""How long whoever has the head locked may keep PostgreSQL waiting while others wait for it."""
UNREAD_SECONDS_MAX: Final = 15
"""How long, then, it may take to read what it has asked for."""
LOCK_SECONDS_MAX: Final = 60
"""How long a batch waits for its turn; then its callers are told that it was not taken."""

END_SILENT_SQL: Final = """
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.state <> 'idle'
  AND (a.wait_event = 'ClientRead'
       AND a.state_change < clock_timestamp() - make_interval(secs => %s)
    OR a.wait_event = 'ClientWrite'
       AND a.state_change < clock_timestamp() - make_interval(secs => %s))
  AND a.pid IN (
    SELECT l.pid FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'head'::regclass AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.mode IN ('RowShareLock', 'RowExclusiveLock'))
"""
log = structlog.get_logger()
T = TypeVar("T")


def in_turn(locked: Callable[[], T], connect: Callable[[], psycopg.Connection]) -> T:
    """What ``locked`` gives once the head is free; it raises LockNotAvailable while it is not."""
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    while True:
        try:
            return locked()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise
            if ended := end_silent(connect):
                log.warning("head.taken_over", sessions=ended)


def end_silent(connect: Callable[[], psycopg.Connection]) -> int:
    """End the sessions that have the head locked and are silent; returns how many there were."""
    with connect() as connection:
        # A ledger's role may neither see nor end the sessions of others; who logged in may.
        connection.execute("RESET ROLE")
        allowed = [SILENT_SECONDS_MAX, UNREAD_SECONDS_MAX]
        return len(connection.execute(END_SILENT_SQL, allowed).fetchall())
