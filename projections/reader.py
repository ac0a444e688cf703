"""Reading projections: rows, and the position that they reflect, from one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, LiteralString, NamedTuple, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from projections.failures import ProjectionNotReady
from projections.fold import Fold, Projection, Total
from projections.tables import FoldTable, decoder_of, table_name

Member = type[Fold | Total]
LOCATED_TIMES_MAX: Final = 5
"""How often the live build is looked for, if each time another one is live a moment later."""
_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "


class Reader:
    """Some projections as they are at one instant; made by :func:`reading`.

    ``position`` is what all that is read reflects: everything up to there, of the slowest one.
    """

    def __init__(
        self, connection: psycopg.Connection, tables: Mapping[Member, str], position: int
    ) -> None:
        self._connection = connection
        self._tables = tables
        self.position = position

    def row(self, fold: type[Fold], key: str) -> Any:
        """The row of a key, or None."""
        return self.rows(fold, [key]).get(key)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys, as far as there are any, by key."""
        return FoldTable(self._connection, fold, self._tables[fold]).load(keys)

    def owned(self, fold: type[Fold], owner: str) -> dict[str, Any]:
        """All rows of an owner by key, of a fold that has several rows for one."""
        return FoldTable(self._connection, fold, self._tables[fold]).load_owned([owner])

    def total(self, total: type[Total], key: str) -> dict[str, int]:
        """The amounts of one row of a total; what is zero is left out."""
        rows = self.select("SELECT row FROM {total} WHERE key = %s", {"total": total}, [key])
        return cast("dict[str, int]", rows[0][0]) if rows else {}

    def every_total(self, total: type[Total]) -> dict[str, dict[str, int]]:
        """All rows of a total by key, in the order of the keys."""
        return dict(self.select("SELECT key, row FROM {total} ORDER BY key", {"total": total}))

    def select(
        self,
        statement: str,
        tables: Mapping[str, Member],
        parameters: Any = None,
        *,
        owners: Collection[str] | None = None,
    ) -> list[TupleRow]:
        """The rows of a SELECT in which ``{name}`` stands for a table with ``key`` and ``row``.

        A statement that looks at the rows of some ``owners`` alone says which: of the past,
        everybody else's need not be folded then.
        """
        del owners
        names = {name: sql.Identifier(self._tables[member]) for name, member in tables.items()}
        return self._connection.execute(sql.SQL(statement).format(**names), parameters).fetchall()


class Snapshot(NamedTuple):
    """Rows of one fold at one instant, and where the log and the projection stood at it."""

    texts: Mapping[str, str]
    """The rows that there are, as JSON by key."""
    position: int
    """What the rows reflect."""
    end: int
    """The last position of the log."""
    epoch: int


