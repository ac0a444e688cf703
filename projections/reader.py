"""Reading projections: rows, and the position that they reflect, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from projections.failures import ProjectionNotReady
from projections.fold import Fold, Projection, Total
from projections.tables import FoldTable, table_name

Member = type[Fold | Total]
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
        self, statement: str, tables: Mapping[str, Member], parameters: Any = None
    ) -> list[TupleRow]:
        """The rows of a SELECT in which ``{name}`` stands for a table with ``key`` and ``row``."""
        names = {name: sql.Identifier(self._tables[member]) for name, member in tables.items()}
        return self._connection.execute(sql.SQL(statement).format(**names), parameters).fetchall()


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
            found = _read_pointers(connection, projections)
            yield Reader(connection, *_located(projections, found))
        except psycopg.errors.SerializationFailure:  # a replica ended it, to keep up
            raise ProjectionNotReady(projection=projections[0].name) from None
        except psycopg.errors.UndefinedTable:
            connection.execute("ROLLBACK")
            now = _read_pointers(connection, projections)
            if all(now.get(name, (0, 0))[0] == build for name, (build, _) in found.items()):
                raise
            # The pointer moved so long ago that the tables went, or a replica made up for it.
            raise ProjectionNotReady(projection=projections[0].name) from None
        finally:
            # Read only: there is nothing to commit, and this also ends a failed transaction.
            if not connection.closed:
                connection.execute("ROLLBACK")


def _read_pointers(
    connection: psycopg.Connection, projections: tuple[Projection, ...]
) -> dict[str, tuple[int, int]]:
    try:
        cursor = connection.execute(_opening(projections))
    except psycopg.errors.UndefinedTable:  # no runner has ever been here
        return {}
    cursor.nextset()
    return {name: (build, position) for name, build, position in cursor.fetchall()}


@cache
def _opening(projections: tuple[Projection, ...]) -> sql.Composed:
    """One message that begins the snapshot and asks which builds are read, and how far they are."""
    wanted = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(one.name, one.version) for one in projections
    )
    return sql.SQL(
        _BEGIN + "SELECT b.name, b.build, c.position FROM projection_builds b"
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
