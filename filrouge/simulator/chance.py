"""Chance that is the same for the same seed: on every machine, in every process, for ever."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import accumulate
from math import exp, log, sqrt
from random import Random
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_TO_SHARE: Final = 2.0**-53


def key_of(*words: object) -> int:
    """A 64-bit key for a purpose: far from the keys of all other purposes."""
    text = "/".join(map(str, words))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def mixed(value: int) -> int:
    """Scatter 64 bits (the finaliser of SplitMix64): no two values meet, none shows a pattern."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def scatter(seed: int, purpose: str) -> Callable[[int], int]:
    """Make the function that gives each index its 64 random bits, without storing any."""
    key = key_of(seed, purpose)

    def bits(index: int) -> int:
        return mixed((index * _GOLDEN + key) & _MASK)

    return bits


def share(bits: int) -> float:
    """64 random bits as a number from 0 up to 1."""
    return (bits >> 11) * _TO_SHARE


class Weighted(Generic[T]):
    """Values of which some come more often than others."""

    def __init__(self, weights: dict[T, float]) -> None:
        self._values = tuple(weights)
        total = sum(weights.values())
        self._bounds = [bound / total for bound in accumulate(weights.values())][:-1]

    def at(self, part: float) -> T:
        """The value that stands at this part of the whole, from 0 up to 1."""
        return self._values[bisect(self._bounds, part)]


class Dice(Random):
    """A stream of chance for one day.

    Only :meth:`random` of the standard library is drawn on, because that is what it promises to
    keep the same in all its versions.
    """

    def __new__(cls, *_: object) -> Dice:  # noqa: PYI034 - Self is not in the 3.11 stub of Random
        """Make it; the words are read in ``__init__``."""
        return super().__new__(cls)

    def __init__(self, *words: object) -> None:
        super().__init__(key_of(*words))

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, each as likely as the others."""
        return values[int(self.random() * len(values))]

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.random() < probability

    def wait(self, mean: float) -> float:
        """How long until something happens that happens every ``mean`` on average."""
        return -mean * log(1.0 - self.random())

    def count(self, mean: float) -> int:
        """How often something happens that happens ``mean`` times on average (Poisson, Knuth)."""
        if mean > 30:  # noqa: PLR2004 - beyond, a normal curve is as good, and does not underflow
            spread = sum(self.random() for _ in range(12)) - 6.0
            return max(0, round(mean + spread * sqrt(mean)))
        limit, product, found = exp(-mean), self.random(), 0
        while product > limit:
            product *= self.random()
            found += 1
        return found
