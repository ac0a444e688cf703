"""The history that simulated decisions see: recorded events, and simulated awards among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from domain.decision import View
from domain.envelope import Envelope, Recorded
from domain.event import stored_names
from domain.points import PointsClawedBack, PointsEarned
from store.log import Log
from store.query import Query, QueryItem
from store.sources import OWN_SOURCES, REACTIONS_SOURCE

TAGS_KNOWN_MAX: Final = 5_000_000
"""Tags of a window that begins with the log, by which it is known what has no history yet."""


class SimulatedHistory:
    """Views of a history in which what rules gave in a window is replaced by what is simulated.

    So is, where ``imported`` awards are replaced, what another system gave by rules of its own
    before its history was brought here. Goodwill is no matter of rules, and stays.
    """

    def __init__(self, log: Log, after: int, *, imported: bool) -> None:
        self._log = log
        self._after = after
        self._imported = imported
        self.voids = log.voids(after)
        """What was taken back by the place where the simulation stands."""
        self.made: defaultdict[str, list[Recorded]] = defaultdict(list)
        """Simulated events by tag, in their order."""
        self._views: dict[tuple[Any, ...], View] = {}
        self._by_tag: defaultdict[str, list[View]] = defaultdict(list)
        self._replaced: set[str] = set()
        """Lots that rules gave in the window."""
        self._known: set[int] | None = None if after else set()
        """Hashes of the tags that came by; None: what came before the window is not among them."""

    def add(self, made: Recorded) -> None:
        """Take in a simulated event."""
        for tag in made.tags:
            self.made[tag].append(made)
        self.fold(made)

    def is_replaced(self, recorded: Recorded) -> bool:
        """Whether an event of the window is an award by a rule, or takes such an award back."""
        event, envelope = recorded.event, recorded.envelope
        match event:
            case PointsEarned(lot_id=lot_id):
                given = self._by_rule(event, envelope) or self.is_imported(event, envelope)
                if given:
                    self._replaced.add(lot_id)
                return given
            case PointsClawedBack(lots=lots):
                return all(debit.lot_id in self._replaced for debit in lots)
        return False

    def _by_rule(self, award: PointsEarned, envelope: Envelope) -> bool:
        ruled = award.rule_id is not None and award.programme is not None
        return (
            ruled
            and envelope.source == REACTIONS_SOURCE
            and int(envelope.id.partition("/")[0]) > self._after
        )

    def is_imported(self, award: PointsEarned, envelope: Envelope) -> bool:
        """Whether another system gave it for something, and it is to be replaced."""
        elsewhere = envelope.source not in OWN_SOURCES
        return self._imported and elsewhere and award.origin != "goodwill"

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
        if self._known is not None and hash(view.tags[0]) not in self._known:
            return view
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
        self._know(recorded.tags)
        for tag in recorded.tags:
            for view in self._by_tag.get(tag, ()):
                if view.selects(event, recorded.tags):
                    view.fold(event, recorded.envelope)

    def _know(self, tags: Sequence[str]) -> None:
        if self._known is not None:
            self._known.update(map(hash, tags))
            if len(self._known) > TAGS_KNOWN_MAX:
                self._known = None  # from here on every view is looked for in the log

    def forget(self, tags: set[str] | None) -> None:
        """Drop the views with one of the tags, or all: they are read again when needed."""
        gone = [key for key, view in self._views.items() if tags is None or tags & set(view.tags)]
        for key in gone:
            view = self._views.pop(key)
            self._by_tag[view.tags[0]].remove(view)
