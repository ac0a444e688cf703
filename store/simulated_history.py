"""The history that simulated decisions see: recorded events, and simulated awards among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from domain.decision import View
from domain.envelope import Recorded
from domain.event import stored_names
from domain.points import PointsClawedBack, PointsEarned
from store.log import Log
from store.query import Query, QueryItem
from store.sources import REACTIONS_SOURCE


class SimulatedHistory:
    """Views of a history in which what rules gave in a window is replaced by what is simulated."""

    def __init__(self, log: Log, after: int) -> None:
        self._log = log
        self._after = after
        self.voids = log.voids(after)
        """What was taken back by the place where the simulation stands."""
        self.made: defaultdict[str, list[Recorded]] = defaultdict(list)
        """Simulated events by tag, in their order."""
        self._views: dict[tuple[Any, ...], View] = {}
        self._by_tag: defaultdict[str, list[View]] = defaultdict(list)
        self._replaced: set[str] = set()
        """Lots that rules gave in the window."""

    def add(self, made: Recorded) -> None:
        """Take in a simulated event."""
        for tag in made.tags:
            self.made[tag].append(made)
        self.fold(made)

    def is_replaced(self, recorded: Recorded) -> bool:
        """Whether an event of the window is an award by a rule, or takes such an award back."""
        match recorded.event:
            case PointsEarned(rule_id=str(), programme=str(), lot_id=lot_id):
                given = recorded.envelope.source == REACTIONS_SOURCE and (
                    int(recorded.envelope.id.partition("/")[0]) > self._after
                )
                if given:
                    self._replaced.add(lot_id)
                return given
            case PointsClawedBack(lots=lots):
                return all(debit.lot_id in self._replaced for debit in lots)
        return False

    def views(self, boundary: Sequence[View], position: int) -> list[View]:
        """The views with the history before a position."""
        return [self.view(view, position) for view in boundary]

    def view(self, empty: View, position: int) -> View:
        """The view with the history before a position."""
        found = self._views.get(empty.key)
        if found is None:
            found = self._views[empty.key] = self._read(empty.fresh(), position)
            for tag in empty.tags[:1]:
                self._by_tag[tag].append(found)
        return found

    def _read(self, view: View, position: int) -> View:
        """Fold what stands before a position, simulated awards in place of the recorded ones."""
        names = tuple(name for event in view.event_types for name in stored_names(event))
        query = Query((QueryItem(names, view.tags),)) if names else None
        found: Iterator[Recorded] = (
            iter(()) if query is None else self._log.read(query, until=position - 1)
        )
        history = [
            one
            for one in found
            if not self.voids.hides(one.envelope)
            and not (one.envelope.position > self._after and self.is_replaced(one))
        ]
        made = [one for one in self.made.get(view.tags[0], ()) if not self._hidden(one)]
        for one in sorted([*history, *made], key=lambda one: one.envelope.position):
            if one.event is not None and view.selects(one.event, one.tags):
                view.fold(one.event, one.envelope)
        return view

    def _hidden(self, made: Recorded) -> bool:
        """Simulated events of a voided batch count no more; what a void takes back is stated."""
        return made.envelope.batch is not None and made.envelope.batch in self.voids.batches

    def fold(self, recorded: Recorded) -> None:
        """Let the views that are there take in an event."""
        event = recorded.event
        if event is None or self.voids.hides(recorded.envelope):
            return
        for tag in recorded.tags:
            for view in self._by_tag.get(tag, ()):
                if view.selects(event, recorded.tags):
                    view.fold(event, recorded.envelope)

    def forget(self, tags: set[str] | None) -> None:
        """Drop the views with one of the tags, or all: they are read again when needed."""
        gone = [key for key, view in self._views.items() if tags is None or tags & set(view.tags)]
        for key in gone:
            view = self._views.pop(key)
            self._by_tag[view.tags[0]].remove(view)
