"""One projection on its way along the log: its steps, the end of its filling, and its failures."""

from __future__ import annotations

from enum import Enum
from typing import Final

import psycopg
import structlog

from projections import builds
from projections.builds import Checkpoint
from projections.engine import Engine
from projections.failures import PASSING, HandlerFailed, described

FILL_EVENTS: Final = 10_000
"""Events that one transaction takes in while tables are filled that nobody reads yet."""

log = structlog.get_logger()


class Moved(Enum):
    """How far a step went."""

    ON = "on"
    """Somewhat: there is more to do."""
    TO_THE_HEAD = "to the head"
    NOT_NOW = "not now"
    """Somebody else is at it."""
    NEVER = "never"
    """It failed, or a newer version took over."""


class Follower:
    """Follows the log with one projection, over the connection of its runner."""

    def __init__(self, connection: psycopg.Connection, engine: Engine, batch_events: int) -> None:
        self._connection = connection
        self._engine = engine
        self._batch_events = batch_events
        self._build: Checkpoint | None = None
        self._caught_up = False

    @property
    def name(self) -> str:
        """The name of the projection."""
        return self._engine.projection.name

    def step(self, head: int) -> Moved:
        """Go on towards the head. Raises only what a new connection may mend."""
        build = self._build or builds.ensure(self._connection, self._engine.projection, head)
        if build is None or build.failed_position is not None:
            return Moved.NEVER
        # It is looked up anew unless all goes well: it may be filled, failed, retired, or gone.
        self._build = None
        try:
            return self._advance(build, head)
        except PASSING:
            raise
        except psycopg.errors.UndefinedTable:  # somebody dropped it
            return Moved.NOT_NOW
        except HandlerFailed as failure:
            return self._stand_still(build, failure)
        except Exception as error:  # noqa: BLE001 - whatever a projection does, the others go on
            return self._note(build, None, described(error))

    def _advance(self, build: Checkpoint, head: int) -> Moved:
        position = self._engine.step(
            self._connection, build.build, head, events_max=self._events_max(build)
        )
        if position is None:
            return Moved.NOT_NOW
        if build.filling and position == build.horizon:
            self._complete(build)
            return Moved.ON
        self._build = build
        if position < head:
            return Moved.ON
        if not self._caught_up:
            self._caught_up = True
            log.info("projection.caught_up", projection=self.name, position=position)
        return Moved.TO_THE_HEAD

    def _events_max(self, build: Checkpoint) -> int:
        return FILL_EVENTS if build.filling else self._batch_events

    def _complete(self, build: Checkpoint) -> None:
        """Let the tables that were filled be read."""
        with self._connection.transaction():
            checkpoint = builds.lock(self._connection, build.build)
            if checkpoint is None or not checkpoint.filling:  # somebody else was first
                return
            self._engine.complete(self._connection, build.build)
            builds.point_to(self._connection, self._engine.projection, build.build)
        log.info("projection.filled", projection=self.name, position=build.horizon)

    def _stand_still(self, build: Checkpoint, failure: HandlerFailed) -> Moved:
        """Take in what comes before the event that cannot be, and stop there."""
        while True:
            try:
                self._engine.step(
                    self._connection,
                    build.build,
                    failure.position - 1,
                    events_max=self._events_max(build),
                )
                break
            except HandlerFailed as earlier:
                if earlier.position >= failure.position:  # it is folded again, from long before
                    break
                failure = earlier
            except PASSING:
                raise
            except Exception:  # noqa: BLE001 - the first failure is what is told
                break
        return self._note(build, failure.position, failure.reason)

    def _note(self, build: Checkpoint, position: int | None, reason: str) -> Moved:
        with self._connection.transaction():
            checkpoint = builds.lock(self._connection, build.build)
            if checkpoint is None:
                return Moved.NOT_NOW
            position = checkpoint.position + 1 if position is None else position
            builds.fail(self._connection, checkpoint, position, reason)
        log.error("projection.failed", projection=self.name, position=position, reason=reason)
        return Moved.NEVER
