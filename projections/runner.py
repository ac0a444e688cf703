"""Keeping projections up to date: a thread that follows the log and survives what happens to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final, Self

import psycopg
import structlog

from projections import builds
from projections.engine import BATCH_EVENTS, Engine
from projections.failures import described
from projections.fold import Projection
from projections.follower import Follower, Moved
from projections.lease import LOOK_SECONDS, Lease
from projections.pages import Pages
from projections.status import ProjectionStatus, statuses
from projections.voids import VoidHistory
from store.ledger import Ledger
from store.log import Log

POLL_SECONDS: Final = 0.02
"""How often the head of the log is looked at; a writer of the same process wakes it at once."""
FIRST_RETRY_SECONDS: Final = 0.1
LAST_RETRY_SECONDS: Final = 5.0
STOP_SECONDS_MAX: Final = 60.0
LOCK_SECONDS_MAX: Final = 10
"""How long a step waits for somebody else's lock; then it is tried again."""

log = structlog.get_logger()


class Runner:
    """Folds what the log gains into projections, until it is stopped.

    Any number of processes may run one on the same ledger: one of them holds the lease and follows,
    the others stand by. A projection whose handler fails stands still, and says so; the others go
    on. Starting again tries again.
    """

    def __init__(
        self,
        ledger: Ledger,
        projections: Iterable[Projection],
        *,
        batch_events: int = BATCH_EVENTS,
        grace_seconds: float = builds.GRACE_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._projections = tuple(projections)
        self._batch_events = batch_events
        self._grace_seconds = grace_seconds
        self._lease = Lease(ledger.connect, self._projections)
        self._forgiven = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Begin, in a thread of its own; what failed before is tried again."""
        assert self._thread is None, "a runner is started once"
        name = f"projections-{self._ledger.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End after the step at hand. Calling it again does nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS_MAX)

    close = stop

    def __enter__(self) -> Self:
        """Stop at the end of a ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def status(self) -> list[ProjectionStatus]:
        """Where each projection stands."""
        return statuses(self._ledger.pool, self._ledger.log, self._projections)

    def _run(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with self._ledger.connect("projections") as connection:
                    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS_MAX}s'")
                    builds.prepare(connection)
                    self._lead(connection)
            except Exception as error:  # noqa: BLE001 - a thread that ends would end unseen
                # Lost connections, a server that restarts, a full disk: all of them pass.
                if time.monotonic() - began > LAST_RETRY_SECONDS:
                    pause = FIRST_RETRY_SECONDS
                log.warning("projection.interrupted", error=described(error), retry_seconds=pause)
                self._stop.wait(pause)
                pause = min(2 * pause, LAST_RETRY_SECONDS)

    def _lead(self, connection: psycopg.Connection) -> None:
        """Wait for the lease, then follow the log for as long as it holds."""
        while not self._lease.take(connection):
            if self._stop.wait(LOOK_SECONDS):
                return
        with self._lease.renewed():
            if not self._forgiven:
                for projection in self._projections:
                    builds.forgive(connection, projection)
                self._forgiven = True
            self._follow(connection)

    def _follow(self, connection: psycopg.Connection) -> None:
        # Over its own connection: a pool's is looked at, each time, before it is given away.
        source = Log.over(connection)
        voids = VoidHistory(source)
        types = frozenset[str]().union(*(one.types for one in self._projections))
        pages = Pages(source, voids, types)
        followers = [
            Follower(connection, Engine(source, one, voids, pages), self._batch_events)
            for one in self._projections
        ]
        builds.commit_without_waiting(connection)
        cleaned = float("-inf")
        while not self._ends():
            if time.monotonic() - cleaned > self._grace_seconds / 2:
                builds.drop_retired(connection, self._grace_seconds)
                cleaned = time.monotonic()
            head = source.head().position
            moved = {follower.step(head) for follower in followers}
            if moved <= {Moved.TO_THE_HEAD, Moved.NEVER}:
                self._wait(connection, head)
            elif Moved.ON not in moved:
                self._stop.wait(POLL_SECONDS)

    def _ends(self) -> bool:
        return self._stop.is_set() or self._lease.over

    def _wait(self, connection: psycopg.Connection, head: int) -> None:
        """Until the log has grown, or it is time to look after old builds."""
        if Log.over(connection).head().position > head:  # whoever is busy waits for no poll
            return
        until = time.monotonic() + self._grace_seconds / 2
        durable = False
        while not self._ends() and time.monotonic() < until:
            if self._ledger.log.wait_past(head, POLL_SECONDS):
                return
            if not durable:
                builds.make_durable(connection)
                durable = True
