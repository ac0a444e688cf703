"""Where each projection stands, and waiting for one to have come as far as a position."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from projections.fold import Projection
from store.log import Log

FIRST_PAUSE_SECONDS: Final = 0.002
LAST_PAUSE_SECONDS: Final = 0.05

State = Literal["missing", "filling", "running", "failed"]


class ProjectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where one projection stands."""

    name: str
    version: int
    state: State
    """missing: never begun; filling: being built, not read yet; running; failed: stands still."""
    position: int
    """Everything up to here was taken in."""
    lag_events: int
    """Events of the log that were not taken in yet."""
    lag_seconds: float
    """How long the oldest of these has been in the log."""
    failed_position: int | None = None
    failure: str | None = None
    """At which event it stands still, and why. It holds nothing that the event says."""


_STATUS: Final = """
SELECT DISTINCT ON (b.name, b.version) b.name, b.version, b.state, c.position,
    failed.failed_position, failed.failure
FROM projection_builds b
CROSS JOIN LATERAL (
    SELECT min(position) AS position FROM projection_checkpoints WHERE build = b.build) AS c
LEFT JOIN LATERAL (
    SELECT failed_position, failure FROM projection_checkpoints
    WHERE build = b.build AND failed_position IS NOT NULL ORDER BY share LIMIT 1) AS failed ON true
WHERE b.state = 'live' OR (b.state = 'filling' AND b.made_by = 'runner')
ORDER BY b.name, b.version, b.state DESC, b.build
"""


def statuses(
    pool: ConnectionPool, log: Log, projections: Iterable[Projection]
) -> list[ProjectionStatus]:
    """Where these projections stand, in their order."""
    head = log.head().position
    with pool.connection() as connection:
        there = connection.execute(
            "SELECT to_regclass('projection_checkpoints'), clock_timestamp()"
        ).fetchone()
        assert there is not None
        rows = connection.execute(_STATUS).fetchall() if there[0] is not None else []
    found = {(name, version): rest for name, version, *rest in rows}
    return [
        _status(one, found.get((one.name, one.version)), log, head, there[1]) for one in projections
    ]


def _status(
    projection: Projection, row: list[object] | None, log: Log, head: int, now: datetime
) -> ProjectionStatus:
    state, position, failed_position, failure = row or ("missing", 0, None, None)
    assert isinstance(position, int)
    # The head was read first, so a projection may be ahead of it by now.
    waiting = log.entry(position + 1) if position < head else None
    lag = (now - waiting.envelope.recorded_at).total_seconds() if waiting else 0.0
    if failed_position is not None:
        state = "failed"
    return ProjectionStatus(
        name=projection.name,
        version=projection.version,
        state=msgspec.convert("running" if state == "live" else state, State),
        position=position,
        lag_events=max(head - position, 0),
        lag_seconds=max(lag, 0.0),
        failed_position=msgspec.convert(failed_position, int | None),
        failure=msgspec.convert(failure, str | None),
    )


def wait_for(
    pool: ConnectionPool, projection: Projection, position: int, timeout_seconds: float
) -> bool:
    """Wait until what is read of a projection reflects a position; False if it took too long."""
    deadline = time.monotonic() + timeout_seconds
    pause = FIRST_PAUSE_SECONDS
    while _read_position(pool, projection) < position:
        if time.monotonic() + pause > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE_SECONDS)
    return True


def _read_position(pool: ConnectionPool, projection: Projection) -> int:
    """The position that is read of a projection; -1 while nothing can be read."""
    with pool.connection() as connection:
        try:
            row = connection.execute(
                "SELECT c.position FROM projection_builds b"
                " JOIN projection_checkpoints c USING (build)"
                " WHERE b.name = %s AND b.version = %s AND b.state = 'live'",
                [projection.name, projection.version],
            ).fetchone()
        except psycopg.errors.UndefinedTable:  # no runner has ever been here
            row = None
    return -1 if row is None else int(row[0])
