"""Whose rows an event changes: its own tags, or through aliases what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from operator import attrgetter
from typing import Any, Final

from domain.event import Event
from domain.reading import EntryReader, Fact, as_read, as_sketched
from domain.shape import shape_of, value_at
from projections.aliases import Aliases, AliasRow
from projections.failures import HandlerFailed
from projections.fold import Fold
from projections.voids import VoidHistory
from store.log import Log

KEPT_MAX: Final = 500_000
"""Aliases that are remembered between batches."""


def kind_of(tag: str) -> str:
    """The kind of a tag: ``member`` of ``member:m1``."""
    return tag.partition(":")[0]


@cache
def ids_reader(event: type[Event], kind: str) -> Callable[[Any], Sequence[str]]:
    """Make the function that reads the ids of one kind of tag from a fact of this event class."""
    prefix = f"{kind}:"
    marks = [one for one in shape_of(event).tags if one.mark in {kind, ""}]
    get: Callable[[Any], Any]
    if kind == "batch":  # the envelope says it
        return lambda one: [tag[len(prefix) :] for tag in one.tags if tag.startswith(prefix)]
    if not marks:
        return _no_ids
    if [(len(one.path), one.many, one.mark) for one in marks] == [(1, False, kind)]:
        get = attrgetter(f"event.{marks[0].path[0]}")
        return lambda one: () if (value := get(one)) is None else (value,)
    getters = [(_getter(one.path), one.many, not one.mark) for one in marks]

    def ids(one: Fact) -> Sequence[str]:
        found: list[str] = []
        event = one.event
        for get, many, whole in getters:
            value = get(event)
            if value is not None:
                if whole:
                    tags = value if many else (value,)
                    found += [tag[len(prefix) :] for tag in tags if tag.startswith(prefix)]
                elif many:
                    found += value
                else:
                    found.append(value)
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    return ids


def _no_ids(_: Fact) -> Sequence[str]:
    return ()


def _getter(path: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(path[0]) if len(path) == 1 else partial(value_at, path=path)


class Roots:
    """What tags stand for, for who knows the log up to a position."""

    def __init__(self, log: Log, voids: VoidHistory, aliases: Iterable[type[Aliases]]) -> None:
        self._log = log
        self._voids = voids
        self._by_kind = {alias.kind: (alias(), as_read(alias.handlers)) for alias in aliases}
        self.kinds = frozenset(self._by_kind)
        self.types = frozenset[str]().union(*(alias.types for alias, _ in self._by_kind.values()))
        self._known = -1
        self._kept: dict[str, str | None] = {}
        self._ends: dict[str, str] = {}
        self._all_are_kept = False
        self._learnt = -1

    def of(self, tags: Iterable[str], known: int) -> Mapping[str, str]:
        """The ends of the chains of these tags, and of others; one that is missing is its own."""
        self._forget_unless(known)
        if self._all_are_kept:
            return self._ends
        aliases = {tag for tag in tags if tag not in self._ends}
        seen: set[str] = set()
        frontier = {tag for tag in aliases if kind_of(tag) in self.kinds}
        hops = self._hops(known, frontier)
        while frontier:
            seen |= frontier
            roots = {hops.get(tag) for tag in frontier}
            frontier = {root for root in roots if root and kind_of(root) in self.kinds} - seen
            hops = self._hops(known, frontier)
        self._ends |= {tag: _end(tag, hops) for tag in aliases}
        return self._ends

    def learn(self, known: int) -> None:
        """Read all aliases that there are at a position, unless they are too many to remember."""
        self._forget_unless(known)
        if self._learnt == known:
            return
        self._learnt = known
        self._voids.read_until(known)
        rows: dict[str, AliasRow] = {}
        entries = EntryReader(self.types)
        for window in self._log.rare_windows(0, known, self.types):
            if len(rows) > KEPT_MAX:
                return
            for one in entries.read(window.positions, window.joined):
                tags = [tag for tag in one.tags if kind_of(tag) in self.kinds]
                rows |= {tag: AliasRow(tag.partition(":")[2]) for tag in tags if tag not in rows}
                self._claim(one, tags, rows, known)
        self._kept = {tag: row.root for tag, row in rows.items()}
        self._ends = {tag: _end(tag, self._kept) for tag in self._kept}
        self._all_are_kept = True

    def standing_for(self, roots: Iterable[str], known: int) -> set[str]:
        """These tags, and all tags that have one of them in their chain."""
        self._forget_unless(known)
        found = frontier = set(roots)
        while frontier:
            # The event that makes an alias carries both tags; which is whose, its row says.
            events = self._log.tagged(frontier, types=self.types, until=known)
            near = {tag for one in events for tag in one.tags if kind_of(tag) in self.kinds}
            hops = self._hops(known, near - found)
            frontier = {tag for tag in near - found if hops.get(tag) in frontier}
            found = found | frontier
        return found

    def carry_over(self, known: int, until: int, changed: Iterable[str]) -> None:
        """Keep what is remembered, but for aliases that changed: knowledge grew to ``until``."""
        if self._known == known:
            for tag in changed:
                self._kept.pop(tag, None)
                self._ends.clear()
            self._known = until
            self._all_are_kept = False

    def _forget_unless(self, known: int) -> None:
        """What is remembered is true for one position only. Not while chains are followed."""
        if self._known != known:
            self._known, self._kept, self._ends = known, {}, {}
            self._all_are_kept = False
        if not self._all_are_kept:
            if len(self._ends) > KEPT_MAX:
                self._ends = {}
            if len(self._kept) > KEPT_MAX:
                self._kept = {}

    def _hops(self, known: int, tags: set[str]) -> dict[str, str | None]:
        """For which tag each of these stands, one hop; and for others that are remembered."""
        if not self._all_are_kept and (missing := tags - self._kept.keys()):
            rows = {tag: AliasRow(tag.partition(":")[2]) for tag in missing}
            for recorded in self._log.tagged(missing, types=self.types, until=known):
                self._claim(recorded, missing.intersection(recorded.tags), rows, known)
            self._kept |= {tag: row.root for tag, row in rows.items()}
        return self._kept

    def _claim(self, one: Fact, tags: Iterable[str], rows: dict[str, AliasRow], known: int) -> None:
        """Let an event say what these of its tags stand for."""
        if self._voids.hides(one.envelope, known):
            return
        for tag in tags:
            alias, handlers = self._by_kind[kind_of(tag)]
            handler = handlers.get(type(one.event))
            if handler is not None:
                try:
                    handler(alias, rows[tag], one.event, one.envelope)
                except Exception as error:
                    raise HandlerFailed(one, type(alias).__name__, error) from error


def _end(tag: str, hops: dict[str, str | None]) -> str:
    """The end of a chain; of a circle, the same member of it wherever one enters."""
    chain = [tag]
    while (root := hops.get(chain[-1])) is not None:
        if root in chain:
            return min(chain[chain.index(root) :])
        chain.append(root)
    return chain[-1]


class Owners:
    """Whose rows of one fold an event changes."""

    def __init__(self, fold: type[Fold], roots: Roots | None) -> None:
        self._prefix = f"{fold.key}:"
        self._roots = roots
        kinds = [alias.kind for alias in fold.aliases]
        self._own_kind_is_alias = fold.key in kinds
        self.ids = as_sketched({cls: ids_reader(cls, fold.key) for cls in fold.handlers})
        """What reads the ids of the fold's own kind from a fact, by the class of its event."""
        self._aliases = as_sketched(
            {
                cls: [
                    (f"{kind}:", read)
                    for kind in kinds
                    if (read := ids_reader(cls, kind)) is not _no_ids
                ]
                for cls in fold.handlers
            }
        )
        self._anonymous = f"{fold.anonymous}:" if fold.anonymous else None

    def of(self, events: Sequence[Fact], known: int) -> list[Sequence[str]]:
        """The owners of each of these events, for who knows the log up to a position."""
        ids = self.ids
        found = [ids[type(one.event)](one) for one in events]
        if self._roots is None:
            return found
        # The own tags decide, unless they may be aliases; without any, those of alias kinds.
        prefix, asks = self._prefix, self._own_kind_is_alias
        ends = self._roots.of(
            (
                tag
                for one, owners in zip(events, found, strict=True)
                if asks or not owners
                for tag in [prefix + owner for owner in owners] or self._alias_tags(one)
            ),
            known,
        )
        for index, owners in enumerate(found):
            if not owners:
                if tags := self._alias_tags(events[index]):
                    found[index] = self._decided(tags, ends)
            elif asks and (len(owners) > 1 or prefix + owners[0] in ends):  # else its own owner
                found[index] = self._decided([prefix + owner for owner in owners], ends)
        return found

    def _alias_tags(self, one: Fact) -> list[str]:
        found: list[str] = []
        for prefix, ids in self._aliases[type(one.event)]:
            if names := ids(one):
                found += [prefix + name for name in names]
        return found

    def _decided(self, tags: list[str], ends: Mapping[str, str]) -> Sequence[str]:
        """The owners: what the tags of the first kind stand for that stand for any."""
        start = len(self._prefix)
        if len(tags) == 1:  # as nearly always: the same, in short
            root = ends.get(tags[0], tags[0])
            if root.startswith(self._prefix):
                return (root[start:],)
            return (root,) if self._anonymous and root.startswith(self._anonymous) else ()
        for kind in dict.fromkeys(map(kind_of, tags)):
            roots = [ends.get(tag, tag) for tag in tags if kind_of(tag) == kind]
            owned = [root[start:] for root in roots if root.startswith(self._prefix)]
            if owned:
                return list(dict.fromkeys(owned))
        if self._anonymous is None:
            return []
        roots = [ends.get(tag, tag) for tag in tags]
        return list(dict.fromkeys(root for root in roots if root.startswith(self._anonymous)))

    def tags_of(self, owners: Iterable[str], known: int) -> set[str]:
        """Every tag by which the events of these owners are found."""
        tags = {self.tag_of(owner) for owner in owners}
        return tags if self._roots is None else self._roots.standing_for(tags, known)

    def tag_of(self, owner: str) -> str:
        """The tag of an owner, which is the whole tag where nobody is known yet."""
        if self._anonymous is not None and owner.startswith(self._anonymous):
            return owner
        return self._prefix + owner
