"""How much room a ledger takes on the disk, part by part, indexes included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from psycopg_pool import ConnectionPool

LOG_PARTS: Final = ("entries", "tags", "origins")
PROJECTIONS: Final = "projections"
REST: Final = "rest"

_SIZES: Final = """
SELECT whole.relname, count(*) FILTER (WHERE one.relispartition),
    sum(pg_table_size(one.oid))::bigint, sum(pg_indexes_size(one.oid))::bigint
FROM pg_class one JOIN pg_class whole ON whole.oid = coalesce(pg_partition_root(one.oid), one.oid)
WHERE one.relnamespace = current_schema()::text::regnamespace AND one.relkind = 'r'
GROUP BY whole.relname
"""


class PartSize(msgspec.Struct, kw_only=True):
    """The room that one part of a ledger takes."""

    part: str
    """entries, tags or origins: of the log; projections: all of their tables; rest: all else."""
    partitions: int = 0
    """Tables that it is kept in, one for each range of positions; 0: it is kept in one piece."""
    table_bytes: int = 0
    index_bytes: int = 0


def sizes(pool: ConnectionPool) -> list[PartSize]:
    """The room that each part of the ledger of these connections takes."""
    with pool.connection() as connection:
        rows = connection.execute(_SIZES).fetchall()
    parts = {name: PartSize(part=name) for name in (*LOG_PARTS, PROJECTIONS, REST)}
    for name, partitions, table_bytes, index_bytes in rows:
        part = parts[_part_of(name)]
        part.partitions += partitions
        part.table_bytes += table_bytes
        part.index_bytes += index_bytes
    return list(parts.values())


def total_bytes(parts: Iterable[PartSize]) -> int:
    """The room that parts take together."""
    return sum(one.table_bytes + one.index_bytes for one in parts)


def _part_of(table: str) -> str:
    if table in LOG_PARTS:
        return table
    return PROJECTIONS if table.startswith("projection_") else REST
