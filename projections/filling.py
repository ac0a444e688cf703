"""Filling the tables of a build: rows are folded in memory, and written when they become many."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import psycopg

from projections.builds import Checkpoint
from projections.fold import Fold
from projections.pages import Page
from projections.tables import Rows

if TYPE_CHECKING:
    from projections.engine import Engine


def share_of(owner: str, shares: int) -> int:
    """The share that an owner's rows belong to: the same in every process."""
    return crc32(owner.encode()) % shares


class Filling:
    """One share of a build on its way from its checkpoint to the horizon.

    What the horizon knows is reckoned with from the first event on, so nothing is folded twice.
    Nobody else writes these rows, so those that are in memory need not be read again.
    """

    def __init__(
        self,
        engine: Engine,
        connection: psycopg.Connection,
        checkpoint: Checkpoint,
        shares: int = 1,
    ) -> None:
        self.engine = engine
        self.checkpoint = checkpoint
        self._shares = shares
        self._connection = connection
        self._rows: dict[type[Fold], Rows] = {fold: {} for fold in engine.projection.folds}

    @property
    def rows_count(self) -> int:
        """How many rows are kept in memory."""
        return sum(map(len, self._rows.values()))

    def take(self, page: Page) -> None:
        """Fold a page into the rows of this share."""
        known = self.checkpoint.horizon
        events = self.engine.pages.visible(page, known)
        for fold, rows in self._rows.items():
            folding = self.engine.foldings[fold]
            pieces = [
                piece
                for owner, piece in folding.pieces(events, known)
                if self._shares == 1 or share_of(owner, self._shares) == self.checkpoint.share
            ]
            if self.checkpoint.position:
                missing = {key for key, _ in pieces if key not in rows}
                table = self.engine.table(self._connection, fold, self.checkpoint.build)
                rows.update(table.load(missing))
            folding.apply(rows, pieces)

    def write(self, position: int) -> None:
        """Write the rows and forget them; what was taken in reaches up to this position.

        In the caller's transaction, which moves the checkpoint too.
        """
        for fold, rows in self._rows.items():
            table = self.engine.table(self._connection, fold, self.checkpoint.build)
            if self.checkpoint.position:
                table.write(rows)
            else:
                table.insert(rows)
            rows.clear()
        self.checkpoint = self.checkpoint._replace(position=position)
