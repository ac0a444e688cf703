"""Builds of projections: which tables are read, how far each has come, and why one stands still.

A *build* is one filling of a projection's tables. The one in the state ``live`` is what readers
are pointed to; a rebuild fills another one beside it and takes over the state. These tables are
disposable like all of the room: dropping them only costs a rebuild.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from projections import lease
from projections.fold import Projection
from projections.tables import create_indexes, create_tables, drop_tables

GRACE_SECONDS: Final = 60.0
"""How long the tables of an old build stay, for those who read them when the pointer moved."""
DROP_MILLISECONDS_MAX: Final = 200
"""How long whoever cleans up waits for those who still use a table: a reader, or a vacuum of
PostgreSQL's own, which gives way after a second. It is there to be dropped the next time."""
REASON_LENGTH_MAX: Final = 500

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS projection_builds (
    build bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('filling', 'filled', 'live', 'retired')),
    made_by text NOT NULL CHECK (made_by IN ('runner', 'rebuild')),
    horizon bigint NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS projection_builds_pointer
    ON projection_builds (name, version) WHERE state = 'live';
CREATE TABLE IF NOT EXISTS projection_checkpoints (
    build bigint NOT NULL REFERENCES projection_builds ON DELETE CASCADE,
    share integer NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    failed_position bigint,
    failure text,
    PRIMARY KEY (build, share)
) WITH (fillfactor = 20, vacuum_truncate = off);
CREATE OR REPLACE TRIGGER under_lease BEFORE INSERT OR UPDATE OR DELETE ON projection_builds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_without_lease();
CREATE OR REPLACE TRIGGER under_lease BEFORE INSERT OR UPDATE OR DELETE ON projection_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_without_lease();
"""
"""Whoever acts under a lease writes here only while it holds; a rebuild has a right of its own."""


def commit_without_waiting(connection: psycopg.Connection) -> None:
    """Let the transactions of a connection end before they are on disk.

    A crash takes the last of them back, rows and checkpoints alike, and never an event of the log:
    they are folded again. Nothing but projections may be written over such a connection.
    """
    connection.execute("SET synchronous_commit = off")


def make_durable(connection: psycopg.Connection) -> None:
    """Have everything written to disk, and sent to replicas, that was committed before."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = on")
        # What wrote nothing is not waited for, so something is written; nobody reads it.
        connection.execute("SELECT pg_logical_emit_message(true, 'filrouge', '')")


class Checkpoint(NamedTuple):
    """How far a share of a build has come, locked for whoever holds it."""

    build: int
    share: int
    state: str
    horizon: int
    """How much of the log it knew of when it was begun."""
    position: int
    failed_position: int | None

    @property
    def filling(self) -> bool:
        """Whether the tables are being filled, and nothing that is said of them need be true yet.

        All that is voided or identified up to the horizon is reckoned with from the first event on.
        """
        return self.state == "filling"


_CHECKPOINT: Final = """
SELECT b.build, c.share, b.state, b.horizon, c.position, c.failed_position
FROM projection_builds b JOIN projection_checkpoints c USING (build)
"""


def prepare(connection: psycopg.Connection) -> None:
    """Make the tables that builds are noted in, if they are not there."""
    there = connection.execute("SELECT to_regclass('projection_checkpoints')").fetchone()
    if there is not None and there[0] is not None:
        return
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/builds', 0))"
        )
        connection.execute(lease.SCHEMA)
        connection.execute(SCHEMA)


