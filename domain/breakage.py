"""Breakage: the share of points that is never redeemed; known of closed vintages, else estimated.

The estimate is the usual look-back at closed cohorts: an open vintage is expected to be redeemed as
the closed ones were, all of them together. The interval is the 95 % prediction interval of one more
vintage, from how much the closed ones differ: estimate +- t x s x sqrt(1 + 1/n), with s the
standard deviation of their rates about the estimate and t the quantile of Student's distribution
for n - 1 degrees of freedom (G. J. Hahn and W. Q. Meeker, *Statistical Intervals*, 1991, section
4.7). It takes vintages as alike and independent, which a change of the programme breaks: the
back-test shows how it has done. There are no floating-point numbers in it, so it is the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple

from domain.liability import nearest
from domain.terms import BASIS_POINTS

CLOSED_VINTAGES_MIN: Final = 3
"""Closed vintages that an estimate needs; with fewer there is none."""
PARTS: Final = 1_000_000
"""Rates are reckoned in millionths, and shown in basis points."""
STUDENT_T: Final = (
    12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228, 2_201, 2_179, 2_160,
    2_145, 2_131, 2_120, 2_110, 2_101, 2_093, 2_086, 2_080, 2_074, 2_069, 2_064, 2_060, 2_056,
    2_052, 2_048, 2_045, 2_042,
)  # fmt: skip
"""Student's t for 95 % on both sides, in thousandths, by degrees of freedom from 1; for more than
30 the last one, which is a little too wide (NIST/SEMATECH e-Handbook of Statistical Methods,
1.3.6.7.2)."""


class ClosedVintage(NamedTuple):
    """A month of which no point is outstanding any more."""

    vintage: str
    """``2026-03``"""
    redeemed: int
    standing: int
    """Awarded, and not clawed back."""
    closed_in: str
    """The month in which the last of its points was redeemed, expired or taken away."""

    @property
    def redemption(self) -> int:
        """The share that was redeemed, in basis points."""
        return nearest(self.redeemed * BASIS_POINTS, self.standing)


class Estimate(NamedTuple):
    """The share that will be redeemed, in basis points; breakage is the rest of 10,000."""

    redemption: int
    low: int
    high: int
    vintages: int
    """Closed vintages that it was made from."""


def redemption_estimate(closed: Sequence[ClosedVintage]) -> Estimate | None:
    """What closed vintages say of open ones; None: there are too few of them."""
    counted = [one for one in closed if one.standing > 0]
    n = len(counted)
    if n < CLOSED_VINTAGES_MIN:
        return None
    redeemed = sum(one.redeemed for one in counted)
    rate = nearest(redeemed * PARTS, sum(one.standing for one in counted))
    squares = sum((nearest(one.redeemed * PARTS, one.standing) - rate) ** 2 for one in counted)
    student = STUDENT_T[min(n - 1, len(STUDENT_T)) - 1]
    # (t s)^2 (1 + 1/n), with s^2 = squares / (n - 1) and t in thousandths.
    half = isqrt(student**2 * squares * (n + 1) // ((n - 1) * n * 1_000**2))
    return Estimate(
        redemption=nearest(rate * BASIS_POINTS, PARTS),
        low=nearest(max(0, rate - half) * BASIS_POINTS, PARTS),
        high=nearest(min(PARTS, rate + half) * BASIS_POINTS, PARTS),
        vintages=n,
    )


class BackTested(NamedTuple):
    """What would have been expected of a vintage when it ended, and what became of it."""

    vintage: str
    estimate: Estimate
    redemption: int
    """What was really redeemed, in basis points."""

    @property
    def inside(self) -> bool:
        """Whether that lies in the interval."""
        return self.estimate.low <= self.redemption <= self.estimate.high


def back_test(closed: Sequence[ClosedVintage]) -> list[BackTested]:
    """Estimate every closed vintage as it would have been at the end of its own month.

    From those that were closed by then and no others; a vintage for which there were too few is
    left out.
    """
    tested = []
    for one in sorted(closed):
        known = [o for o in closed if o.closed_in <= one.vintage and o.vintage != one.vintage]
        estimate = redemption_estimate(known)
        if estimate is not None and one.standing > 0:
            tested.append(BackTested(one.vintage, estimate, one.redemption))
    return tested