class FoundRows:
    """Rows of one fold that were asked for together: each caller looks only at its own."""

    def __init__(self, fold: type[Fold], texts: Mapping[str, str]) -> None:
        self._fold = fold
        self._texts = texts
        self._decode = decoder_of(fold.Row)

    def row(self, fold: type[Fold], key: str) -> Any:
        """The row of a key, or None."""
        assert fold is self._fold, "only the rows of this fold were asked for"
        text = self._texts.get(key)
        return None if text is None else self._decode(text)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys, as far as there are any, by key."""
        found = ((key, self.row(fold, key)) for key in keys)
        return {key: row for key, row in found if row is not None}


class RowReader:
    """Reads rows of one fold by key: one statement, so one snapshot and one round trip.

    Which build is read has to be known before it is asked; that it still is the one, the same
    snapshot says. If it is not, the statement is made anew. Safe to share by threads.
    """

    def __init__(self, pool: ConnectionPool, projection: Projection, fold: type[Fold]) -> None:
        assert fold in projection.folds
        self.fold = fold
        self._pool = pool
        self._projection = projection
        self._statement: tuple[int, sql.Composed] | None = None

    def read(self, keys: Collection[str]) -> Snapshot:
        """The rows of these keys. Raises ProjectionNotReady while none were ever made."""
        with self._pool.connection() as connection:
            for _ in range(LOCATED_TIMES_MAX):
                build, statement = self._statement or self._locate(connection)
                try:
                    found = connection.execute(statement, [list(keys)]).fetchall()
                except psycopg.errors.UndefinedTable:  # an old build, long out of use
                    found = []
                except psycopg.errors.SerializationFailure:  # a replica ended it, to keep up
                    break
                if found and found[0][2] == build:
                    end, epoch, _, position, _, _ = found[0]
                    return Snapshot({one[4]: one[5] for one in found}, position, end, epoch)
                self._statement = None
        raise ProjectionNotReady(projection=self._projection.name)

    def _locate(self, connection: psycopg.Connection) -> tuple[int, sql.Composed]:
        one = self._projection
        found = builds_read(connection, (one,), "")
        if one.name not in found:
            raise ProjectionNotReady(projection=one.name)
        build, _ = found[one.name]
        table = sql.Identifier(table_name(self.fold, one.version, build))
        statement = sql.SQL(
            "SELECT h.position, h.epoch, b.build, c.position, t.key, t.row::text FROM head h"
            " LEFT JOIN (projection_builds b JOIN projection_checkpoints c USING (build))"
            " ON b.name = {} AND b.version = {} AND b.state = 'live'"
            " LEFT JOIN {} t ON t.key = ANY(%s)"
        ).format(one.name, one.version, table)
        self._statement = build, statement
        return self._statement


@contextmanager
def reading(pool: ConnectionPool, *projections: Projection) -> Iterator[Reader]:
    """Read projections in one snapshot.

    Raises ProjectionNotReady while one was never filled, and when it takes so long that the tables
    went meanwhile, or that a replica, to keep up, ended the snapshot: read again in a moment.

    As in::

        with reading(ledger.pool, BALANCES) as reader:
            return balance(reader, account_id, at), reader.position
    """
    with pool.connection() as connection:
        try:
            found = builds_read(connection, projections, _BEGIN)
            yield Reader(connection, *_located(projections, found))
        except psycopg.errors.SerializationFailure:  # a replica ended it, to keep up
            raise ProjectionNotReady(projection=projections[0].name) from None
        except psycopg.errors.UndefinedTable:
            connection.execute("ROLLBACK")
            now = builds_read(connection, projections, _BEGIN)
            if all(now.get(name, (0, 0))[0] == build for name, (build, _) in found.items()):
                raise
            # The pointer moved so long ago that the tables went, or a replica made up for it.
            raise ProjectionNotReady(projection=projections[0].name) from None
        finally:
            # Read only: there is nothing to commit, and this also ends a failed transaction.
            if not connection.closed:
                connection.execute("ROLLBACK")


def builds_read(
    connection: psycopg.Connection, projections: tuple[Projection, ...], begin: LiteralString
) -> dict[str, tuple[int, int]]:
    """Which builds are read, and how far they are, by projection; ``begin`` comes before it."""
    try:
        cursor = connection.execute(_asking(projections, begin))
    except psycopg.errors.UndefinedTable:  # no runner has ever been here
        return {}
    if begin:
        cursor.nextset()
    return {name: (build, position) for name, build, position in cursor.fetchall()}


@cache
def _asking(projections: tuple[Projection, ...], begin: LiteralString) -> sql.Composed:
    wanted = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(one.name, one.version) for one in projections
    )
    return sql.SQL(
        begin + "SELECT b.name, b.build, c.position FROM projection_builds b"
        " JOIN projection_checkpoints c USING (build)"
        " WHERE (b.name, b.version) IN ({}) AND b.state = 'live'"
    ).format(wanted)


def _located(
    projections: tuple[Projection, ...], found: Mapping[str, tuple[int, int]]
) -> tuple[dict[Member, str], int]:
    tables: dict[Member, str] = {}
    for projection in projections:
        if projection.name not in found:
            raise ProjectionNotReady(projection=projection.name)
        build, _ = found[projection.name]
        for member in projection.members:
            tables[member] = table_name(member, projection.version, build)
    return tables, min(position for _, position in found.values())
