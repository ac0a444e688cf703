"""Replaying: every projection over a selection of the log, into a space of its own.

The tables are those that a rebuild makes, in a schema that is the ledger's role's. Beside them
stands a view for each, named as its fold or total, with the fields of the rows as columns; and the
table ``replay``, which says what was selected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import psycopg
from msgspec import NODEFAULT, inspect
from psycopg import sql

from projections import builds
from projections.failures import RebuildFailed
from projections.fold import Fold, Projection, Total
from projections.rebuild import FILL_EVENTS, Progress, fill_all, shares_of
from projections.selection import Selection
from projections.tables import table_name
from store.ledger import Ledger

SCHEMA: Final = """
CREATE TABLE replay (
    ledger text NOT NULL,
    ledger_id text NOT NULL,
    position bigint NOT NULL,
    as_of timestamptz,
    known_at timestamptz,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE replay IS 'Of which ledger, up to which position, and what had happened by when';
"""
_TYPES: Final[dict[type[inspect.Type], str]] = {
    inspect.IntType: "bigint",
    inspect.StrType: "text",
    inspect.BoolType: "boolean",
    inspect.DateTimeType: "timestamptz",
}


class Replayed(NamedTuple):
    """What a space holds."""

    position: int
    as_of: datetime | None
    known_at: datetime | None
    made_at: datetime


def replay(
    ledger: Ledger,
    projections: Sequence[Projection],
    selection: Selection,
    into: Callable[[], psycopg.Connection],
    *,
    known_at: datetime | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Fill an empty space with these projections, over what the selection lets count.

    Raises RebuildFailed, naming the projection and the position, if a handler fails.
    """
    horizon = selection.position
    with into() as connection:
        builds.prepare(connection)
        connection.execute(SCHEMA.encode())
        made = {
            one: builds.begin(connection, one, made_by="rebuild", horizon=horizon, shares=workers)
            for one in projections
        }
        shares = [
            share._replace(into=into, as_of=selection.as_of)
            for share in shares_of(ledger, made, horizon, workers, FILL_EVENTS)
        ]
        for failed in fill_all(shares, progress):
            message = f"{failed.projection}, at position {failed.position}: {failed.reason}"
            raise RebuildFailed(message)
        for projection, build in made.items():
            with connection.transaction():
                builds.end_filling(connection, projection, build)
                builds.point_to(connection, projection, build)
                for member in projection.members:
                    connection.execute(_view(member, table_name(member, projection.version, build)))
        connection.execute(
            "INSERT INTO replay (ledger, ledger_id, position, as_of, known_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [ledger.name, ledger.info.ledger_id, horizon, selection.as_of, known_at],
        )


def replayed(connection: psycopg.Connection) -> Replayed:
    """What a space holds, asked on a connection to it. Raises RebuildFailed if it is not whole."""
    try:
        row = connection.execute("SELECT position, as_of, known_at, made_at FROM replay").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        raise RebuildFailed("the replay into this space did not end: make it anew")
    return Replayed(*row)


def _view(member: type[Fold | Total], table: str) -> sql.Composed:
    """A view of a table with the fields of its rows as columns."""
    return sql.SQL("CREATE VIEW {} AS SELECT key, {}row::jsonb FROM {}").format(
        sql.Identifier(member.table),
        sql.SQL("").join(sql.SQL("{}, ").format(one) for one in _columns(member)),
        sql.Identifier(table),
    )


def _columns(member: type[Fold | Total]) -> Iterator[sql.Composed]:
    if issubclass(member, Total):
        return
    info = inspect.type_info(member.Row)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        if field.encode_name in {"key", "row"}:
            continue
        kinds = [
            one
            for one in getattr(field.type, "types", (field.type,))
            if not isinstance(one, inspect.NoneType)
        ]
        known = _TYPES.get(kinds[0].__class__) if len(kinds) == 1 else None
        name, column = sql.Literal(field.encode_name), sql.Identifier(field.encode_name)
        if known is None:
            yield sql.SQL("(row->{})::jsonb AS {}").format(name, column)
            continue
        value = sql.SQL("(row->>{})::{}").format(name, sql.SQL(known))
        if field.default not in (NODEFAULT, None):
            # What is as it was when the row began is left out of the row.
            default = msgspec.to_builtins(field.default)
            value = sql.SQL("coalesce({}, {})").format(value, sql.Literal(default))
        yield sql.SQL("{} AS {}").format(value, column)
