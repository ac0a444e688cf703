"""Restoring a ledger from its entries: the same bytes, positions and recorded times, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from domain.envelope import Recorded, checked_entry, decode_entry
from domain.errors import FilrougeError
from store.packed import instant
from store.partitions import make_room
from store.round_trip import Pipeline, prepare
from store.rows import WRITE, Row, origin_key, tag_cells, write
from store.type_names import known_types, register_types

CHUNK_ENTRIES_MAX: Final = 5_000
CHUNK_BYTES_MAX: Final = 16 << 20
"""Entries that are written at once: so many, or fewer where they are large."""


class CannotRestore(FilrougeError):
    """The entries are not those of a whole ledger, or the ledger is not empty. Nothing was kept."""


def restore_entries(
    connection: psycopg.Connection,
    entries: Iterable[bytes],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Put entries into an empty log in one transaction and raise its epoch; returns the head.

    Entry n becomes position n. Raises CannotRestore, naming the entry that is wrong.
    """
    remaining = iter(entries)
    position = room = 0
    recorded_at: datetime | None = None
    with connection.transaction(), connection.cursor() as cursor:
        head = cursor.execute("SELECT position FROM head FOR UPDATE").fetchone()
        if head is None or head[0] != 0:
            message = "this ledger is not empty: restore into a new one"
            raise CannotRestore(message)
        type_ids = register_types(cursor, known_types())
        prepare(connection, WRITE)
        pipeline = Pipeline(connection)
        while chunk := _chunk(remaining):
            decoded = [_decoded(entry, position + n) for n, entry in enumerate(chunk, 1)]
            for recorded in decoded:
                _check_order(recorded, recorded_at)
                recorded_at = recorded.envelope.recorded_at
            missing = {recorded.envelope.type for recorded in decoded} - type_ids.keys()
            if missing:
                type_ids = register_types(cursor, sorted(missing))
            if position + len(chunk) > room:
                room = make_room(cursor, position + len(chunk))
            try:
                rows = [_row(recorded) for recorded in decoded]
                last = decoded[-1].envelope.recorded_at
                written = write(rows, head=position, recorded_at=last, type_ids=type_ids)
                pipeline.round_trip(written)
            except psycopg.errors.UniqueViolation as error:
                message = f"a source and id stand twice, at or before entry {position + len(chunk)}"
                raise CannotRestore(message) from error
            position += len(chunk)
            if progress is not None:
                progress(position)
        if recorded_at is not None:
            # Seconds since 1970 are above every epoch that a log or an earlier restore has used.
            cursor.execute(
                "UPDATE head SET"
                " epoch = greatest(epoch + 1, extract(epoch FROM clock_timestamp())::bigint)"
            )
    return position


def _chunk(remaining: Iterator[bytes]) -> list[bytes]:
    chunk: list[bytes] = []
    size = 0
    for entry in remaining:
        chunk.append(entry)
        size += len(entry)
        if len(chunk) == CHUNK_ENTRIES_MAX or size >= CHUNK_BYTES_MAX:
            break
    return chunk


def _decoded(entry: bytes, position: int) -> Recorded:
    try:
        recorded = decode_entry(checked_entry(entry), position)
    except (msgspec.MsgspecError, UnicodeDecodeError, FilrougeError, TypeError) as error:
        message = f"entry {position} cannot be read: {error}"
        raise CannotRestore(message) from error
    if recorded.event is None and b'"data_base64"' not in entry:
        message = f"entry {position} is a {recorded.envelope.type}, made by a newer version"
        raise CannotRestore(message)
    return recorded


def _check_order(recorded: Recorded, before: datetime | None) -> None:
    if before is not None and recorded.envelope.recorded_at < before:
        message = f"entry {recorded.envelope.position} was recorded before the one that precedes it"
        raise CannotRestore(message)


def _row(recorded: Recorded) -> Row:
    envelope = recorded.envelope
    return Row(
        envelope.type,
        instant(envelope.time),
        instant(envelope.recorded_at),
        recorded.entry,
        tag_cells(recorded.tags),
        origin_key(envelope.source, envelope.id),
    )
