"""The engine: takes a build of a projection from its checkpoint to a position, in one transaction.

What a row is does not depend on how it came about: it is the fold of the events of its tags up to
the checkpoint, leaving out those voided by then, with the aliases known by then. A step keeps that
true while the checkpoint moves: it folds the new events into the rows that they change, and folds
*again* the rows whose past changed, because something was voided or somebody was identified. A
build that is being filled reckons from its first event on with all that its horizon knows, so it
folds nothing twice, and counts each row for its totals when the row is written.
"""

from __future__ import annotations

from typing import Final

import psycopg

from domain.reading import Facts
from projections import builds
from projections.aliases import Aliases
from projections.builds import Checkpoint
from projections.filling import Filling
from projections.fold import Fold, Projection, owner_of
from projections.folding import EVENTS_AT_ONCE, Folding
from projections.owners import Roots
from projections.pages import Page, Pages
from projections.past import ChangedPast
from projections.shares import Parts
from projections.tables import FoldTable, in_batches, table_name
from projections.totals import Contexts, Totals
from projections.voids import VoidHistory
from store.log import Log
from store.query import Query, QueryItem

BATCH_EVENTS: Final = 10_000
"""Events that one transaction takes in at most: whoever is behind takes large steps."""
ROWS_AT_ONCE: Final = 5_000

Aliased = tuple[type[Aliases], ...]


class Engine:
    """Folds one projection. Not shared by threads; what it remembers it could read again."""

    def __init__(
        self,
        log: Log,
        projection: Projection,
        voids: VoidHistory,
        pages: Pages,
        roots: dict[Aliased, Roots] | None = None,
    ) -> None:
        """``roots`` are shared by engines that always stand at the same position."""
        shared: dict[Aliased, Roots] = {} if roots is None else roots
        self.projection = projection
        self.log = log
        self.voids = voids
        self.pages = pages
        for fold in projection.folds:
            if fold.aliases not in shared:
                shared[fold.aliases] = Roots(log, voids, fold.aliases)
        self.foldings = {
            fold: Folding(fold, log, voids, shared[fold.aliases]) for fold in projection.folds
        }
        self.context_folds = tuple(
            dict.fromkeys(total.context for total in projection.totals if total.context is not None)
        )
        """The folds that totals read; they are folded first."""
        self.other_folds = tuple(
            fold for fold in projection.folds if fold not in self.context_folds
        )
        self._contexts: tuple[int, int, Contexts] = (0, 0, {})
        self._contexts_at: tuple[int, Contexts] = (-1, {})

    def step(
        self,
        connection: psycopg.Connection,
        build: int,
        until: int,
        *,
        events_max: int = BATCH_EVENTS,
        share: int = 0,
        parts: Parts | None = None,
    ) -> int | None:
        """Take in the next events, at most ``events_max`` and up to ``until``.

        Returns where the checkpoint stands now; None if somebody else is at it, or the build is
        gone, or it failed. Raises HandlerFailed, and then nothing has changed.
        """
        with connection.transaction():
            checkpoint = builds.lock(connection, build, share)
            if checkpoint is None or checkpoint.failed_position is not None:
                return None
            if checkpoint.filling:
                until = min(until, checkpoint.horizon)
            target = min(checkpoint.position + events_max, until)
            if target <= checkpoint.position:
                return checkpoint.position
            page = self.pages.next(checkpoint.position, target)
            if checkpoint.filling:
                filling = Filling(self, connection, checkpoint, parts)
                filling.take(page)
                filling.write(page.end)
            else:
                self._advance(connection, checkpoint, page)
            builds.move(connection, checkpoint, page.end)
        return page.end

    def _advance(self, connection: psycopg.Connection, checkpoint: Checkpoint, page: Page) -> None:
        """Fold what is new, fold again what has another past now, and let the totals follow."""
        target = page.end
        events = self.pages.visible(page, target)
        past = ChangedPast(self.log, self.voids, (page.after, target), events)
        totals = self._totals(connection, checkpoint)
        touched: dict[type[Fold], set[str]] = {}
        for fold in (*self.context_folds, *self.other_folds):
            if fold in self.other_folds:
                totals.contexts_are_known()
            table = self.table(connection, fold, checkpoint.build)
            stale = past.owners(self.foldings[fold])
            self._fold_again(table, totals, stale, target)
            touched[fold] = stale | self._fold_new(table, totals, events, stale, target)
        totals.contexts_are_known()
        self._recount(connection, checkpoint, totals, touched, target)
        totals.sums.write(connection, checkpoint.build)
        self._contexts = (checkpoint.build, target, totals.now)

    def _fold_again(self, table: FoldTable, totals: Totals, owners: set[str], target: int) -> None:
        for some, rows in self.foldings[table.fold].again(owners, target, target):
            old = table.load_owned(some)
            totals.was(table.fold, old)
            table.remove(old.keys() - rows.keys())
            table.write(rows)
            totals.becomes(table.fold, rows)

    def _fold_new(
        self,
        table: FoldTable,
        totals: Totals,
        events: Facts,
        stale: set[str],
        target: int,
    ) -> set[str]:
        """Fold new events into the rows of owners that were not folded again; returns these."""
        folding = self.foldings[table.fold]
        pieces = folding.pieces(events, target, lambda owner: owner not in stale)
        rows = table.load({key for _, keys in pieces for key in keys})
        totals.was(table.fold, rows)
        folding.apply(rows, pieces)
        table.write(rows)
        totals.becomes(table.fold, rows)
        return {owner_of(key) for key in rows}

    def _recount(
        self,
        connection: psycopg.Connection,
        checkpoint: Checkpoint,
        totals: Totals,
        touched: dict[type[Fold], set[str]],
        target: int,
    ) -> None:
        """Rows that did not change contribute again where what they look up changed."""
        changed = totals.changed_contexts()
        for total in self.projection.totals:
            if total.context is None or total.context not in changed:
                continue
            folding = self.foldings[total.of]
            table = self.table(connection, total.of, checkpoint.build)
            owners: set[str] = set()
            for key in changed[total.context]:
                query = Query((QueryItem(tuple(total.of.types), (f"{total.context.key}:{key}",)),))
                events = self.log.read(query, until=checkpoint.position)
                for page in in_batches(events, EVENTS_AT_ONCE):
                    for _, some in folding.owned(page, target):
                        owners.update(some)
            for some in in_batches(sorted(owners - touched[total.of]), ROWS_AT_ONCE):
                totals.recount(total, table.load_owned(some).values())

    def _totals(self, connection: psycopg.Connection, checkpoint: Checkpoint) -> Totals:
        build, position, contexts = self._contexts
        # After a step that was rolled back, or one of another process, they are read again.
        if (build, position) != (checkpoint.build, checkpoint.position):
            contexts = {
                fold: self.table(connection, fold, checkpoint.build).every()
                for fold in self.context_folds
            }
        return Totals(self.projection, contexts)

    def contexts_at(self, known: int) -> Contexts:
        """All rows that totals read, as they are for who knows the log up to a position."""
        if self._contexts_at[0] != known:
            found = {fold: self.foldings[fold].every(known) for fold in self.context_folds}
            self._contexts_at = (known, found)
        return self._contexts_at[1]

    def complete(self, connection: psycopg.Connection, build: int) -> None:
        """End the filling of a build. In the caller's transaction."""
        builds.end_filling(connection, self.projection, build)

    def table(self, connection: psycopg.Connection, fold: type[Fold], build: int) -> FoldTable:
        """The rows of a fold in a build."""
        return FoldTable(connection, fold, table_name(fold, self.projection.version, build))
