"""What the tables say of each position, side by side, with what is missing or unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

ENTRIES_AT_ONCE: Final = 2_000

ENTRIES_SQL: Final = """
SELECT e.position, coalesce(t.name, ''), e.type, e.time, e.recorded_at, e.entry
FROM entries e LEFT JOIN types t ON t.id = e.type
WHERE e.position > %s AND e.position <= %s ORDER BY e.position
"""
TAGS_SQL: Final = "SELECT position, hash, type FROM tags ORDER BY position, hash"
ORIGINS_SQL: Final = "SELECT position, key FROM origins ORDER BY position, key"
DAMAGE: Final = (psycopg.errors.DataCorrupted, psycopg.errors.InternalError_)
"""What PostgreSQL says when the files that it reads are not what it wrote."""


class Finding(NamedTuple):
    """Something that is not as it was recorded, sealed or signed."""

    position: int
    """The first position that it concerns."""
    what: str


class AuditRow(NamedTuple):
    """An entry with all that the tables say about it."""

    position: int
    type: str
    type_id: int
    time: datetime
    recorded_at: datetime
    entry: bytes
    tags: list[tuple[int, int]]
    """Hash and type number of each row that names the position."""
    origins: list[bytes]


class AuditRows:
    """The rows of a log up to its last entry. In a transaction that sees one instant."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.findings: list[Finding] = []
        self.unreadable: set[int] = set()
        """Positions whose entries a damaged file holds back."""
        row = connection.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()
        assert row is not None
        self.last = int(row[0])

    def __iter__(self) -> Iterator[AuditRow]:
        """Every entry that can be read, in the order of the positions."""
        streams = {
            "tags": _Grouped(self._stream("tags", TAGS_SQL)),
            "origins": _Grouped(self._stream("origins", ORIGINS_SQL)),
        }
        after = 0
        while after < self.last:
            until = min(after + ENTRIES_AT_ONCE, self.last)
            page = self._page(after, until)
            for position, *columns in page:
                self._strays(streams, position)
                tags = [(hash_, type_) for _, hash_, type_ in streams["tags"].at(position)]
                origins = [key.bytes for _, key in streams["origins"].at(position)]
                yield AuditRow._make((position, *columns, tags, origins))
            after = until if page or self.unreadable else self._before_next(until)
        self._strays(streams, None)

    def _before_next(self, after: int) -> int:
        """Just before the next entry: a gap may be wide."""
        row = self._connection.execute(
            "SELECT coalesce(min(position), 1) - 1 FROM entries WHERE position > %s", [after]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _page(self, after: int, until: int) -> list[Any]:
        """Entries above one position and up to another; what cannot be read is left out."""
        try:
            with self._connection.transaction():
                return self._connection.execute(ENTRIES_SQL, [after, until]).fetchall()
        except DAMAGE:
            if until - after == 1:
                self.unreadable.add(until)
                return []
        middle = (after + until) // 2
        return self._page(after, middle) + self._page(middle, until)

    def _stream(self, table: str, statement: str) -> Iterator[Any]:
        """The rows of a whole table; none, and a finding, if a file of it is damaged."""
        try:
            with self._connection.transaction():
                self._connection.execute(f"SELECT count(*) FROM {table}".encode())
        except DAMAGE as error:
            self.findings.append(Finding(1, f"the table {table} cannot be read: {error}"))
            return
        with self._connection.cursor(f"audit_{table}") as cursor:
            cursor.itersize = 10 * ENTRIES_AT_ONCE
            yield from cursor.execute(statement.encode())

    def _strays(self, streams: dict[str, _Grouped], position: int | None) -> None:
        for what, rows in streams.items():
            for stray in rows.before(position):
                if stray not in self.unreadable:
                    message = f"{what} speak of a position that has no entry"
                    self.findings.append(Finding(stray, message))


class _Grouped:
    """Rows in the order of their first column, asked for by its value."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._next: Any = next(rows, None)

    def before(self, position: int | None) -> Iterator[int]:
        """The positions of rows that come before a position; all that are left for None."""
        while self._next is not None and (position is None or self._next[0] < position):
            yield self._next[0]
            self._next = next(self._rows, None)

    def at(self, position: int) -> list[Any]:
        """The rows of a position."""
        found = []
        while self._next is not None and self._next[0] == position:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found