def begin(
    connection: psycopg.Connection,
    projection: Projection,
    *,
    made_by: str,
    horizon: int,
    shares: int,
) -> int:
    """Make a new build with empty tables; returns its number."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO projection_builds (name, version, state, made_by, horizon)"
            " VALUES (%s, %s, 'filling', %s, %s) RETURNING build",
            [projection.name, projection.version, made_by, horizon],
        ).fetchone()
        assert row is not None
        build: int = row[0]
        connection.execute(
            "INSERT INTO projection_checkpoints (build, share) SELECT %s, generate_series(0, %s)",
            [build, shares - 1],
        )
        create_tables(connection, projection, build)
    return build


def ensure(
    connection: psycopg.Connection, projection: Projection, horizon: int
) -> Checkpoint | None:
    """The live build, or the one that a runner fills; one is begun if there is neither.

    None if a newer version is live: a process of the older software makes nothing new.
    """
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || %s, 1))",
            [projection.name],
        )
        found = current(connection, projection)
        if found is not None:
            return found
        newer = connection.execute(
            "SELECT FROM projection_builds WHERE name = %s AND version > %s AND state = 'live'",
            [projection.name, projection.version],
        ).fetchone()
        if newer is not None:
            return None
        begin(connection, projection, made_by="runner", horizon=horizon, shares=1)
        return current(connection, projection)


def current(connection: psycopg.Connection, projection: Projection) -> Checkpoint | None:
    """The live build, or else the one that a runner is filling; not locked."""
    row = connection.execute(
        _CHECKPOINT + "WHERE b.name = %s AND b.version = %s AND (b.state = 'live' OR"
        " (b.state = 'filling' AND b.made_by = 'runner')) ORDER BY b.state DESC, b.build LIMIT 1",
        [projection.name, projection.version],
    ).fetchone()
    return None if row is None else Checkpoint(*row)


def lock(connection: psycopg.Connection, build: int, share: int = 0) -> Checkpoint | None:
    """Take a share of a build for this transaction; None if it is gone or somebody else has it."""
    row = connection.execute(
        _CHECKPOINT + "WHERE b.build = %s AND c.share = %s AND b.state <> 'retired'"
        " FOR UPDATE OF c SKIP LOCKED",
        [build, share],
    ).fetchone()
    return None if row is None else Checkpoint(*row)


def hold(connection: psycopg.Connection, build: int) -> None:
    """Wait for a build and keep everybody else from moving it, for this transaction."""
    connection.execute(
        "SELECT FROM projection_checkpoints WHERE build = %s ORDER BY share FOR UPDATE", [build]
    )


def move(connection: psycopg.Connection, checkpoint: Checkpoint, position: int) -> None:
    """Set a locked checkpoint forward, from exactly where it stood."""
    moved = connection.execute(
        "UPDATE projection_checkpoints SET position = %s"
        " WHERE build = %s AND share = %s AND position = %s",
        [position, checkpoint.build, checkpoint.share, checkpoint.position],
    )
    assert moved.rowcount == 1, "the checkpoint moved under its lock"


def fail(
    connection: psycopg.Connection, checkpoint: Checkpoint, position: int, reason: str
) -> None:
    """Note why a share stands still, and at which position."""
    connection.execute(
        "UPDATE projection_checkpoints SET failed_position = %s, failure = %s"
        " WHERE build = %s AND share = %s",
        [position, reason[:REASON_LENGTH_MAX], checkpoint.build, checkpoint.share],
    )


def forgive(connection: psycopg.Connection, projection: Projection) -> None:
    """Let a projection that failed try again."""
    connection.execute(
        "UPDATE projection_checkpoints c SET failed_position = NULL, failure = NULL"
        " FROM projection_builds b WHERE b.build = c.build AND b.name = %s AND b.version = %s"
        " AND c.failed_position IS NOT NULL",
        [projection.name, projection.version],
    )


def end_filling(connection: psycopg.Connection, projection: Projection, build: int) -> None:
    """One checkpoint instead of the shares', and the indexes for queries.

    In the caller's transaction, when every share has come to the horizon.
    """
    rows = connection.execute(
        "DELETE FROM projection_checkpoints c USING projection_builds b WHERE c.build = b.build"
        " AND c.build = %s RETURNING c.position, b.horizon",
        [build],
    ).fetchall()
    assert len(set(rows)) == 1, f"the shares of build {build} stand at {sorted(rows)}"
    ((position, horizon),) = set(rows)
    assert position == horizon, f"build {build} is filled to {position}, not to {horizon}"
    connection.execute(
        "INSERT INTO projection_checkpoints (build, share, position) VALUES (%s, 0, %s)",
        [build, position],
    )
    connection.execute("UPDATE projection_builds SET state = 'filled' WHERE build = %s", [build])
    for member in projection.members:
        create_indexes(connection, member, projection.version, build)


def point_to(connection: psycopg.Connection, projection: Projection, build: int) -> None:
    """Move the pointer: from here on readers read this build. In the caller's transaction.

    Builds of older versions stay live for the processes that still run them, until the grace ends.
    """
    retired = "SET state = 'retired', retired_at = clock_timestamp()"
    connection.execute(
        f"UPDATE projection_builds {retired}"
        " WHERE name = %s AND version = %s AND build <> %s AND (state = 'live'"
        " OR (state = 'filling' AND made_by = 'runner'))",
        [projection.name, projection.version, build],
    )
    connection.execute(
        "UPDATE projection_builds SET retired_at = clock_timestamp()"
        " WHERE name = %s AND version < %s AND retired_at IS NULL",
        [projection.name, projection.version],
    )
    connection.execute("UPDATE projection_builds SET state = 'live' WHERE build = %s", [build])


def drop(connection: psycopg.Connection, build: int) -> None:
    """Remove a build, its notes and its tables."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(DROP_MILLISECONDS_MAX))
        connection.execute("DELETE FROM projection_builds WHERE build = %s", [build])
        drop_tables(connection, build)


def drop_abandoned(connection: psycopg.Connection, projection: Projection) -> int:
    """Remove what rebuilds that were killed left of a projection; returns how many there were.

    Only for whoever holds the right to rebuild it: then nobody else is at work on them.
    """
    rows = connection.execute(
        "SELECT build FROM projection_builds WHERE name = %s AND made_by = 'rebuild'"
        " AND state IN ('filling', 'filled')",
        [projection.name],
    ).fetchall()
    return _drop_all(connection, [build for (build,) in rows])


def drop_retired(connection: psycopg.Connection, grace_seconds: float = GRACE_SECONDS) -> int:
    """Remove the builds that were retired longer ago than the grace; returns how many."""
    rows = connection.execute(
        "SELECT build FROM projection_builds"
        " WHERE retired_at < clock_timestamp() - make_interval(secs => %s)",
        [grace_seconds],
    ).fetchall()
    return _drop_all(connection, [build for (build,) in rows])


def _drop_all(connection: psycopg.Connection, found: list[int]) -> int:
    dropped = 0
    for build in found:
        with suppress(psycopg.errors.LockNotAvailable):
            drop(connection, build)
            dropped += 1
    return dropped
