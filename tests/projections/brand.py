"""A brand whose history a test tells event by event, and whose projections it then reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.event import Event
from domain.ledger import EventVoided
from projections.fold import Projection
from projections.reader import Reader, reading
from projections.runner import Runner
from projections.status import wait_for
from store.ledger import Ledger, NewEvent

SPRING = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WAIT_SECONDS_MAX = 60.0


class Brand:
    """Records events of any kind, at the times that the test says."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._told = 0

    def tell(self, *events: Event, day: float = 0, batch: str | None = None) -> int:
        """Record what happened so many days after the first day of spring; the last position."""
        new = []
        for event in events:
            self._told += 1
            new.append(NewEvent(event, f"e{self._told}", "/test", SPRING + day * DAY))
        outcomes = self.ledger.observe(new, actor="test", batch=batch, admin=True).result()
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert not errors, errors
        position = outcomes[-1].position
        assert position is not None
        return position

    def void(self, position: int) -> None:
        """Take back one event, without what a decision would do about it."""
        self.tell(EventVoided(position=position, reason="wrong"), day=100)

    @contextmanager
    def reader(self, projection: Projection) -> Iterator[Reader]:
        """Read a projection that has taken in everything."""
        runner = Runner(self.ledger, [projection]).start()
        try:
            head = self.ledger.log.head().position
            assert wait_for(self.ledger.pool, projection, head, WAIT_SECONDS_MAX), runner.status()
            with reading(self.ledger.pool, projection) as reader:
                yield reader
        finally:
            runner.stop()

    def entries(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the log itself, by SQL over the JSON of its entries: ``entry`` is a jsonb object."""
        query = (
            "WITH said AS (SELECT position, convert_from(entry, 'UTF8')::jsonb AS entry"
            f" FROM entries), log AS (SELECT * FROM said WHERE position NOT IN (SELECT"
            " (entry->'data'->>'position')::bigint FROM said"
            f" WHERE entry->>'type' = 'event.voided.v1')) {statement}"
        )
        with self.ledger.pool.connection() as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()
