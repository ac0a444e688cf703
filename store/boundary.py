"""The views that decisions depend on: read once, kept between batches, and only advanced."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain.decision import View
from domain.envelope import Envelope, Recorded
from domain.event import Event, stored_names
from store.rows import tag_hash
from store.voids import Voids

VIEWS_CACHED_MAX: Final = 50_000
"""Views kept in memory between batches, the least recently used dropped first."""

ViewKey = tuple[type[View], tuple[str, ...]]

BOUNDARY_SQL: Final = """
SELECT q.i, e.position, e.entry
FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::bigint[], %s::text[])
    AS q(i, hash, types, after, others)
JOIN tags t ON t.hash = q.hash AND t.type = ANY(q.types::smallint[]) AND t.position > q.after
JOIN entries e ON e.position = t.position
WHERE q.others = '{}' OR NOT EXISTS (
    SELECT FROM unnest(q.others::bigint[]) AS o(hash) WHERE NOT EXISTS (
        SELECT FROM tags x
        WHERE x.hash = o.hash AND x.type = t.type AND x.position = t.position))
ORDER BY e.position
"""


class CachedView:
    """A view, and the position up to which it has folded."""

    __slots__ = ("seen", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self.seen = 0


class Views:
    """Every view that this process keeps, and those that the batch at hand depends on."""

    def __init__(self) -> None:
        self._kept: OrderedDict[ViewKey, CachedView] = OrderedDict()
        self._batch: dict[ViewKey, CachedView] = {}
        self._by_tag: defaultdict[str, list[View]] = defaultdict(list)

    def begin(self) -> None:
        """Start a batch: nothing is depended on yet."""
        self._batch.clear()
        self._by_tag.clear()

    def need(self, views: Iterable[View]) -> None:
        """Put views like these into the batch: those that are kept already, or new ones.

        Never the given ones: a request that waits for the next batch says again what it needs,
        and history must not be folded twice into what it holds.
        """
        for view in views:
            key = (type(view), view.tags)
            if key in self._batch:
                continue
            kept = self._kept.pop(key, None) or CachedView(type(view)(*view.tags))
            self._kept[key] = self._batch[key] = kept
            self._by_tag[view.tags[0]].append(kept.view)

    def held(self, views: Iterable[View]) -> tuple[View, ...]:
        """The views of the batch that hold the history of these empty ones."""
        return tuple(self._batch[type(view), view.tags].view for view in views)

    def queries(self, type_ids: Mapping[str, int]) -> list[list[Any]] | None:
        """The parameters of ``BOUNDARY_SQL`` that bring the batch's views up to the head."""
        columns: list[list[Any]] = [[], [], [], [], []]
        selected: dict[type[View], str] = {}
        for i, kept in enumerate(self._batch.values()):
            kind = type(kept.view)
            if kind not in selected:
                names = (name for event in kind.handlers for name in stored_names(event))
                selected[kind] = _array(type_ids[name] for name in names)
            first, *others = (tag_hash(tag) for tag in kept.view.tags)
            row = (i, first, selected[kind], kept.seen, _array(others))
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        return columns if columns[0] else None

    def load(self, found: Iterable[tuple[int, Recorded]], voids: Voids, head: int) -> None:
        """Fold what was read, leaving out what was voided; the views stand at the head then."""
        batch = list(self._batch.values())
        for i, recorded in found:
            event, view = recorded.event, batch[i].view
            if event is None or voids.hides(recorded.envelope):
                continue
            if view.selects(event, recorded.tags):
                view.fold(event, recorded.envelope)
        for kept in batch:
            kept.seen = head

    def fold(self, event: Event, tags: tuple[str, ...], envelope: Envelope) -> None:
        """Let the batch's views take in an event that the batch has just accepted."""
        for tag in tags:
            for view in self._by_tag.get(tag, ()):
                if view.selects(event, tags):
                    view.fold(event, envelope)

    def committed(self, head: int) -> None:
        """The batch is in the log: its views have seen everything up to the new head."""
        for kept in self._batch.values():
            kept.seen = head
        while len(self._kept) > VIEWS_CACHED_MAX:
            self._kept.popitem(last=False)

    def forget(self, tags: Iterable[str] | None = None) -> None:
        """Drop the views that carry one of the tags, or all: they are folded again when needed."""
        if tags is None:
            self._kept.clear()
            return
        touched = set(tags)
        for key in [key for key in self._kept if not touched.isdisjoint(key[1])]:
            del self._kept[key]


def _array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
