"""The tree of one ledger: grown beside the append, signed, and read to prove what the log holds."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, NamedTuple

import psycopg
import structlog

from domain.errors import FilrougeError
from store.log import Log
from store.log_keys import LogKeys, origin_of
from store.merkle import TILE_WIDTH, Growth, Tree, is_consistent, leaf_hash
from store.notes import Checkpoint, Verifier
from store.tree_tables import (
    Kept,
    TileTable,
    add_checkpoint,
    add_cosignatures,
    add_keys,
    checkpoint_from,
    cosignatures_of,
    first_signed,
    keys_of,
    last_checkpoint,
)

LEAVES_AT_ONCE: Final = 20_000
"""Entries that one transaction puts into the tree."""
ENTRY_LENGTH_BYTES: Final = 2
PROOF_FORM: Final = "c2sp.org/tlog-proof@v1"

log = structlog.get_logger()

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class TreeBroken(FilrougeError):
    """The tiles do not lead to the last signed root: nothing is signed. Run ``filrouge verify``."""


class NotSealedYet(FilrougeError):
    """No checkpoint covers this position yet: ask again in a few seconds."""


class NoSuchCheckpoint(FilrougeError):
    """No checkpoint of this size was signed."""


class NoSuchTile(FilrougeError):
    """The tree has no such tile, or not so wide a one."""


class Receipt(NamedTuple):
    """What proves to anybody who has the public key that an entry is in the log."""

    leaf: int
    """The entry's place in the tree, from 0: its position less one."""
    proof: list[bytes]
    """From the leaf's sibling up to below the root."""
    note: str
    """The signed checkpoint."""

    @property
    def text(self) -> str:
        """The receipt as C2SP's tlog-proof writes it."""
        hashes = "".join(f"{b64encode(one).decode()}\n" for one in self.proof)
        return f"{PROOF_FORM}\nindex {self.leaf}\n{hashes}\n{self.note}"


