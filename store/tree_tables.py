"""The tables of the tree: tiles that only grow, and checkpoints that only follow one another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import psycopg

from store.merkle import HASH_BYTES, TILE_WIDTH

CHECKPOINTS_AT_ONCE: Final = 1_000
TILES_KEPT_MAX: Final = 2_000
"""Tiles that one reader keeps in memory: 16 MB."""


class Kept(NamedTuple):
    """A checkpoint as it is kept."""

    epoch: int
    size: int
    root: bytes
    note: str
    """What was signed, with our own signatures."""


class TileTable:
    """The tiles of one ledger, over a connection that sees its schema."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._read: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def read(self, level: int, index: int) -> bytes:
        """The hashes of a tile, as far as there are any."""
        hashes = self._read.get((level, index))
        if hashes is None:
            row = self._connection.execute(
                "SELECT hashes FROM tiles WHERE level = %s AND index = %s", [level, index]
            ).fetchone()
            hashes = self._read[level, index] = b"" if row is None else bytes(row[0])
            if len(self._read) > TILES_KEPT_MAX:
                self._read.popitem(last=False)
        return hashes

    def write(self, tiles: Mapping[tuple[int, int], bytes | bytearray]) -> None:
        """Add tiles, and what was added to those that are there."""
        if not tiles:
            return
        levels, indexes, hashes = zip(
            *((level, index, bytes(tile)) for (level, index), tile in tiles.items()), strict=True
        )
        self._connection.execute(
            "INSERT INTO tiles AS t (level, index, hashes)"
            " SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"
            " ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes"
            " WHERE t.hashes <> excluded.hashes",
            [list(levels), list(indexes), list(hashes)],
        )
        for at in tiles:
            self._read.pop(at, None)

    def leaves(self) -> int:
        """How many leaves the tiles hold."""
        row = self._connection.execute(
            "SELECT index, length(hashes) FROM tiles WHERE level = 0 ORDER BY index DESC LIMIT 1"
        ).fetchone()
        return 0 if row is None else int(row[0]) * TILE_WIDTH + int(row[1]) // HASH_BYTES


_CHECKPOINT: Final = "SELECT epoch, size, root, note FROM checkpoints"


def last_checkpoint(connection: psycopg.Connection) -> Kept | None:
    """The newest checkpoint; None: nothing was signed yet."""
    row = connection.execute(f"{_CHECKPOINT} ORDER BY epoch DESC, size DESC LIMIT 1").fetchone()
    return None if row is None else Kept(*row)


def checkpoint_from(connection: psycopg.Connection, size: int) -> Kept | None:
    """The first checkpoint that covers so many entries; of several epochs, the newest one's."""
    row = connection.execute(
        f"{_CHECKPOINT} WHERE size >= %s ORDER BY size, epoch DESC LIMIT 1", [size]
    ).fetchone()
    return None if row is None else Kept(*row)


def first_signed(connection: psycopg.Connection, size: int) -> datetime | None:
    """When so many entries were signed first, by this database; None: they are not yet."""
    row = connection.execute(
        "SELECT min(signed_at) FROM checkpoints WHERE size >= %s", [size]
    ).fetchone()
    return None if row is None else row[0]


def every_checkpoint(connection: psycopg.Connection) -> Iterator[Kept]:
    """All checkpoints, in the order in which they were signed."""
    epoch = size = 0
    while True:
        rows = connection.execute(
            f"{_CHECKPOINT} WHERE (epoch, size) > (%s, %s) ORDER BY epoch, size LIMIT %s",
            [epoch, size, CHECKPOINTS_AT_ONCE],
        ).fetchall()
        if not rows:
            return
        for row in rows:
            yield Kept(*row)
        epoch, size = rows[-1][:2]


def add_checkpoint(connection: psycopg.Connection, kept: Kept) -> None:
    """Keep what was signed."""
    connection.execute(
        "INSERT INTO checkpoints (epoch, size, root, note) VALUES (%s, %s, %s, %s)", kept
    )


def add_cosignatures(connection: psycopg.Connection, kept: Kept, lines: Iterable[str]) -> None:
    """Keep signature lines of witnesses; those that are kept already change nothing."""
    connection.execute(
        "INSERT INTO cosignatures SELECT %s, %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
        [kept.epoch, kept.size, list(lines)],
    )


def cosignatures_of(connection: psycopg.Connection, kept: Kept) -> list[str]:
    """The signature lines of witnesses under a checkpoint."""
    rows = connection.execute(
        "SELECT line FROM cosignatures WHERE epoch = %s AND size = %s ORDER BY line",
        [kept.epoch, kept.size],
    ).fetchall()
    return [line for (line,) in rows]


def add_keys(connection: psycopg.Connection, vkeys: Iterable[str]) -> None:
    """Note the public keys that sign from here on."""
    connection.execute(
        "INSERT INTO log_keys (vkey) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
        [list(vkeys)],
    )


def keys_of(connection: psycopg.Connection) -> list[str]:
    """Every public key that ever signed, oldest first."""
    rows = connection.execute("SELECT vkey FROM log_keys ORDER BY since, vkey").fetchall()
    return [vkey for (vkey,) in rows]
