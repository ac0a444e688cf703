"""The tables of one build of a projection: made, read in bulk, written in bulk, dropped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from struct import Struct
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql

from projections.fold import Fold, Projection, Total

WRITE_BYTES_MAX: Final = 8_000_000
"""Rows written by one statement; PostgreSQL would take up to 255 MB in one document."""
KEYS_AT_ONCE: Final = 10_000
"""Keys that are loaded or removed by one statement."""

T = TypeVar("T")
Rows = dict[str, Any]
"""Rows of a fold by their key."""
_encode: Final = msgspec.json.Encoder().encode
_TWO_FIELDS: Final = Struct("!hi").pack
_ONE_FIELD: Final = Struct("!i").pack
PAGE_ROW_BYTES: Final = 8_160
"""The longest row that fits into a page. Left to itself, PostgreSQL compresses from 2,000 on."""
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most this many."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def table_name(member: type[Fold | Total], version: int, build: int) -> str:
    """The table of a fold or total in one build: no two builds share one."""
    return f"projection_{member.table}_v{version}_{build}"


def create_tables(connection: psycopg.Connection, projection: Projection, build: int) -> None:
    """Make the empty tables of a build; what would slow the filling down comes later.

    A row is kept as the text that it is written as: a server that takes it apart (``jsonb``) takes
    longer to write it, and has to put it together again for whoever reads it. What fits into a page
    is not compressed: rows are written again and again.
    """
    for member in projection.members:
        name = sql.Identifier(table_name(member, projection.version, build))
        connection.execute(
            sql.SQL(
                'CREATE TABLE {} (key text COLLATE "C" NOT NULL, row json NOT NULL)'
                " WITH (toast_tuple_target = {})"
            ).format(name, sql.Literal(PAGE_ROW_BYTES))
        )
        # Nobody asks for a whole row, so how often each occurs is not worth finding out.
        connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN row SET STATISTICS 0").format(name))
    for total in projection.totals:
        create_key(connection, total, projection.version, build)


def create_key(
    connection: psycopg.Connection, member: type[Fold | Total], version: int, build: int
) -> None:
    """Make the unique index by which rows are found, if it is not there: all at once is cheaper."""
    statement = sql.SQL("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (key)").format(
        sql.Identifier(f"projection_{member.table}_key_{build}"),
        sql.Identifier(table_name(member, version, build)),
    )
    connection.execute(statement)


def create_indexes(
    connection: psycopg.Connection, member: type[Fold | Total], version: int, build: int
) -> None:
    """Make the indexes of a filled table, and let the planner know it: what is not done already."""
    create_key(connection, member, version, build)
    table = table_name(member, version, build)
    name = sql.Identifier(table)
    for number, columns in enumerate(member.indexes if issubclass(member, Fold) else ()):
        index = sql.Identifier(f"projection_{member.table}_{number}_{build}")
        connection.execute(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (").format(index, name)
            + sql.SQL(columns)
            + sql.SQL(")")
        )
    known = connection.execute(
        "SELECT FROM pg_stats WHERE schemaname = current_schema() AND tablename = %s LIMIT 1",
        [table],
    )
    if known.fetchone() is None:
        connection.execute(sql.SQL("ANALYZE {}").format(name))


def drop_tables(connection: psycopg.Connection, build: int) -> None:
    """Remove every table of a build, whatever projection it was of."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
        " current_schema()::regnamespace AND relname ~ %s",
        [rf"^projection_[a-z0-9_]+_v[0-9]+_{build}$"],
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))


@cache
def decoder_of(row: type) -> Callable[[str], Any]:
    """What makes a row of this class from its JSON."""
    return msgspec.json.Decoder(row).decode


class FoldTable:
    """The rows of one fold in one build."""

    def __init__(self, connection: psycopg.Connection, fold: type[Fold], name: str) -> None:
        self.fold = fold
        self._connection = connection
        self._name = sql.Identifier(name)
        self._decode = decoder_of(fold.Row)

    def load(self, keys: Iterable[str]) -> Rows:
        """The rows of these keys; those that there are."""
        return self._fetch("SELECT key, row::text FROM {} WHERE key = ANY(%s)", keys)

    def load_owned(self, owners: Iterable[str]) -> Rows:
        """All rows of these owners, by key."""
        return self._fetch(
            "SELECT t.key, t.row::text FROM unnest(%s::text[]) AS q(owner) CROSS JOIN LATERAL ("
            "SELECT key, row FROM {0} WHERE key = q.owner UNION ALL"
            " SELECT key, row FROM {0} WHERE key > q.owner || '/' AND key < q.owner || '0') AS t",
            owners,
        )

    def _fetch(self, statement: str, wanted: Iterable[str]) -> Rows:
        found: Rows = {}
        query = sql.SQL(statement).format(self._name)
        for some in in_batches(wanted, KEYS_AT_ONCE):
            rows = self._connection.execute(query, [some]).fetchall()
            found.update((key, self._decode(row)) for key, row in rows)
        return found

    def every(self) -> Rows:
        """All rows, of a fold that has few of them."""
        query = sql.SQL("SELECT key, row::text FROM {}").format(self._name)
        return {key: self._decode(row) for key, row in self._connection.execute(query)}

    def lock(self) -> None:
        """Keep everybody else from writing, for this transaction."""
        statement = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(self._name)
        self._connection.execute(statement)

    def insert(self, rows: Rows) -> None:
        """Add rows that are not there yet."""
        statement = sql.SQL("COPY {} (key, row) FROM STDIN (FORMAT binary)").format(self._name)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_COPY_HEADER)
            for some in in_batches(rows.items(), KEYS_AT_ONCE):
                copy.write(b"".join([_packed(key.encode(), _encode(row)) for key, row in some]))
            copy.write(_COPY_TRAILER)

    def write(self, rows: Mapping[str, Any]) -> None:
        """Insert or replace rows."""
        write_rows(self._connection, self._name, rows)

    def remove(self, keys: Collection[str]) -> None:
        """Remove the rows of these keys."""
        remove_rows(self._connection, self._name, keys)


def _packed(key: bytes, row: bytes) -> bytes:
    """A row in PostgreSQL's binary form: two fields, each after its length."""
    return b"%b%b%b%b" % (_TWO_FIELDS(2, len(key)), key, _ONE_FIELD(len(row)), row)


def write_rows(
    connection: psycopg.Connection, name: sql.Identifier, rows: Mapping[str, Any]
) -> None:
    """Insert or replace rows: one JSON document of many rows is by far the cheapest way in."""
    statement = sql.SQL(
        "INSERT INTO {0} AS t SELECT key, value FROM json_each(%s::text::json)"
        " ON CONFLICT (key) DO UPDATE SET row = excluded.row"
        " WHERE t.row::text <> excluded.row::text"
    ).format(name)
    parts: list[bytes] = []
    size = 0
    for key, row in rows.items():
        part = b"%b:%b" % (_encode(key), _encode(row))
        if parts and size + len(part) > WRITE_BYTES_MAX:
            connection.execute(statement, ["{" + b",".join(parts).decode() + "}"])
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        connection.execute(statement, ["{" + b",".join(parts).decode() + "}"])


def remove_rows(
    connection: psycopg.Connection, name: sql.Identifier, keys: Collection[str]
) -> None:
    """Remove the rows of these keys."""
    statement = sql.SQL("DELETE FROM {} WHERE key = ANY(%s)").format(name)
    for some in in_batches(keys, KEYS_AT_ONCE):
        connection.execute(statement, [some])
