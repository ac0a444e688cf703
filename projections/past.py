"""Whose past new events change: by taking back what happened, or by saying who it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from domain.envelope import Recorded
from domain.reading import Fact, Facts
from projections.folding import EVENTS_AT_ONCE, Folding
from projections.owners import Owners, Roots, kind_of
from projections.tables import in_batches
from projections.voids import Void, VoidHistory
from store.log import Log
from store.query import Query, QueryItem


class ChangedPast:
    """What the events above one position and up to another change about those before."""

    def __init__(self, log: Log, voids: VoidHistory, span: tuple[int, int], events: Facts) -> None:
        self._log = log
        self._voids = voids
        self._before, self._now = span
        self._new = voids.between(*span)
        self._events = events

    def owners(self, folding: Folding) -> set[str]:
        """The owners of this fold that have to be folded again, up to the new position."""
        owners: set[str] = set()
        aliases: set[str] = set()
        roots = folding.roots
        for page in in_batches(self._newly_hidden(folding), EVENTS_AT_ONCE):
            # They counted for whoever they belonged to by what was known before.
            for _, mine in folding.owned(page, self._before):
                owners.update(mine)
            aliases |= _aliases_in(page, roots)
        if roots is not None:
            aliases |= _aliases_in(self._events, roots)
            roots.carry_over(self._before, self._now, aliases)
            if aliases:
                owners |= self._moved(folding, roots, aliases)
        return owners

    def _newly_hidden(self, folding: Folding) -> Iterator[Recorded]:
        """The events from before that count no longer."""
        types = folding.fold.types | (folding.roots.types if folding.roots else frozenset())
        found = chain.from_iterable(self._hidden_by(void, tuple(types)) for void in self._new)
        return (one for one in found if not self._voids.hides(one.envelope, self._before))

    def _hidden_by(self, void: Void, types: tuple[str, ...]) -> Iterator[Recorded]:
        if void.position is not None:
            found = self._log.entries([void.position]) if void.position <= self._before else []
            return (one for one in found if one.envelope.type in types)
        query = Query((QueryItem(types, (f"batch:{void.batch}",)),))
        events = self._log.read(query, until=self._before)
        # An event may speak of a batch without being of it.
        return (one for one in events if one.envelope.batch == void.batch)

    def _moved(self, folding: Folding, roots: Roots, aliases: set[str]) -> set[str]:
        """The owners that lose or gain events because aliases stand for something else now."""
        moved: set[str] = set()
        former = Owners(folding.fold, Roots(self._log, self._voids, folding.fold.aliases))
        events = self._log.tagged(roots.standing_for(aliases, self._now), until=self._before)
        for page in in_batches(events, EVENTS_AT_ONCE):
            visible = self._voids.visible(page, self._now)
            mine = list(folding.owned(visible, self._now))
            then = former.of([one for one, _ in mine], self._before)
            for (_, now), before in zip(mine, then, strict=True):
                moved.update(set(now) ^ set(before))
        return moved


def _aliases_in(events: Iterable[Fact], roots: Roots | None) -> set[str]:
    """The tags of which these events may say, or may have said, what they stand for."""
    if roots is None:
        return set()
    return {
        tag
        for one in events
        if one.envelope.type in roots.types
        for tag in one.tags
        if kind_of(tag) in roots.kinds
    }
