"""Which rows each worker of a rebuild folds: the folds laid end to end, and cut into equal parts.

A worker that has a fold whole decodes only what that fold handles, and works out the owners of
events for nobody else; so folds are cut, by a hash of the owner, only where two shares meet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from projections.fold import Fold
from projections.folding import Mine

HASHES: Final = 2**32


class Part(NamedTuple):
    """Of a fold, the owners whose hash is at least ``first`` and below ``end``."""

    first: int = 0
    end: int = HASHES

    def mine(self) -> Mine:
        """Whether an owner belongs to it: the same in every process."""
        first, end = self
        if end - first == HASHES:
            return bool  # every owner has a name
        return lambda owner: first <= crc32(owner.encode()) < end


Parts = Mapping[type[Fold], Part]


def cut(weights: Mapping[type[Fold], int], shares: int) -> list[Parts]:
    """Give each share an equal stretch of the line on which the folds lie end to end."""
    total = sum(weights.values())
    found: list[Parts] = []
    for share in range(shares):
        low, high = total * share // shares, total * (share + 1) // shares
        parts, start = {}, 0
        for fold, weight in weights.items():
            first, end = (min(max(0, one - start), weight) for one in (low, high))
            if first < end:
                parts[fold] = Part(first * HASHES // weight, end * HASHES // weight)
            start += weight
        found.append(parts)
    return found


def weighed(folds: Collection[type[Fold]], events: Mapping[str, int]) -> dict[type[Fold], int]:
    """The folds by their work: those that handle the same events lie together on the line."""

    def weight(types: frozenset[str]) -> int:
        return sum(events.get(name, 0) for name in types)

    def work(fold: type[Fold]) -> int:
        # A row for each event, and not for many, is as much work to write as to fold.
        return 1 + weight(fold.types) * (1 if fold.keys is Fold.keys else 2)

    heaviest = max(folds, key=lambda fold: weight(fold.types)).types

    def apart(fold: type[Fold]) -> float:
        return weight(fold.types - heaviest) / (1 + weight(fold.types))

    return {fold: work(fold) for fold in sorted(folds, key=apart)}
