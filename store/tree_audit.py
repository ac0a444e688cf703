"""The tree that the entries give, beside the tree that is stored and the roots that were signed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from store.audit_rows import Finding
from store.merkle import HASH_BYTES, TILE_WIDTH, Growth, Tree, leaf_hash
from store.notes import InvalidNote, Verifier, opened
from store.tree_tables import Kept, TileTable


class TreeAudit:
    """Hashes the leaves again, one after another, and compares what becomes of them."""

    def __init__(
        self, stored: TileTable, checkpoints: Iterable[Kept], trusted: Sequence[Verifier]
    ) -> None:
        self.findings: list[Finding] = []
        self._stored = stored
        self._leaves = stored.leaves()
        self._waiting = deque(checkpoints)
        self._trusted = trusted
        self._growth = Growth(0, lambda _level, _index: b"")
        self._compared: set[tuple[int, int]] = set()
        self._wrong: set[tuple[int, int]] = set()

    def add(self, entry: bytes | None) -> None:
        """The next entry; None for one that cannot be read: the stored hash stands in for it."""
        if self._growth.size < self._leaves:
            self._growth.add([self._stored_leaf() if entry is None else leaf_hash(entry)])
            if self._growth.size % TILE_WIDTH == 0:
                self._compare_whole_tiles()
        while self._waiting and self._waiting[0].size <= self._growth.size:
            self._check(self._waiting.popleft())

    def end(self, last: int) -> None:
        """There is no entry beyond this position."""
        for (level, index), ours in sorted(self._growth.changed.items()):
            self._compare(level, index, bytes(ours))
        if self._leaves > last:
            message = f"the tree holds {self._leaves:,} entries: the last ones were removed"
            self.findings.append(Finding(last + 1, message))
        for kept in self._waiting:
            message = f"a checkpoint of {kept.size:,} was signed, and there are not so many sealed"
            self.findings.append(Finding(self._growth.size + 1, message))

    def _stored_leaf(self) -> bytes:
        tile, at = divmod(self._growth.size, TILE_WIDTH)
        return self._stored.read(0, tile)[at * HASH_BYTES : (at + 1) * HASH_BYTES]

    def _compare_whole_tiles(self) -> None:
        """Compare the tiles that were just completed, and let those of leaves go."""
        for (level, index), ours in sorted(self._growth.changed.items()):
            if len(ours) < TILE_WIDTH * HASH_BYTES or (level, index) in self._compared:
                continue
            self._compare(level, index, bytes(ours))
            if level == 0:
                # It stands in the level above; no root looks at it again.
                del self._growth.changed[level, index]
            else:
                self._compared.add((level, index))

    def _compare(self, level: int, index: int, ours: bytes) -> None:
        if (level, index) in self._compared:
            return
        stored = self._stored.read(level, index)
        for at in range(0, max(len(ours), len(stored)), HASH_BYTES):
            if ours[at : at + HASH_BYTES] == stored[at : at + HASH_BYTES]:
                continue
            self._wrong.add((level, index))
            below = index * TILE_WIDTH + at // HASH_BYTES
            if (level - 1, below) in self._wrong:
                continue  # this only follows from what was told already
            span = TILE_WIDTH**level
            what = "the entry" if level == 0 else f"the {span:,} entries from here on"
            message = f"the hash of {what} is another one than tile {level}/{index} holds"
            self.findings.append(Finding(below * span + 1, message))

    def _check(self, kept: Kept) -> None:
        """A signed root against the root of what is there now."""
        size = kept.size
        root = Tree(size, self._growth.read).root()
        if root != kept.root:
            message = f"the root over the first {size:,} entries is not the one of the checkpoint"
            self.findings.append(Finding(size, message))
        try:
            said, _ = opened(kept.note, self._trusted)
        except InvalidNote as error:
            self.findings.append(Finding(size, f"the checkpoint of {size:,}: {error}"))
            return
        if (said.size, said.root) != (size, root):
            message = f"what was signed for {size:,} entries is another size or root"
            self.findings.append(Finding(size, message))
