"""Folding events into rows: the same lines for live, catch-up, rebuild and time travel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from domain.envelope import Recorded
from projections.failures import HandlerFailed
from projections.fold import Fold, owner_of
from projections.owners import Owners, Roots
from projections.tables import in_batches
from projections.voids import VoidHistory
from store.log import Log

OWNERS_AT_ONCE: Final = 500
"""Owners that are folded again together, so that memory is bounded."""
EVENTS_AT_ONCE: Final = 1_000

Piece = tuple[str, Recorded]
"""An event, and the key of a row that it changes."""


class Folding:
    """One fold over one log: which rows events change, and their folding."""

    def __init__(self, fold: type[Fold], log: Log, voids: VoidHistory) -> None:
        self.fold = fold
        self._instance = fold()
        self._log = log
        self._voids = voids
        self.roots = Roots(log, voids, fold.aliases) if fold.aliases else None
        self.owners = Owners(fold, self.roots)

    def owned(self, events: Iterable[Recorded], known: int) -> Iterator[tuple[Recorded, list[str]]]:
        """The events that the fold handles, each with its owners."""
        types = self.fold.types
        mine = [one for one in events if one.envelope.type in types]
        return zip(mine, self.owners.of(mine, known), strict=True)

    def pieces(self, events: Iterable[Recorded], known: int) -> Iterator[tuple[str, Piece]]:
        """Take events apart by owner and row: ``(owner, (key, event))``, in order."""
        plain = self.fold.keys is Fold.keys
        for recorded, owners in self.owned(events, known):
            for owner in owners:
                if plain:
                    yield owner, (owner, recorded)
                else:
                    for key in self._keys(owner, recorded):
                        yield owner, (key, recorded)

    def _keys(self, owner: str, recorded: Recorded) -> Iterable[str]:
        try:
            keys = tuple(self._instance.keys(owner, recorded.event, recorded.envelope))
            assert all(owner_of(key) == owner for key in keys), keys
        except Exception as error:
            raise HandlerFailed(recorded, self.fold.__name__, error) from error
        return keys

    def apply(self, rows: dict[str, Any], pieces: Iterable[Piece]) -> None:
        """Fold events into the rows; a key that has none yet gets a new row."""
        instance, handlers, new = self._instance, self.fold.handlers, self.fold.Row
        recorded: Recorded | None = None
        try:
            for key, recorded in pieces:
                row = rows.get(key)
                if row is None:
                    row = rows[key] = new(key)
                handlers[type(recorded.event)](instance, row, recorded.event, recorded.envelope)  # type: ignore[index]
        except Exception as error:
            if recorded is None:
                raise
            raise HandlerFailed(recorded, self.fold.__name__, error) from error

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
            found = self._log.tagged(tags, types=self.fold.types, until=until)
            for page in in_batches(found, EVENTS_AT_ONCE):
                visible = [one for one in page if not self._voids.hides(one.envelope, known)]
                pieces = self.pieces(visible, known)
                self.apply(rows, (piece for owner, piece in pieces if owner in chosen))
            yield some, rows

    def row(self, key: str, *, until: int | None = None, known_at: datetime | None = None) -> Any:
        """One row as it was: folded over the events up to a position, or None if it has none.

        Only what had been recorded before ``known_at`` counts, so a row can be had as it was known
        before a void or an identification. Without either, it is the row as of the head.
        """
        end = self._log.head().position
        until = end if until is None else min(until, end)
        if known_at is not None:
            until = self._log.position_at(known_at, until)
        self._voids.read_until(until)
        for _, rows in self.again([owner_of(key)], until, until):
            return rows.get(key)
        return None


def fold_key(
    log: Log,
    fold: type[Fold],
    key: str,
    *,
    until: int | None = None,
    known_at: datetime | None = None,
) -> Any:
    """One row of a fold over a prefix of the log; see :meth:`Folding.row`."""
    return Folding(fold, log, VoidHistory(log)).row(key, until=until, known_at=known_at)
