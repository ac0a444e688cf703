"""Filling the tables of a build: rows are folded in memory, and written when they become many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import psycopg

from projections.aside import ASIDE_ROWS_MAX, Aside
from projections.builds import Checkpoint
from projections.fold import Fold
from projections.folding import Piece
from projections.pages import Page
from projections.shares import WHOLE, Parts
from projections.tables import FoldTable, Rows, create_indexes, create_key, decoder_of
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
        self._aside = {
            fold: Aside(decoder_of(fold.Row)) for fold in self.parts if fold.keys is Fold.keys
        }
        """Of folds with many rows for each owner few change again: these are written at once."""
        self._written: set[type[Fold]] = set(self.parts if checkpoint.position else ())
        """Folds whose tables have rows of this share."""
        self._sums = Sums(engine.projection)

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
            if folding.roots is not None:
                folding.roots.learn(known)
            pieces = folding.pieces(events, known, self._mine[fold])
            self._bring_back(fold, rows, pieces)
            folding.apply(rows, pieces)

    def _bring_back(self, fold: type[Fold], rows: Rows, pieces: list[Piece]) -> None:
        aside = self._aside.get(fold)
        if aside:
            rows.update(aside.take({key for key, _ in pieces if key not in rows}))
        if fold in self._written:
            missing = {key for key, _ in pieces if key not in rows}
            found = self._table(fold).load(missing)
            self._count(fold, found, -1)
            rows.update(found)

    def _table(self, fold: type[Fold]) -> FoldTable:
        return self.engine.table(self._connection, fold, self.checkpoint.build)

    def _count(self, fold: type[Fold], rows: Rows, sign: int) -> None:
        if rows:
            contexts = self.engine.contexts_at(self.checkpoint.horizon)
            self._sums.count(fold, rows.values(), contexts, sign)

    def write(self, position: int, *, goes_on: bool = False) -> None:
        """Write the rows and forget them; what was taken in reaches up to this position.

        In the caller's transaction, which moves the checkpoint too. Of a filling that goes on, and
        that nobody else can go on with, most rows are put aside instead, up to the last time.
        """
        last = position == self.checkpoint.horizon
        for fold, rows in self._rows.items():
            if not (goes_on and not last and self._put_aside(fold, rows)):
                self._write(fold, rows, last=last)
            rows.clear()
        self._sums.write(self._connection, self.checkpoint.build, alone=self._alone)
        self._sums = Sums(self.engine.projection)
        self.checkpoint = self.checkpoint._replace(position=position)

    def close(self) -> None:
        """Give back the room of what was put aside."""
        for aside in self._aside.values():
            aside.close()

    def _put_aside(self, fold: type[Fold], rows: Rows) -> bool:
        aside = self._aside.get(fold)
        if aside is None or fold in self._written or len(aside) + len(rows) > ASIDE_ROWS_MAX:
            return False
        aside.put(rows)
        return True

    def _write(self, fold: type[Fold], rows: Rows, *, last: bool) -> None:
        if fold in self._written:
            self._count(fold, rows, +1)
            self._table(fold).write(rows)
        else:
            self._write_first(fold, rows, last=last)

    def _write_first(self, fold: type[Fold], rows: Rows, *, last: bool) -> None:
        """Write rows into a table without indexes, and make them as soon as they are wanted."""
        shared = self.parts[fold] != WHOLE
        table = self._table(fold)
        if shared and not last:
            table.lock()  # before the others of the share write, or each waits for the other
        self.engine.contexts_at(self.checkpoint.horizon)  # may need the connection, as copying does
        table.insert(self._counted(fold, rows))
        self._written.add(fold)
        version, build = self.engine.projection.version, self.checkpoint.build
        if not last:
            create_key(self._connection, fold, version, build)
        elif not shared:
            create_indexes(self._connection, fold, version, build)

    def _counted(self, fold: type[Fold], rows: Rows) -> Iterator[Rows]:
        """The rows of a fold, those in memory and those put aside, as they are counted."""
        aside = self._aside.get(fold)
        for some in chain([rows], aside.drained() if aside else ()):
            self._count(fold, some, +1)
            yield some
