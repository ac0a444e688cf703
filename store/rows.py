"""How an entry becomes rows: hashes of its tags and origin, and rows packed for binary COPY."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

import psycopg

_MICROSECOND: Final = timedelta(microseconds=1)
_POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ENTRY: Final = Struct("!hiqihiqiqi")
_TAG: Final = Struct("!hiqihiq")
_ORIGIN: Final = Struct("!hi16siq")
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"


class Row(NamedTuple):
    """One entry on its way into the log."""

    position: int
    type_id: int
    time: datetime
    recorded_at: datetime
    entry: bytes
    tags: tuple[str, ...]
    origin: bytes


@lru_cache(maxsize=200_000)
def tag_hash(tag: str) -> int:
    """The first 8 bytes of the tag's SHA-256 as a signed integer: frozen for ever."""
    return int.from_bytes(sha256(tag.encode()).digest()[:8], "big", signed=True)


def origin_key(source: str, id: str) -> bytes:  # noqa: A002 - the attribute's name in CloudEvents
    """The first 16 bytes of the SHA-256 of source, NUL, id: an event is recorded once by it."""
    return sha256(f"{source}\0{id}".encode()).digest()[:16]


def _microseconds(instant: datetime) -> int:
    return (instant - _POSTGRES_EPOCH) // _MICROSECOND


def copy_rows(cursor: psycopg.Cursor, rows: Iterable[Row]) -> None:
    """Write the rows of a batch to the log's three tables, in the caller's transaction."""
    entries, tags, origins = [_COPY_HEADER], [_COPY_HEADER], [_COPY_HEADER]
    for row in rows:
        position = row.position
        entries.append(
            _ENTRY.pack(
                5,
                8,
                position,
                2,
                row.type_id,
                8,
                _microseconds(row.time),
                8,
                _microseconds(row.recorded_at),
                len(row.entry),
            )
        )
        entries.append(row.entry)
        hashes = {tag_hash(tag) for tag in row.tags}
        tags += [_TAG.pack(3, 8, one, 2, row.type_id, 8, position) for one in hashes]
        origins.append(_ORIGIN.pack(2, 16, row.origin, 8, position))
    for table, columns, packed in (
        ("entries", "position, type, time, recorded_at, entry", entries),
        ("tags", "hash, type, position", tags),
        ("origins", "key, position", origins),
    ):
        if len(packed) == 1:
            continue
        packed.append(_COPY_TRAILER)
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join(packed))
