"""Stretches of the log, each as one document: the server joins what a fold reads in bulk."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, Final, NamedTuple

import psycopg
from psycopg_pool import ConnectionPool

from store.query import ENTRIES_SQL, tagged_sql
from store.rows import tag_hash

WINDOW_POSITIONS: Final = 10_000
"""Positions whose entries are fetched at once; all together stay below 1 GB."""
TAGGED_EVENTS: Final = 2_000
"""Entries fetched at once that are asked for by tag or position."""
_OFTEN: Final = "entries WHERE type = ANY(%s) AND position > %s AND position <= %s"
# The positions first, from the index alone: asked for the entries at once, a planner that thinks a
# type common would look at every entry of the window.
_RARE: Final = ENTRIES_SQL.format(
    "(SELECT t.position FROM unnest(%s::smallint[]) AS y(type) CROSS JOIN LATERAL"
    " (SELECT position FROM entries WHERE type = y.type AND position > %s"
    " AND position <= %s ORDER BY position LIMIT %s) AS t ORDER BY t.position LIMIT %s)"
)
_JOINED: Final = (
    "SELECT string_agg(int8send(position), '' ORDER BY position),"
    " string_agg(entry, ',' ORDER BY position) FROM {}"
)
_WINDOW: Final = _JOINED.format(_OFTEN)
_RARE_WINDOW: Final = _JOINED.format(f"({_RARE}) AS e")
_PLACES: Final = _JOINED.format(f"({ENTRIES_SQL.format('unnest(%s::bigint[])')}) AS e")
_POSITIONS: Final = "SELECT string_agg(int8send(position), '' ORDER BY position) FROM ({}) AS t"


class Window(NamedTuple):
    """The entries of some types in a stretch of the log."""

    end: int
    """The position that the stretch ends with."""
    positions: Sequence[int]
    """Of each entry."""
    joined: bytes
    """The entries, one after another with a comma between them: the inside of a JSON array."""


class OneConnection:
    """What a log needs of a pool, for whoever does one thing at a time."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def connection(self) -> AbstractContextManager[psycopg.Connection]:
        """The one connection."""
        return nullcontext(self._connection)


class Windows:
    """Reads entries in bulk. The server joins them, less work for both sides than rows are."""

    def __init__(self, pool: ConnectionPool | OneConnection) -> None:
        self._pool = pool

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with self._pool.connection() as connection:
            yield connection

    def windows(
        self, after: int, until: int, types: Collection[str], *, size: int = WINDOW_POSITIONS
    ) -> Iterator[Window]:
        """The entries of these types, in windows of so many positions."""
        ids = self._ids_of(types)
        while after < until:
            end = min(after + size, until)
            yield self._window(_WINDOW, [ids, after, end], end)
            after = end

    def rare_windows(
        self, after: int, until: int, types: Collection[str], *, size: int = WINDOW_POSITIONS
    ) -> Iterator[Window]:
        """The same for types that are rare: each is looked up, and no other entry is touched.

        A window has so many entries, however far they lie apart.
        """
        ids = self._ids_of(types)
        while after < until:
            window = self._window(_RARE_WINDOW, [ids, after, until, size, size], until)
            if len(window.positions) == size:
                window = window._replace(end=window.positions[-1])
            yield window
            after = window.end

    def tagged_windows(
        self, tags: Collection[str], *, until: int, types: Collection[str] = ()
    ) -> Iterator[Window]:
        """Entries found by the hash of at least one of many tags, so many at once.

        The positions are found in one question and kept in memory, 8 bytes each; the entries are
        fetched window by window. Who reads them looks at the tags: hashes may collide.
        """
        yield from self.windows_at(self.tagged_positions(tags, until, types))

    def windows_at(self, positions: Iterable[int]) -> Iterator[Window]:
        """The entries at these positions, which are in order, so many at once."""
        rest = iter(positions)
        while some := list(islice(rest, TAGGED_EVENTS)):
            # As text: the driver takes ten times as long to make an array.
            yield self._window(_PLACES, [f"{{{','.join(map(str, some))}}}"], some[-1])

    def tagged_positions(
        self, tags: Collection[str], until: int, types: Collection[str]
    ) -> array[int]:
        """The positions of these entries. Hashes may collide."""
        known = self._ids_of(types) if types else []
        if not tags or (types and not known):
            return array("q")
        sql, values = tagged_sql([tag_hash(tag) for tag in tags], known, until)
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_POSITIONS.format(sql).encode(), values).fetchone()
        assert row is not None
        return _positions(row[0])

    def type_ids(self) -> dict[str, int]:
        """The short number of each stored name that the log has seen."""
        with self._connection() as connection:
            rows = connection.execute("SELECT name, id FROM types").fetchall()
        return dict(rows)

    def _ids_of(self, types: Collection[str]) -> list[int]:
        names = self.type_ids()
        return [names[name] for name in types if name in names]

    def _window(self, statement: str, values: list[Any], end: int) -> Window:
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(statement.encode(), values).fetchone()
        assert row is not None
        positions, joined = row
        return Window(end, _positions(positions), joined or b"")


def _positions(sent: bytes | None) -> array[int]:
    """Positions that were sent as one value; PostgreSQL begins a number with its highest byte."""
    found = array("q", sent or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return found
