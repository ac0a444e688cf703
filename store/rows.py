"""How entries become rows: the hashes that find them, and one statement that writes a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from store.packed import (
    bigint,
    bigints,
    byte_strings,
    instant,
    instants,
    integer,
    integers,
    smallint,
    smallints,
    uuids,
)
from store.round_trip import Ask

TAG_CELLS_CACHED_MAX: Final = 20_000
"""Few enough to stay in a processor's cache: beyond it a look-up costs what the hash does."""

if TYPE_CHECKING:
    from store.draft import Draft

# Tags and origins are sorted, so that a large batch walks their indexes once from left to right.
WRITE_SQL: Final = """
WITH e AS (
    INSERT INTO entries (position, type, time, recorded_at, entry)
    SELECT $1 + n, u.type, u.time, u.recorded_at, u.entry
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS u(type, time, recorded_at, entry, n)
), t AS (
    INSERT INTO tags (hash, type, position)
    SELECT u.hash, u.type, $1 + u.place
    FROM unnest($6, $7, $8) AS u(hash, type, place) ORDER BY 1, 2, 3
), o AS (
    INSERT INTO origins (key, position)
    SELECT u.key, $1 + n FROM unnest($9) WITH ORDINALITY AS u(key, n) ORDER BY 1
)
UPDATE head SET position = $10, recorded_at = $11
"""
WRITE: Final = {
    "write(bigint, smallint[], timestamptz[], timestamptz[], bytea[], bigint[], smallint[],"
    " integer[], uuid[], bigint, timestamptz)": WRITE_SQL
}


class Row(NamedTuple):
    """What the rows of an entry hold, but for its place."""

    type: str
    packed_time: bytes
    packed_recorded_at: bytes
    entry: bytes
    tag_cells: bytes
    origin: bytes


def tag_key(tag: str) -> bytes:
    """The first 8 bytes of the tag's SHA-256: frozen for ever."""
    return sha256(tag.encode()).digest()[:8]


@lru_cache(maxsize=TAG_CELLS_CACHED_MAX)
def tag_cell(tag: str) -> bytes:
    """The key of a tag, as an element of an array."""
    return bigints.cell(tag_key(tag))


def tag_cells(tags: Iterable[str]) -> bytes:
    """The keys of these tags, each once, as elements of an array."""
    return b"".join(set(map(tag_cell, tags)))


def tag_hash(tag: str) -> int:
    """A tag's key as the signed integer that the log's tables hold."""
    return int.from_bytes(tag_key(tag), "big", signed=True)


def origin_key(source: str, id: str) -> bytes:  # noqa: A002 - the attribute's name in CloudEvents
    """The first 16 bytes of the SHA-256 of source, NUL, id: an event is recorded once by it."""
    return sha256(f"{source}\0{id}".encode()).digest()[:16]


def write(
    rows: Sequence[Row | Draft], *, head: int, recorded_at: datetime, type_ids: Mapping[str, int]
) -> Ask:
    """The statement that writes a batch, and moves the head past it."""
    packed_types = {name: smallint(type_ids[name]) for name in {row.type for row in rows}}
    types = [packed_types[row.type] for row in rows]
    tag_counts = [len(row.tag_cells) // bigints.cell_bytes for row in rows]
    return Ask(
        "write",
        [
            bigint(head),
            smallints(types),
            instants([row.packed_time for row in rows]),
            instants([row.packed_recorded_at for row in rows]),
            byte_strings([row.entry for row in rows]),
            bigints.of_cells([row.tag_cells for row in rows]),
            smallints.of_cells(
                [smallints.cell(one) * count for one, count in zip(types, tag_counts, strict=True)]
            ),
            integers.of_cells(
                [integers.cell(integer(n)) * count for n, count in enumerate(tag_counts, 1)]
            ),
            uuids([row.origin for row in rows]),
            bigint(head + len(rows)),
            instant(recorded_at),
        ],
    )
