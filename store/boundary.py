"""The views that decisions depend on: read once, kept between batches, and only advanced."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from domain.decision import View
from domain.envelope import Envelope, Recorded, decode_entry
from domain.event import Event, stored_names
from store.draft import Draft
from store.packed import bigint, bigints, number, texts
from store.round_trip import Ask, Rows
from store.rows import tag_cell, tag_hash
from store.voids import Voids

VIEWS_CACHED_MAX: Final = 50_000
"""Views kept in memory between batches, the least recently used dropped first."""
OTHER_TAGS_CACHED_MAX: Final = 10_000

ViewKey = tuple[Any, ...]

# OFFSET 0 keeps it to one probe for each other tag: as a join, planned on an empty log, it scans.
BOUNDARY_SQL: Final = """
SELECT q.n, e.position, e.entry
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS q(hash, types, after, others, n)
JOIN tags t ON t.hash = q.hash AND t.type = ANY(q.types::smallint[]) AND t.position > q.after
JOIN entries e ON e.position = t.position
WHERE q.others = '{}' OR NOT EXISTS (
    SELECT FROM unnest(q.others::bigint[]) AS o(hash) WHERE NOT EXISTS (
        SELECT FROM tags x
        WHERE x.hash = o.hash AND x.type = t.type AND x.position = t.position OFFSET 0))
