"""Which tables are being filled beside those that are read, and how far each of them is."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from psycopg_pool import ConnectionPool


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """A projection that is being filled anew."""

    name: str
    version: int
    made_by: Literal["runner", "rebuild"]
    """runner: by the server that follows the log; rebuild: by ``filrouge rebuild``."""
    position: int
    """How far it is; of one that several workers fill, in the middle of them."""
    horizon: int
    """How far it has to come before it can be read."""
    seconds: float
    """How long ago it was begun."""
    running: bool
    """False: whoever rebuilt it was killed. The next rebuild removes what it left."""


# The advisory lock that a rebuild holds for as long as it lives, as projections.rebuild takes it.
_FILLING: Final = """
SELECT b.name, b.version, b.made_by, avg(c.position)::bigint AS position, b.horizon,
    extract(epoch FROM clock_timestamp() - b.made_at)::float8 AS seconds,
    b.made_by = 'runner' OR EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint)
            = hashtextextended(current_schema() || '/' || b.name, 2)) AS running
FROM projection_builds b JOIN projection_checkpoints c USING (build)
WHERE b.state IN ('filling', 'filled')
GROUP BY b.build ORDER BY b.name, b.build
"""


def fillings(pool: ConnectionPool) -> list[Filling]:
    """What is being filled now, by name."""
    with pool.connection() as connection:
        there = connection.execute("SELECT to_regclass('projection_checkpoints')").fetchone()
        if there is None or there[0] is None:  # no runner has ever been here
            return []
        cursor = connection.execute(_FILLING)
        names = [column.name for column in cursor.description or ()]
        return [
            msgspec.convert(dict(zip(names, row, strict=True)), Filling)
            for row in cursor.fetchall()
        ]
