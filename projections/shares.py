"""Which rows each worker of a rebuild folds: the folds laid end to end, and cut into equal work.

A worker reads and decodes the events of its folds only, and works out owners for nobody else. So a
fold is cut, by a hash of the owner, only where that is worth reading its events twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from operator import itemgetter
from typing import Final, NamedTuple
from zlib import crc32

from projections.fold import Fold
from projections.folding import Mine

HASHES: Final = 2**32
READ_WORK: Final = 3
"""The work of reading and decoding an event, beside that of folding it into a row."""
FOLD_WORK: Final = 7
ROW_WORK: Final = 3
"""What a row for each event, and not for many, is more to make and to write."""


class Part(NamedTuple):
    """Of a fold, the owners whose hash is at least ``first`` and below ``end``."""

    first: int = 0
    end: int = HASHES

    def mine(self) -> Mine:
        """Whether an owner belongs to it: the same in every process."""
        first, end = self
        if self == WHOLE:
            return bool  # every owner has a name
        return lambda owner: first <= crc32(owner.encode()) < end


WHOLE: Final = Part()

Parts = Mapping[type[Fold], Part]
Line = list[type[Fold]]


class Work:
    """What folds have to do: as much as there are events that they handle."""

    def __init__(self, folds: Collection[type[Fold]], events: Mapping[str, int]) -> None:
        """``events`` says how many there are of each stored name, or how many of a sample."""
        self._events = events
        self.folding = {fold: self._folding(fold) for fold in self._in_line(folds)}
        """By fold; those that handle the same events lie together."""

    def reading(self, types: Collection[str]) -> int:
        """To read the events of these stored names."""
        return READ_WORK * self._count(types)

    def _count(self, types: Collection[str]) -> int:
        return sum([self._events.get(name, 0) for name in types])

    def _folding(self, fold: type[Fold]) -> int:
        each = FOLD_WORK if fold.keys is Fold.keys else FOLD_WORK + ROW_WORK
        return 1 + each * self._count(fold.types)

    def _in_line(self, folds: Collection[type[Fold]]) -> list[type[Fold]]:
        heaviest = max(folds, key=lambda fold: self._count(fold.types)).types

        def apart(fold: type[Fold]) -> float:
            return self._count(fold.types - heaviest) / (1 + self._count(fold.types))

        return sorted(folds, key=apart)


def cut(work: Work, shares: int) -> list[Parts]:
    """Give each share a stretch of the line, so that the one that does most does the least.

    The ends of the line are joined, and it may begin anywhere.
    """
    line = list(work.folding)
    lines = [line[start:] + line[:start] for start in range(len(line))]
    most, best = min(((_least(work, one, shares), one) for one in lines), key=itemgetter(0))
    found = _dealt(work, best, shares, most)
    assert found is not None
    return found


def _least(work: Work, line: Line, shares: int) -> int:
    """With how much at most for each the shares are done with a line."""
    types = frozenset[str]().union(*(fold.types for fold in line))
    enough = sum(work.folding.values()) + work.reading(types)
    low = enough // shares  # is never enough, or just so
    while low < enough:
        middle = (low + enough) // 2
        if _dealt(work, line, shares, middle) is None:
            low = middle + 1
        else:
            enough = middle
    return enough


def _dealt(work: Work, line: Line, shares: int, most: int) -> list[Parts] | None:
    """Deal a line out to shares that do so much at most; None if something is left over."""
    rest = deque(line)
    first = 0
    """Of the fold that is next, where it goes on."""
    dealt: list[Parts] = []
    for _ in range(shares):
        parts: dict[type[Fold], Part] = {}
        types: frozenset[str] = frozenset()
        room = most
        while rest:
            fold = rest[0]
            whole = work.folding[fold]
            room -= work.reading(fold.types - types)
            types |= fold.types
            end = min(first + max(room, 0) * HASHES // whole, HASHES)
            if end > first:
                parts[fold] = Part(first, end)
            room -= -(-whole * (end - first) // HASHES)
            first = end
            if end < HASHES:
                break
            first = 0
            rest.popleft()
        dealt.append(parts)
    return None if rest else dealt
