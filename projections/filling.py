"""Filling the tables of a build: rows are folded in memory, and written when they become many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from projections.builds import Checkpoint
from projections.fold import Fold
from projections.pages import Page
from projections.passes import FEW_ROWS, Notes, Slices
from projections.shares import WHOLE, Parts
from projections.tables import FoldTable, Rows, create_indexes, create_key
from projections.totals import Sums

if TYPE_CHECKING:
    from projections.engine import Engine


class Filling:
    """One share of a build on its way from its checkpoint to the horizon.

    What the horizon knows is reckoned with from the first event on, so nothing is folded twice,
    and what a row contributes to totals is counted when the row is written. Nobody else writes
    these rows, so those that are in memory need not be read again.
    """

    def __init__(
        self,
        engine: Engine,
        connection: psycopg.Connection,
        checkpoint: Checkpoint,
        parts: Parts | None = None,
    ) -> None:
        self.engine = engine
        self.checkpoint = checkpoint
        folds = engine.projection.folds
        whole = dict.fromkeys(folds, WHOLE)
        self.parts = whole if parts is None else {one: parts[one] for one in folds if one in parts}
        self._alone = self.parts == whole
        self._mine = {fold: part.mine() for fold, part in self.parts.items()}
        self._connection = connection
        self._rows: dict[type[Fold], Rows] = {fold: {} for fold in self.parts}
        self._sums = Sums(engine.projection)
        self._few: set[type[Fold]] = set()

    def take(self, page: Page, slices: Slices | None = None, notes: Notes | None = None) -> None:
        """Fold a page into the rows of this share, or into those of some slices of it."""
        known = self.checkpoint.horizon
        events = self.engine.pages.visible(page, known)
        for fold, rows in self._rows.items():
            folding = self.engine.foldings[fold]
            if slices is not None and fold in self._few and notes is None:
                continue  # the first pass had all of it
            if folding.roots is not None:
                folding.roots.learn(known)
            pieces = folding.pieces(events, known, self._mine[fold])
            if slices is not None and fold not in self._few:
                pieces = slices.chosen(pieces, notes)
            if self.checkpoint.position:
                missing = {key for _, keys in pieces for key in keys if key not in rows}
                table = self.engine.table(self._connection, fold, self.checkpoint.build)
                found = table.load(missing)
                self._count(fold, found, -1)
                rows.update(found)
            folding.apply(rows, pieces)

    def _count(self, fold: type[Fold], rows: Rows, sign: int) -> None:
        if rows:
            contexts = self.engine.contexts_at(self.checkpoint.horizon)
            self._sums.count(fold, rows.values(), contexts, sign)

    def begin_again(self) -> None:
        """Forget all rows, to fold them in slices; but for folds that have few of them."""
        self._few = {fold for fold, rows in self._rows.items() if len(rows) <= FEW_ROWS}
        for rows in self._rows.values():
            rows.clear()

    def keep(self, slices: Slices) -> None:
        """Forget the rows of all other slices; nothing of them was written."""
        for fold, rows in self._rows.items():
            if fold not in self._few:
                for key in [key for key in rows if not slices.has(key)]:
                    del rows[key]

    def write_slices(self) -> None:
        """Write the rows of some slices and forget them, where others are still to come.

        In the caller's transaction. Nobody goes on with a filling whose slices are not all written.
        """
        for fold, rows in self._rows.items():
            self._count(fold, rows, +1)
            self.engine.table(self._connection, fold, self.checkpoint.build).insert(rows)
            rows.clear()

    def write(self, position: int) -> None:
        """Write the rows; what was taken in reaches up to this position.

        In the caller's transaction, which moves the checkpoint too. Nobody goes on with it.
        """
        build = self.checkpoint.build
        for fold, rows in self._rows.items():
            self._count(fold, rows, +1)
            table = self.engine.table(self._connection, fold, build)
            if self.checkpoint.position:
                table.write(rows)
            else:
                self._write_first(fold, table, rows, last=position == self.checkpoint.horizon)
        self._sums.write(self._connection, build, alone=self._alone)

    def _write_first(self, fold: type[Fold], table: FoldTable, rows: Rows, *, last: bool) -> None:
        """Write rows into a table without indexes, and make them as soon as they are wanted."""
        shared = self.parts[fold] != WHOLE
        if shared and not last:
            table.lock()  # before the others of the share write, or each waits for the other
        table.insert(rows)
        version, build = self.engine.projection.version, self.checkpoint.build
        if not last:
            create_key(self._connection, fold, version, build)
        elif not shared:
            create_indexes(self._connection, fold, version, build)
