"""Whose rows an event changes: its own tags, or through aliases what they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from domain.envelope import Recorded
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


class Roots:
    """What tags stand for, for who knows the log up to a position."""

    def __init__(self, log: Log, voids: VoidHistory, aliases: Iterable[type[Aliases]]) -> None:
        self._log = log
        self._voids = voids
        self._by_kind = {alias.kind: alias() for alias in aliases}
        self.kinds = frozenset(self._by_kind)
        self.types = frozenset[str]().union(*(alias.types for alias in self._by_kind.values()))
        self._known = -1
        self._kept: dict[str, str | None] = {}

    def of(self, tags: Iterable[str], known: int) -> dict[str, str]:
        """The tags of alias kinds among these, each with the end of its chain (perhaps itself)."""
        self._forget_unless(known)
        aliases = {tag for tag in tags if kind_of(tag) in self.kinds}
        seen: set[str] = set()
        frontier = aliases
        hops = self._hops(known, aliases)
        while frontier:
            seen |= frontier
            roots = {hops[tag] for tag in frontier}
            frontier = {root for root in roots if root and kind_of(root) in self.kinds} - seen
            hops = self._hops(known, frontier)
        return {tag: _end(tag, hops) for tag in aliases}

    def standing_for(self, roots: Iterable[str], known: int) -> set[str]:
        """These tags, and all tags that have one of them in their chain."""
        self._forget_unless(known)
        found = frontier = set(roots)
        while frontier:
            # The event that makes an alias carries both tags; which is whose, its row says.
            events = self._log.tagged(frontier, types=self.types, until=known)
            near = {tag for one in events for tag in one.tags if kind_of(tag) in self.kinds}
            hops = self._hops(known, near - found)
            frontier = {tag for tag in near - found if hops[tag] in frontier}
            found = found | frontier
        return found

    def carry_over(self, known: int, until: int, changed: Iterable[str]) -> None:
        """Keep what is remembered, but for aliases that changed: knowledge grew to ``until``."""
        if self._known == known:
            for tag in changed:
                self._kept.pop(tag, None)
            self._known = until

    def _forget_unless(self, known: int) -> None:
        """What is remembered is true for one position only. Not while chains are followed."""
        if self._known != known or len(self._kept) > KEPT_MAX:
            self._known, self._kept = known, {}

    def _hops(self, known: int, tags: set[str]) -> dict[str, str | None]:
        """For which tag each of these stands, one hop; and for others that are remembered."""
        if missing := tags - self._kept.keys():
            self._kept |= self._fold(missing, known)
        return self._kept

    def _fold(self, tags: set[str], known: int) -> dict[str, str | None]:
        rows = {tag: AliasRow(tag.partition(":")[2]) for tag in tags}
        for recorded in self._log.tagged(tags, types=self.types, until=known):
            if self._voids.hides(recorded.envelope, known):
                continue
            for tag in tags.intersection(recorded.tags):
                alias = self._by_kind[kind_of(tag)]
                handler = alias.handlers.get(type(recorded.event))  # type: ignore[arg-type]
                if handler is not None:
                    try:
                        handler(alias, rows[tag], recorded.event, recorded.envelope)
                    except Exception as error:
                        raise HandlerFailed(recorded, type(alias).__name__, error) from error
        return {tag: row.root for tag, row in rows.items()}


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
        self._kinds = [alias.kind for alias in fold.aliases]
        self._own_kind_is_alias = fold.key in self._kinds
        self._anonymous = f"{fold.anonymous}:" if fold.anonymous else None

    def of(self, events: Sequence[Recorded], known: int) -> list[list[str]]:
        """The owners of each of these events, for who knows the log up to a position."""
        prefix, start = self._prefix, len(self._prefix)
        found = [[tag[start:] for tag in one.tags if tag.startswith(prefix)] for one in events]
        if self._roots is None:
            return found
        # The own tags decide, unless they may be aliases; without any, those of alias kinds.
        asked = {
            index: [tag for tag in events[index].tags if tag.startswith(prefix)]
            or [tag for kind in self._kinds for tag in events[index].tags if kind_of(tag) == kind]
            for index, owners in enumerate(found)
            if not owners or self._own_kind_is_alias
        }
        ends = self._roots.of({tag for tags in asked.values() for tag in tags}, known)
        for index, tags in asked.items():
            found[index] = self._decided(tags, ends)
        return found

    def _decided(self, tags: list[str], ends: dict[str, str]) -> list[str]:
        """The owners: what the tags of the first kind stand for that stand for any."""
        start = len(self._prefix)
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