class LogTree:
    """The transparent form of one ledger's log. Threads may share it."""

    def __init__(self, connect: Connect, reader: Log, ledger_id: str) -> None:
        self._connect = connect
        self._log = reader
        self.ledger_id = ledger_id

    def grow(self, keys: LogKeys) -> int:
        """Put what the log has gained into the tree and sign; returns how much of it is signed.

        One process at a time does it; whoever comes in between returns what is signed by then.
        Raises TreeBroken.
        """
        while True:
            head = self._log.head()
            with self._connect() as connection, connection.transaction():
                if not _alone(connection):
                    break
                tiles = TileTable(connection)
                size = tiles.leaves()
                if size < head.position:
                    until = min(size + LEAVES_AT_ONCE, head.position)
                    self._take(tiles, size, until)
                    size = until
                if size < head.position:
                    continue
                self._sign(connection, tiles, keys, head.epoch)
                break
        return self.signed_size()

    def _take(self, tiles: TileTable, size: int, until: int) -> None:
        growth = Growth(size, tiles.read)
        for page in self._log.pages(size, until):
            assert page[0][0] == growth.size + 1, f"there is no entry {growth.size + 1}"
            growth.add(leaf_hash(entry) for _, entry in page)
        assert growth.size == until, f"the log ends at {growth.size}, before {until}"
        tiles.write(growth.changed)

    def _sign(
        self, connection: psycopg.Connection, tiles: TileTable, keys: LogKeys, epoch: int
    ) -> None:
        size = tiles.leaves()
        last = last_checkpoint(connection)
        if size == 0 or (last is not None and (last.epoch, last.size) == (epoch, size)):
            return
        tree = Tree(size, tiles.read)
        root = tree.root()
        if last is not None and not is_consistent(
            last.size, last.root, size, root, tree.consistency_proof(last.size)
        ):
            raise TreeBroken(signed_size=last.size, size=size)
        origin = origin_of(self.ledger_id, epoch)
        add_keys(connection, map(str, keys.verifiers(origin)))
        note = Checkpoint(origin, size, root).signed(keys.signers(origin))
        add_checkpoint(connection, Kept(epoch, size, root, note))

    def signed_size(self) -> int:
        """How many entries the newest checkpoint covers."""
        with self._connect() as connection:
            last = last_checkpoint(connection)
        return 0 if last is None else last.size

    def checkpoint(self, size: int | None = None) -> str:
        """The newest checkpoint, or the one of a size, with what witnesses have signed.

        Raises NotSealedYet before there is one, and NoSuchCheckpoint.
        """
        with self._connect() as connection:
            kept = (
                last_checkpoint(connection) if size is None else checkpoint_from(connection, size)
            )
            if kept is None or size not in {None, kept.size}:
                raise NotSealedYet if size is None else NoSuchCheckpoint(size=size)
            return kept.note + "".join(cosignatures_of(connection, kept))

    def signed_at(self, position: int) -> datetime | None:
        """When a checkpoint covered a position first, as the database noted; None: none does."""
        with self._connect() as connection:
            return first_signed(connection, position)

    def verifiers(self) -> list[Verifier]:
        """The public keys that ever signed: whoever checks the log compares them with theirs."""
        with self._connect() as connection:
            return [Verifier.parse(vkey) for vkey in keys_of(connection)]

    def receipt(self, position: int) -> Receipt:
        """What proves the entry at a position, by the newest checkpoint. Raises NotSealedYet."""
        with self._connect() as connection:
            last = last_checkpoint(connection)
            if last is None or last.size < position:
                raise NotSealedYet(position=position)
            tree = Tree(last.size, TileTable(connection).read)
            note = last.note + "".join(cosignatures_of(connection, last))
            return Receipt(position - 1, tree.inclusion_proof(position - 1), note)

    def consistency(self, earlier: int, later: int) -> list[bytes]:
        """What proves that the log of one size begins with that of another, both signed.

        Raises NoSuchCheckpoint.
        """
        with self._connect() as connection:
            for size in (earlier, later):
                kept = checkpoint_from(connection, size)
                if kept is None or kept.size != size:
                    raise NoSuchCheckpoint(size=size)
        if earlier > later:
            raise NoSuchCheckpoint(f"a log of {later} does not begin with one of {earlier}")
        return self.proof_between(earlier, later)

    def proof_between(self, earlier: int, later: int) -> list[bytes]:
        """The proof of consistency between two sizes, whether or not both were signed."""
        with self._connect() as connection:
            return Tree(later, TileTable(connection).read).consistency_proof(earlier)

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """The first hashes of a tile. Raises NoSuchTile if it is not so wide."""
        with self._connect() as connection:
            signed = last_checkpoint(connection)
            hashes = TileTable(connection).read(level, index)
        there = 0 if signed is None else (signed.size >> (8 * level)) - index * TILE_WIDTH
        if not 0 < width <= min(there, TILE_WIDTH, len(hashes) // 32):
            raise NoSuchTile(level=level, index=index, width=width)
        return hashes[: width * 32]

    def bundle(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """The entries of a tile of level 0, each after its length. Raises NoSuchTile."""
        first = index * TILE_WIDTH
        if not 0 < width <= min(TILE_WIDTH, self.signed_size() - first):
            raise NoSuchTile(level=0, index=index, width=width)
        pages = self._log.pages(first, first + width)
        return bundled([entry for page in pages for _, entry in page])

    def cosigned(self, size: int, lines: Sequence[str]) -> None:
        """Keep what a witness has signed of a checkpoint."""
        with self._connect() as connection:
            kept = checkpoint_from(connection, size)
            if kept is None or kept.size != size:
                raise NoSuchCheckpoint(size=size)
            add_cosignatures(connection, kept, lines)


def bundled(entries: Sequence[bytes]) -> bytes:
    """Entries as C2SP tlog-tiles serves them: each after its length in two bytes."""
    return b"".join(len(entry).to_bytes(ENTRY_LENGTH_BYTES, "big") + entry for entry in entries)


def _alone(connection: psycopg.Connection) -> bool:
    """Whether nobody else grows this tree, until the transaction ends."""
    row = connection.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '/tree', 0))"
    ).fetchone()
    return row is not None and bool(row[0])
