"""Steps and rows of builds, for the tests of the engine: rows are read by SQL."""

from __future__ import annotations

from random import Random
from typing import Any

import psycopg

from projections import builds
from projections.engine import Engine
from projections.fold import Projection
from projections.pages import Pages
from projections.shares import Work, cut
from projections.tables import table_name
from projections.voids import VoidHistory
from store.ledger import Ledger

Tables = dict[str, dict[str, Any]]
BATCHES = (1, 7, 1000)


def engine_of(ledger: Ledger, projection: Projection) -> Engine:
    """An engine that remembers nothing."""
    log = ledger.log
    voids = VoidHistory(log)
    return Engine(log, projection, voids, Pages(log, voids, projection.types))


def rows_of(connection: psycopg.Connection, projection: Projection, build: int) -> Tables:
    """All rows of all tables of a build."""
    return {
        member.table: dict(
            connection.execute(
                f"SELECT key, row FROM {table_name(member, projection.version, build)}"
            ).fetchall()
        )
        for member in projection.members
    }


def live_rows(ledger: Ledger, projection: Projection) -> Tables:
    """All rows of the tables that are read."""
    with ledger.connect() as connection:
        current = builds.current(connection, projection)
        assert current is not None
        assert current.state == "live"
        return rows_of(connection, projection, current.build)


class Live:
    """A build that has followed the log from its first event on."""

    def __init__(
        self,
        ledger: Ledger,
        connection: psycopg.Connection,
        projection: Projection,
        seed: int = 0,
    ) -> None:
        self.ledger = ledger
        self.projection = projection
        self.connection = connection
        self.random = Random(seed)  # noqa: S311 - a test's choices, and nothing secret
        self.engine = engine_of(ledger, projection)
        builds.prepare(self.connection)
        self.build = builds.begin(
            self.connection, projection, made_by="rebuild", horizon=0, shares=1
        )
        with self.connection.transaction():
            self.engine.complete(self.connection, self.build)

    def follow(self, head: int, events_max: int | None = None) -> None:
        """Step to the head, in batches of one size or of any."""
        while True:
            size = events_max or self.random.choice(BATCHES)
            if self.engine.step(self.connection, self.build, head, events_max=size) == head:
                return

    def rows(self) -> Tables:
        """All its rows."""
        return rows_of(self.connection, self.projection, self.build)

    def filled(self, head: int, shares: int, events_max: int) -> Tables:
        """The rows of another build, filled from nothing in as many shares, cut anywhere."""
        events = {name: self.random.randint(0, 100) for name in sorted(self.projection.types)}
        work = Work(self.projection.folds, events)
        build = builds.begin(
            self.connection, self.projection, made_by="rebuild", horizon=head, shares=shares
        )
        for share, parts in enumerate(cut(work, shares)):
            engine = engine_of(self.ledger, self.projection)
            position = None
            while position != head:
                position = engine.step(
                    self.connection, build, head, events_max=events_max, share=share, parts=parts
                )
        with self.connection.transaction():
            engine_of(self.ledger, self.projection).complete(self.connection, build)
        return rows_of(self.connection, self.projection, build)
