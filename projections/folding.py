"""Folding events into rows: the same lines for live, catch-up, rebuild and time travel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from domain.reading import EntryReader, Fact, Facts, Read, SketchReader, as_read
from projections.failures import HandlerFailed
from projections.fold import Fold, owner_of
from projections.owners import Owners, Roots
from projections.selection import Selection, When
from projections.tables import in_batches
from projections.voids import VoidHistory
from store.log import Log
from store.windows import Window

OWNERS_AT_ONCE: Final = 500
"""Owners that are folded again together, so that memory is bounded."""
EVENTS_AT_ONCE: Final = 1_000
POSITIONS_AT_ONCE: Final = 5_000
"""Positions of the log whose events are in memory at once."""
ROWS_AT_ONCE: Final = 300_000
"""Owners whose rows are folded along the log together, so that memory is bounded."""
PROBE_COSTS: Final = 15
"""Looking up what one owner did takes about as long as reading so many events on the way."""

Piece = tuple[Fact, Sequence[str]]
"""An event, and the keys of the rows that it changes."""
Mine = Callable[[str], bool]
"""Whether the rows of an owner are to be folded here."""


class Folding:
    """One fold over one log: which rows events change, and their folding."""

    def __init__(
        self, fold: type[Fold], log: Log, voids: VoidHistory, roots: Roots | None = None
    ) -> None:
        self.fold = fold
        self._instance = fold()
        self._handlers = as_read(fold.handlers)
        self._entries = EntryReader(fold.types)
        self._log = log
        self._voids = voids
        self.roots = (roots or Roots(log, voids, fold.aliases)) if fold.aliases else None
        self.owners = Owners(fold, self.roots)

    def owned(
        self, events: Facts | Sequence[Fact], known: int
    ) -> Iterator[tuple[Fact, Sequence[str]]]:
        """The events that the fold handles, each with its owners."""
        facts = events if isinstance(events, Facts) else Facts(events)
        mine = facts.of(self.owners.ids)
        return zip(mine, self.owners.of(mine, known), strict=True)

    def pieces(self, events: Facts | Sequence[Fact], known: int, mine: Mine = bool) -> list[Piece]:
        """Which rows events change, in order: those of the owners that are ``mine``, or of all."""
        owned = self.owned(events, known)
        if mine is not bool:
            owned = ((one, [*filter(mine, owners)]) for one, owners in owned)
        if self.fold.keys is Fold.keys:  # a row for each owner, as nearly always
            return list(owned)
        keys = self._keys
        return [
            (one, [key for owner in owners for key in keys(owner, one)]) for one, owners in owned
        ]

    def _keys(self, owner: str, one: Fact) -> Iterable[str]:
        try:
            keys = tuple(self._instance.keys(owner, one.event, one.envelope))
            for key in keys:
                assert owner_of(key) == owner, key
        except Exception as error:
            raise HandlerFailed(one, self.fold.__name__, error) from error
        return keys

    def apply(self, rows: dict[str, Any], pieces: Iterable[Piece]) -> None:
        """Fold events into the rows; a key that has none yet gets a new row."""
        instance, handlers, new = self._instance, self._handlers, self.fold.Row
        one: Fact | None = None
        try:
            for one, keys in pieces:
                for key in keys:
                    row = rows.get(key)
                    if row is None:
                        row = rows[key] = new(key)
                    event = one.event
                    handlers[type(event)](instance, row, event, one.envelope)
        except Exception as error:
            if one is None:
                raise
            raise HandlerFailed(one, self.fold.__name__, error) from error

    def again(
        self, owners: Collection[str], until: int, known: int
    ) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Fold owners again from their tags: some owners, and all rows that they have now.

        Events up to ``until`` count, but for those that were voided by ``known``.
        """
        for some in in_batches(sorted(owners), OWNERS_AT_ONCE):
            chosen = frozenset(some)
            rows: dict[str, Any] = {}
            tags = self.owners.tags_of(some, known)
            windows = self._log.tagged_windows(tags, types=self.fold.types, until=until)
            for found in self._read(windows):
                # Hashes found them; whose they are, and so whether they count, the events say.
                visible = self._voids.visible(found, known)
                self.apply(rows, self.pieces(visible, known, chosen.__contains__))
            yield some, rows

    def every(self, known: int) -> dict[str, Any]:
        """All rows that there are at a position: for a fold that has few of them."""
        rows: dict[str, Any] = {}
        self._voids.read_until(known)
        for found in self._along(known, rare=True):
            self.apply(rows, self.pieces(self._voids.visible(found, known), known))
        return rows

    def among(
        self, owners: Collection[str] | None, until: int, known: int
    ) -> Iterator[dict[str, Any]]:
        """The rows of these owners, or of all, some at a time: found by tag, or along the log.

        As :meth:`again`, for any number of owners: looking each of them up takes longer than
        reading on where they are many.
        """
        if owners is not None and len(owners) * PROBE_COSTS < until:
            yield from (rows for _, rows in self.again(owners, until, known))
            return
        for some in [None] if owners is None else in_batches(sorted(owners), ROWS_AT_ONCE):
            mine: Mine = bool if some is None else frozenset(some).__contains__
            rows: dict[str, Any] = {}
            if self.roots is not None:
                self.roots.learn(known)
            # Whose rows are all wanted is often a fold with few of them: plans, and the like.
            for found in self._along(until, rare=owners is None):
                self.apply(rows, self.pieces(self._voids.visible(found, known), known, mine))
            yield rows

    def walk(self, owners: Collection[str], until: int, known: int) -> Iterator[tuple[str, Fact]]:
        """The events of these owners with the keys of the rows that they change, in order.

        As :meth:`among`, one event after another, for who wants to see each of them.
        """
        mine = frozenset(owners).__contains__
        if len(owners) <= OWNERS_AT_ONCE:
            tags = self.owners.tags_of(owners, known)
            windows = self._log.tagged_windows(tags, types=self.fold.types, until=until)
            read = self._read(windows)
        else:
            if self.roots is not None:
                self.roots.learn(known)
            read = self._along(until)
        for found in read:
            for one, keys in self.pieces(self._voids.visible(found, known), known, mine):
                for key in keys:
                    yield key, one

    def owners_tagged(self, tag: str, until: int, known: int) -> set[str]:
        """The owners of the events that carry a tag, up to ``until``."""
        entries = SketchReader(self.fold.types)
        owners: set[str] = set()
        for window in self._log.tagged_windows([tag], types=self.fold.types, until=until):
            found = entries.read(window.positions, window.joined)
            for _, some in self.owned(self._voids.visible(found, known), known):
                owners.update(some)
        return owners

    def _along(self, until: int, *, rare: bool = False) -> Iterator[list[Read]]:
        """Every event of the fold's types up to a position, many at a time."""
        if rare:
            windows = self._log.rare_windows(0, until, self.fold.types, size=POSITIONS_AT_ONCE)
        else:
            windows = self._log.windows(0, until, self.fold.types, size=POSITIONS_AT_ONCE)
        return self._read(windows)

    def _read(self, windows: Iterable[Window]) -> Iterator[list[Read]]:
        return (self._entries.read(one.positions, one.joined) for one in windows)

    def row(self, key: str, until: int) -> Any:
        """One row, folded over the events up to a position; None if there is none."""
        for _, rows in self.again([owner_of(key)], until, until):
            return rows.get(key)
        return None


def fold_key(
    log: Log,
    fold: type[Fold],
    key: str,
    *,
    until: int | None = None,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Any:
    """One row of a fold over a selection of the log, or None if it has none.

    Over the events up to a position, that had happened before ``as_of``, and that had been
    recorded before ``known_at``: so a row can be had as it was known before a void or an
    identification. Without any of these it is the row as of the head.
    """
    selection = Selection.of(log, When(as_of, known_at), until=until)
    return Folding(fold, log, selection).row(key, selection.position)
