"""Reading the log: its head, its entries in pages, in both directions, and following it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple, Self

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from domain.envelope import Recorded, decode_entry
from store.query import ENTRIES_SQL, EVERYTHING, Query, Span, positions_sql
from store.voids import Voids
from store.windows import OneConnection, Windows

PAGE_EVENTS: Final = 1_000
"""Entries fetched at once while reading by query."""
POLL_SECONDS: Final = 0.02
"""How often the one-row head is looked at while following."""
SAMPLED_ENTRIES: Final = 2_000
"""Entries that are looked at to know what a log is made of."""
POSITION_MAX: Final = 2**63 - 1


class Head(NamedTuple):
    """The end of the log: whoever has read up to ``position`` has read everything up to it."""

    position: int
    epoch: int
    """Raised by a restore from a backup, so that a client that is ahead can be told."""
    recorded_at: datetime


class Log(Windows):
    """The events of one ledger, read through a pool of connections."""

    def __init__(self, pool: ConnectionPool | OneConnection) -> None:
        super().__init__(pool)
        self._grown = threading.Condition()
        self._seen = 0

    @classmethod
    def over(cls, connection: psycopg.Connection) -> Self:
        """A log that is read over one connection, inside its transaction if there is one."""
        return cls(OneConnection(connection))

    def head(self) -> Head:
        """The position, epoch and recorded time of the last entry."""
        with self._connection() as connection:
            row = connection.execute("SELECT position, epoch, recorded_at FROM head").fetchone()
        assert row is not None
        return Head(*row)

    def entry(self, position: int) -> Recorded | None:
        """The event at one position, or None."""
        found = self.entries([position])
        return found[0] if found else None

    def entries(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at these positions, in order of position."""
        with self._connection() as connection:
            rows = connection.execute(
                ENTRIES_SQL.format("unnest(%s::bigint[])"), [list(positions)]
            ).fetchall()
        return [decode_entry(entry, position) for position, entry in rows]

    def pages(
        self, after: int, until: int, size: int = PAGE_EVENTS
    ) -> Iterator[list[tuple[int, bytes]]]:
        """All entries above ``after`` and up to ``until``, as pages of position and bytes."""
        while after < until:
            with self._connection() as connection, connection.cursor(binary=True) as cursor:
                page = cursor.execute(
                    "SELECT position, entry FROM entries WHERE position > %s AND position <= %s"
                    " ORDER BY position",
                    [after, min(after + size, until)],
                ).fetchall()
            if not page:
                return
            yield page
            after = page[-1][0]

    def read(
        self,
        query: Query = EVERYTHING,
        *,
        after: int = 0,
        until: int | None = None,
        backward: bool = False,
        limit: int | None = None,
    ) -> Iterator[Recorded]:
        """Matching events above ``after`` and up to ``until``, page by page, in order of position.

        Without ``until`` it ends at the head of the moment it began.
        """
        until = self.head().position if until is None else until
        after, until = self._recorded_window(query, after, until)
        type_ids = self.type_ids() if query.items else {}
        while after < until and (limit is None or limit > 0):
            size = PAGE_EVENTS if limit is None else min(limit, PAGE_EVENTS)
            page = self._page(query, Span(after, until, backward, size), type_ids)
            for recorded in page:
                # Hashes found it; the tags themselves decide.
                if query.matches(recorded.envelope.type, recorded.tags):
                    yield recorded
                    limit = None if limit is None else limit - 1
            if len(page) < size:
                return
            if backward:
                until = page[-1].envelope.position - 1
            else:
                after = page[-1].envelope.position

    def _page(self, query: Query, span: Span, type_ids: dict[str, int]) -> list[Recorded]:
        sql, values = positions_sql(query, span, type_ids)
        order = "DESC" if span.backward else "ASC"
        with self._connection() as connection:
            rows = connection.execute(
                f"{ENTRIES_SQL.format(f'({sql})')} {order}", values
            ).fetchall()
        return [decode_entry(entry, position) for position, entry in rows]

    def _recorded_window(self, query: Query, after: int, until: int) -> tuple[int, int]:
        # Recorded times never run backwards along the positions, so both ends are bisected.
        if query.recorded_from is not None:
            after = max(after, self.position_at(query.recorded_from, until))
        if query.recorded_until is not None:
            until = min(until, self.position_at(query.recorded_until, until))
        return after, until

    def position_at(self, instant: datetime, until: int | None = None) -> int:
        """The last position that was recorded before an instant; 0 if there was none."""
        head = self.head().position
        low, high = 0, head if until is None else min(until, head)
        with self._connection() as connection:
            while low < high:
                middle = (low + high + 1) // 2
                row = connection.execute(
                    "SELECT recorded_at < %s FROM entries WHERE position = %s", [instant, middle]
                ).fetchone()
                assert row is not None
                low, high = (middle, high) if row[0] else (low, middle - 1)
        return low

    def tagged(
        self, tags: Collection[str], *, until: int, types: Collection[str] = ()
    ) -> Iterator[Recorded]:
        """Events up to ``until`` that carry at least one of many tags, in order of position.

        Only events of the types, if any are given. See :meth:`tagged_windows`.
        """
        wanted = frozenset(tags)
        positions = self.tagged_positions(tags, until, types)
        for start in range(0, len(positions), PAGE_EVENTS):
            for recorded in self.entries(positions[start : start + PAGE_EVENTS]):
                # Hashes found it; the tags themselves decide.
                if not wanted.isdisjoint(recorded.tags):
                    yield recorded

    def select(self, statement: LiteralString, parameters: Mapping[str, Any]) -> list[TupleRow]:
        """The rows of a SELECT over the tables of the log."""
        with self._connection() as connection:
            return connection.execute(statement, parameters).fetchall()

    def sampled_types(self, until: int) -> dict[str, int]:
        """How often each stored name occurs among some entries, evenly spread over the log."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT t.name, count(*) FROM generate_series(1, %s::bigint, %s) AS s(position)"
                " JOIN entries e USING (position) JOIN types t ON t.id = e.type GROUP BY t.name",
                [until, max(until // SAMPLED_ENTRIES, 1)],
            ).fetchall()
        return dict(rows)

    def voids(self, until: int | None = None) -> Voids:
        """What was taken back, as of a position or of the head."""
        found = Voids()
        for recorded in self.read(Voids.query(), until=until):
            found.add(recorded)
        return found

    def announce(self, position: int) -> None:
        """Wake those who wait in this process: the log has grown to a position."""
        with self._grown:
            self._seen = max(self._seen, position)
            self._grown.notify_all()

    def wait_past(self, position: int, timeout_seconds: float) -> bool:
        """Wait until the log has grown past a position; False if it has not in this time.

        A writer of the same process wakes it at once; one elsewhere is noticed by polling.
        """
        with self._grown:
            if self._seen > position:
                return True
            if self._grown.wait_for(lambda: self._seen > position, timeout=timeout_seconds):
                return True
        self._seen = max(self._seen, self.head().position)
        return self._seen > position

    def follow(
        self, query: Query = EVERYTHING, *, after: int = 0, stop: threading.Event
    ) -> Iterator[Recorded]:
        """Matching events above ``after``, for ever: waits at the head until ``stop`` is set."""
        while not stop.is_set():
            until = self.head().position
            if until > after:
                yield from self.read(query, after=after, until=until)
                after = until
            else:
                self.wait_past(after, POLL_SECONDS)
