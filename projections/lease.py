"""Who runs the projections of a ledger: one process at a time, under a lease with a deadline.

A lease is one row. Whoever takes it gets the next *fence*, a number that no lease had before, and
acts under it: the database itself refuses what a session writes about builds and checkpoints when
the lease of its fence is over, so a leader that was stopped past its deadline and wakes up writes
nothing. All instants are PostgreSQL's; no host's clock is asked.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from secrets import token_hex
from typing import Final

import msgspec
import psycopg
import structlog
from psycopg_pool import ConnectionPool

from projections.failures import PASSING, described
from projections.fold import Projection

TAKEOVER_SECONDS_MAX: Final = 5.0
"""A leader that fell silent is replaced within this time, by a process that stands by."""
LEASE_SECONDS: Final = 3.0
"""How long a lease lasts that is not renewed."""
RENEW_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.25
"""How often a process that stands by looks whether it is its turn."""
TERMINATE_MILLISECONDS_MAX: Final = 1_000
"""How long a taker waits for the former leader's session to let go of its locks."""
RETRY_SECONDS: Final = 0.1

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS projection_leases (
    projections text PRIMARY KEY,
    fence bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    token text NOT NULL,
    holder text NOT NULL,
    backend integer,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 20, vacuum_truncate = off);
CREATE OR REPLACE FUNCTION refuse_without_lease() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    acting bigint := nullif(current_setting('filrouge.fence', true), '')::bigint;
BEGIN
    IF acting IS NOT NULL THEN
        -- A renewal does not change the fence, and goes on beside this lock. Whoever takes over
        -- changes it, and so waits until this transaction has ended, or ends it.
        PERFORM FROM projection_leases WHERE fence = acting AND until > clock_timestamp()
            FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'lease % is over: % of % is refused', acting, TG_OP, TG_TABLE_NAME
                USING ERRCODE = '55L01';
        END IF;
    END IF;
    RETURN NULL;
END $$;
"""
LEASE_IS_OVER: Final = "55L01"
"""The SQLSTATE of what is refused. Class 55, so it passes: the next one to hold the lease goes on.
"""

# Held by nobody: over, given back, its session gone, or with a deadline further away than any lease
# lasts, because the clock went back. Or held by whoever asks, over a connection that broke.
_FREE: Final = """
(l.until <= clock_timestamp() OR l.until > clock_timestamp() + make_interval(secs => %(seconds)s)
 OR l.token = %(token)s OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = l.backend))
"""
_LOOK: Final = f"""
SELECT l.backend, l.since, {_FREE} FROM projection_leases l
WHERE l.projections = %(projections)s
"""
_TAKE: Final = f"""
INSERT INTO projection_leases AS l (projections, token, holder, backend, since, until)
VALUES (%(projections)s, %(token)s, %(holder)s, pg_backend_pid(), clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (projections) DO UPDATE SET fence = DEFAULT, token = excluded.token,
    holder = excluded.holder, backend = excluded.backend, since = excluded.since,
    until = excluded.until
WHERE {_FREE} RETURNING fence
"""
_RENEW: Final = """
UPDATE projection_leases SET until = clock_timestamp() + make_interval(secs => %s)
WHERE fence = %s AND until > clock_timestamp()
"""
_GIVE_BACK: Final = """
UPDATE projection_leases SET until = clock_timestamp(), backend = NULL WHERE fence = %s
"""

log = structlog.get_logger()


class Leader(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs the projections, or did so last."""

    name: str
    """The host, and the number of the process there."""
    since: datetime
    until: datetime
    """When the lease ends unless it is renewed; what is past was given back, or ran out."""
    held: bool
    """Whether the lease holds at this instant."""


def holder(pool: ConnectionPool, projections: Iterable[Projection]) -> Leader | None:
    """Who holds the lease of these projections, or did so last; None if nobody ever has."""
    with pool.connection() as connection:
        there = connection.execute("SELECT to_regclass('projection_leases')").fetchone()
        if there is None or there[0] is None:
            return None
        row = connection.execute(
            "SELECT holder, since, until, until > clock_timestamp() FROM projection_leases"
            " WHERE projections = %s",
            [_named(projections)],
        ).fetchone()
    if row is None:
        return None
    name, since, until, held = row
    return Leader(name=name, since=since, until=until, held=held)


def _named(projections: Iterable[Projection]) -> str:
    """What a lease is for. While software is replaced, the old and the new have one each."""
    return " ".join(sorted(f"{one.name}.v{one.version}" for one in projections))


class Lease:
    """The lease on some projections of a ledger, as one runner takes it again and again."""

    def __init__(
        self, connect: Callable[[str], psycopg.Connection], projections: Iterable[Projection]
    ) -> None:
        self._connect = connect
        self._said = {
            "projections": _named(projections),
            "token": token_hex(8),
            "holder": f"{socket.gethostname()} {os.getpid()}",
            "seconds": LEASE_SECONDS,
        }
        self._fence = 0
        self._over = threading.Event()

    def take(self, connection: psycopg.Connection) -> bool:
        """Take the lease for a connection, if it is free: from here on that acts under it."""
        found = connection.execute(_LOOK, self._said).fetchone()
        if found is not None:
            backend, since, free = found
            if not free:
                return False
            _terminate(connection, backend, since)
        taken = connection.execute(_TAKE, self._said).fetchone()
        if taken is None:  # somebody else was first
            return False
        (self._fence,) = taken
        connection.execute("SELECT set_config('filrouge.fence', %s, false)", [str(self._fence)])
        self._over.clear()
        log.info("lease.taken", fence=self._fence, holder=self._said["holder"])
        return True

    @property
    def over(self) -> bool:
        """Whether the lease that was taken ended."""
        return self._over.is_set()

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew what was taken, in a thread and over a connection of its own; then give it back."""
        ending = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(self._fence, ending), name="lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()

    def _renew(self, fence: int, ending: threading.Event) -> None:
        while not self.over:
            try:
                with self._connect("lease") as connection:
                    while not ending.wait(RENEW_SECONDS):
                        if not connection.execute(_RENEW, [LEASE_SECONDS, fence]).rowcount:
                            log.warning("lease.lost", fence=fence)
                            self._over.set()
                            return
                    connection.execute(_GIVE_BACK, [fence])
                    log.info("lease.given_back", fence=fence)
                    return
            except PASSING as error:
                log.warning("lease.interrupted", fence=fence, error=described(error))
                if ending.wait(RETRY_SECONDS):
                    return  # the deadline gives it back


def _terminate(connection: psycopg.Connection, backend: int | None, since: datetime) -> None:
    """End the session of a former leader: an open transaction of a silent host holds its locks."""
    with connection.transaction():
        # As whoever logged in, who may end sessions of that name; the ledger's role may not.
        connection.execute("SET LOCAL ROLE NONE")
        connection.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE pid = %s"
            " AND backend_start <= %s AND pid <> pg_backend_pid()",
            [TERMINATE_MILLISECONDS_MAX, backend, since],
        )