ORDER BY e.position
"""
BOUNDARY: Final = {"boundary(bigint[], text[], bigint[], text[])": BOUNDARY_SQL}


class KnownView:
    """What is known of one view: its history folded up to a position, if it has a history.

    Whoever asks for a view makes this of it, with what finds its history packed; if the writer
    knows the same view already, that is what counts. Most views have no history when they are
    asked for the first time: then there is nothing to keep, and what a batch accepts is only folded
    if another decision of that batch looks at it.
    """

    __slots__ = (
        "accepted", "behind", "cell", "empty", "key", "others", "seen", "tags", "types", "view",
    )  # fmt: skip

    def __init__(self, empty: View) -> None:
        self.empty = empty
        """The view that was asked for, which stays without a history."""
        self.key: ViewKey = empty.key
        self.tags = tags = empty.tags
        self.types = empty.event_types
        self.cell = tag_cell(tags[0])
        self.others = _NO_OTHERS if len(tags) == 1 else _others(tags[1:])

    def begin(self) -> None:
        """Know nothing of its history: from here on the writer has it."""
        self.behind = True
        """It does not stand at the head: what is accepted waits for what lies between."""
        self.view: View | None = None
        self.seen = _FROM_THE_BEGINNING
        self.accepted: list[Draft] | None = None

    def fold(self, event: Event, envelope: Envelope) -> None:
        """Take in an event, which the view selects."""
        if self.view is None:
            self.view = self.empty.fresh()
        self.view.fold(event, envelope)

    def selects(self, event: Event, tags: Sequence[str]) -> bool:
        """Whether the event belongs to this view."""
        return type(event) in self.types and all(map(tags.__contains__, self.tags))

    def accept(self, draft: Draft) -> None:
        """Take in an event of the batch: at once, or when somebody looks."""
        if self.accepted is not None:
            self.accepted.append(draft)
        elif self.view is None or self.behind:
            self.accepted = [draft]
        elif draft.event is not None:
            self.view.fold(draft.event, draft.envelope)

    def held(self) -> View | None:
        """The view with everything that is known up to here; None: nothing is known."""
        accepted, self.accepted = self.accepted, None
        for draft in accepted or ():
            if draft.event is not None:
                self.fold(draft.event, draft.envelope)
        return self.view


class Views:
    """Every view that this process keeps, and those that the batch at hand depends on."""

    def __init__(self) -> None:
        self._kept: OrderedDict[ViewKey, KnownView] = OrderedDict()
        self._batch: dict[ViewKey, KnownView] = {}
        self._asked: list[KnownView] = []
        """Those of the batch that are not asked for yet."""
        self._by_tag: defaultdict[str, list[KnownView]] = defaultdict(list)

    def begin(self) -> None:
        """Start a batch: nothing is depended on yet."""
        self._batch.clear()
        self._asked.clear()
        self._by_tag.clear()

    def need(self, views: Iterable[KnownView]) -> None:
        """Put what is known of these views into the batch."""
        batch, kept = self._batch, self._kept
        for asked in views:
            key = asked.key
            if key not in batch:
                known = kept.get(key)
                if known is None:
                    known = asked
                    known.begin()  # anew, if it was in a batch that came to nothing
                known.behind = True
                batch[key] = known
                self._asked.append(known)
                self._by_tag[known.tags[0]].append(known)

    def held(self, views: Iterable[View]) -> list[View | None]:
        """The views of the batch that hold the history of these empty ones.

        A view without a history is the empty one itself; None: the batch was not asked for it when
        it began, or what was asked has not been loaded.
        """
        batch = self._batch
        return [
            None
            if (known := batch.get(empty.key)) is None or known.behind
            else (known.view if known.accepted is None else known.held()) or empty
            for empty in views
        ]

    def ask(self, type_ids: Mapping[str, int]) -> tuple[Ask, list[KnownView]]:
        """What brings the batch's views up to the head, but those that were asked for before."""
        known, self._asked = self._asked, []
        selected = {
            number: _array(type_ids[name] for event in types for name in stored_names(event))
            for number, types in {id(one.types): one.types for one in known}.items()
        }
        values = [
            bigints.of_cells([one.cell for one in known]),
            texts.of_cells([selected[id(one.types)] for one in known]),
            bigints.of_cells([one.seen for one in known]),
            texts.of_cells([one.others for one in known]),
        ]
        return Ask("boundary", values), known

    @property
    def needed(self) -> bool:
        """Whether anything is to be read for the batch's views."""
        return bool(self._asked)

    @staticmethod
    def load(
        asked: Sequence[KnownView], found: Iterable[tuple[int, Recorded]], voids: Voids, head: int
    ) -> None:
        """Fold what was read, leaving out what was voided; the views stand at the head then."""
        for n, recorded in found:
            event, known = recorded.event, asked[n - 1]
            if event is None:
                continue
            if voids.hides(recorded.envelope) and not known.empty.sees_voided:
                continue
            if known.selects(event, recorded.tags):
                known.fold(event, recorded.envelope)
        seen = _position(head)
        for known in asked:
            known.seen = seen
            known.behind = False

    def catch_up(self, views: Iterable[View], accepted: Iterable[Draft]) -> None:
        """Let views that came later take in what the batch has accepted before."""
        known = {view.key: self._batch[view.key] for view in views}.values()
        for draft in accepted:
            for one in known:
                if draft.event is not None and one.selects(draft.event, draft.tags):
                    one.accept(draft)

    def fold(self, draft: Draft) -> None:
        """Let the batch's views take in an event that the batch has just accepted."""
        if not self._by_tag or draft.event is None:
            return
        kind = type(draft.event)
        for tag in draft.tags:
            for known in self._by_tag.get(tag, ()):
                if kind in known.types and (
                    len(known.tags) == 1 or known.selects(draft.event, draft.tags)
                ):
                    known.accept(draft)

    def committed(self, head: int) -> None:
        """The batch is in the log: keep its views that have a history, as of the new head."""
        seen = _position(head)
        for key, known in self._batch.items():
            waiting, known.accepted = known.accepted, None
            if known.behind:
                continue  # nobody looked at it: what is kept of it stays where it stood
            if waiting is not None:
                self._kept.pop(key, None)  # nobody looked since: it is read anew when needed
            elif known.view is not None:
                known.seen = seen
                self._kept[key] = known
                self._kept.move_to_end(key)
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


@lru_cache(maxsize=OTHER_TAGS_CACHED_MAX)
def _others(tags: tuple[str, ...]) -> bytes:
    return _array(map(tag_hash, tags))


def _array(values: Iterable[Any]) -> bytes:
    """An array's text, as an element of an array of texts."""
    return texts.cell(("{" + ",".join(map(str, values)) + "}").encode())


def _position(position: int) -> bytes:
    return bigints.cell(bigint(position))


_FROM_THE_BEGINNING: Final = _position(0)
_NO_OTHERS: Final = _array(())


def decoded(rows: Rows) -> list[tuple[int, Recorded]]:
    """What was read for views, by their numbers; what several of them want is decoded once."""
    once: dict[bytes, Recorded] = {}
    found = []
    for n, position, entry in rows:
        recorded = once.get(position)
        if recorded is None:
            recorded = once[position] = decode_entry(entry, number(position))
        found.append((number(n), recorded))
    return found
