"""The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, roots, and the two proofs.

A tree is read through *tiles* (C2SP tlog-tiles): 256 hashes side by side, at every eighth level.
What lies between two tiles is hashed again from the lower one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of the tree without leaves."""

TileReader = Callable[[int, int], bytes]
"""Gives the hashes of a tile, by its level and its index, as far as there are any."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def folded(hashes: bytes) -> bytes:
    """The root over a power of two of hashes that lie side by side."""
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    assert level, "a tree over nothing has no node"
    assert not len(level) & (len(level) - 1), f"{len(level)} hashes are no whole subtree"
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


class Tree:
    """The tree over the first ``size`` leaves of a log, read through its tiles."""

    def __init__(self, size: int, tile: TileReader) -> None:
        self.size = size
        self._tile = tile

    def root(self) -> bytes:
        """The hash that stands for all leaves and their order: MTH in RFC 6962."""
        return self._range(0, self.size) if self.size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """The hash of one leaf."""
        return self._node(0, index)

    def inclusion_proof(self, index: int) -> list[bytes]:
        """What leads from a leaf to the root, from the leaf's sibling up: PATH in RFC 6962."""
        if not 0 <= index < self.size:
            message = f"a tree of {self.size} leaves has no leaf {index}"
            raise IndexError(message)
        proof: list[bytes] = []
        begin, end = 0, self.size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(begin, middle))
                begin = middle
        return proof[::-1]

    def consistency_proof(self, earlier: int) -> list[bytes]:
        """What shows that this tree begins with the first ``earlier`` leaves: PROOF in RFC 6962."""
        if not 0 <= earlier <= self.size:
            message = f"a tree of {self.size} leaves does not contain one of {earlier}"
            raise IndexError(message)
        if earlier in {0, self.size}:
            return []
        proof: list[bytes] = []
        begin, end, whole = 0, self.size, True
        while earlier != end:
            middle = begin + _split(end - begin)
            if earlier <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(begin, middle))
                begin, whole = middle, False
        if not whole:
            proof.append(self._range(begin, end))
        return proof[::-1]

    def _range(self, begin: int, end: int) -> bytes:
        """The hash over leaves that are a subtree of this tree."""
        width = end - begin
        if not width & (width - 1) and begin % width == 0:
            level = width.bit_length() - 1
            return self._node(level, begin >> level)
        middle = begin + _split(width)
        return node_hash(self._range(begin, middle), self._range(middle, end))

    def _node(self, level: int, index: int) -> bytes:
        """The hash of a whole subtree of ``2**level`` leaves."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile, within = divmod(index << height, TILE_WIDTH)
        end = (within + (1 << height)) * HASH_BYTES
        hashes = self._tile(tile_level, tile)
        if len(hashes) < end:
            message = f"tile {tile_level}/{tile} holds {len(hashes) // HASH_BYTES} hashes, too few"
            raise LookupError(message)
        return folded(hashes[within * HASH_BYTES : end])


def _split(width: int) -> int:
    """The largest power of two below a width."""
    return 1 << ((width - 1).bit_length() - 1)


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); None if its form is wrong."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(
    earlier: int, earlier_root: bytes, later: int, later_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that one tree begins with the other (RFC 9162, 2.1.4.2)."""
    if not 0 <= earlier <= later:
        return False
    if earlier == later:
        return not proof and earlier_root == later_root
    if earlier == 0:
        return not proof and earlier_root == EMPTY_ROOT
    path = list(proof)
    if not earlier & (earlier - 1):
        path.insert(0, earlier_root)
    if not path:
        return False
    at, last = earlier - 1, later - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == earlier_root and second == later_root


class Growth:
    """Leaves on their way into a tree: the tiles that they fill, from the right edge of before."""

    def __init__(self, size: int, tile: TileReader) -> None:
        self.size = size
        self.changed: dict[tuple[int, int], bytearray] = {}
        """Every tile that was begun or went on, by its level and index, whole."""
        self._tile = tile

    def add(self, leaves: Iterable[bytes]) -> None:
        """Put the hashes of leaves behind those that are there."""
        for leaf in leaves:
            self._put(0, self.size, leaf)
            self.size += 1

    def _put(self, level: int, index: int, value: bytes) -> None:
        at, within = divmod(index, TILE_WIDTH)
        tile = self.changed.get((level, at))
        if tile is None:
            there = self._tile(level, at) if within else b""
            assert len(there) >= within * HASH_BYTES, f"tile {level}/{at} is not there"
            tile = self.changed[level, at] = bytearray(there[: within * HASH_BYTES])
        tile += value
        if within == TILE_WIDTH - 1:
            self._put(level + 1, at, folded(bytes(tile)))

    def read(self, level: int, index: int) -> bytes:
        """The hashes of a tile, new or of before."""
        changed = self.changed.get((level, index))
        return self._tile(level, index) if changed is None else bytes(changed)
