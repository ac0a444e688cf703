"""Liability: what points that were given and not redeemed yet stand for in money, by formula.

Two figures. Lots earned by purchases are a *contract liability* (IFRS 15): a part of the price
that was paid belongs to them, until they are redeemed or it is clear that they never will be. All
other lots are a *cost provision* (IAS 37): the expected cost of what will be redeemed.

Both are computed for a cohort: lots of one vintage, origin and campaign together, as a portfolio
(IFRS 15.4). Amounts in here are whole millionths of a minor unit (``micros``), so that what one
point stands for is not rounded away.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.terms import BASIS_POINTS, PointsPrice

MICROS: Final = 1_000_000
"""Millionths in one minor unit."""


def nearest(numerator: int, denominator: int) -> int:
    """A quotient as a whole number, halves away from zero."""
    half = (2 * abs(numerator) + denominator) // (2 * denominator)
    return half if numerator >= 0 else -half


class Cohort(NamedTuple):
    """Points that were given alike, and what became of them.

    Awarded - clawed back = redeemed + expired + cancelled + outstanding.
    """

    awarded: int = 0
    clawed_back: int = 0
    """What they were given for came back, was voided or was found false."""
    redeemed: int = 0
    """Less what is owed: points that were spent and clawed back later."""
    expired: int = 0
    cancelled: int = 0
    """Taken away, or adjusted downwards."""
    outstanding: int = 0
    """Pending, in wallets and reserved."""

    @property
    def standing(self) -> int:
        """Awarded, and not clawed back since."""
        return max(0, self.awarded - self.clawed_back)


def stand_alone_micros(points: int, value: PointsPrice, redemption: int) -> int:
    """The stand-alone selling price of points: their value x the likelihood of redemption.

    The likelihood is in basis points. Source: IFRS 15.B42.
    """
    numerator = points * value.amount * redemption * MICROS
    return nearest(numerator, value.points * BASIS_POINTS)


def allocated_micros(price: int, stand_alone: int) -> int:
    """The part of a price (minor units) that belongs to points: by relative stand-alone price.

    Price x points / (price + points), taking what was paid as the stand-alone price of the goods.
    800 paid, and 2,000 points at 0.012, of which 80 % are redeemed: 18.75. Source: IFRS 15.74-76
    and B39-B42.
    """
    paid = price * MICROS
    return nearest(paid * stand_alone, paid + stand_alone) if paid + stand_alone else 0


def expected_redeemed(cohort: Cohort, redemption: int) -> int:
    """How many points of a cohort will have been redeemed in the end, in ten-thousandths.

    The expected share (basis points) of those that stand; never fewer than are redeemed already,
    never more than these and all that are outstanding.
    """
    redeemed = cohort.redeemed * BASIS_POINTS
    most = redeemed + cohort.outstanding * BASIS_POINTS
    return max(redeemed, min(redemption * cohort.standing, most))


def deferred_micros(cohort: Cohort, allocated: int, redemption: int) -> int:
    """The contract liability: the allocated price x (1 - redeemed / expected to be redeemed).

    What was clawed back takes its share of the price with it. Breakage so comes into revenue in
    the pattern of redemptions. Source: IFRS 15.B44-B46 and Illustrative Example 52.
    """
    expected = expected_redeemed(cohort, redemption)
    if not expected or not cohort.awarded:
        return 0
    left = expected - cohort.redeemed * BASIS_POINTS
    return nearest(allocated * cohort.standing * left, cohort.awarded * expected)


def provided_micros(cohort: Cohort, cost: PointsPrice | None, redemption: int) -> int:
    """The cost provision: the points still expected to be redeemed x the cost of one.

    Source: IAS 37.36 and 37.59, the best estimate at the date of the figure.
    """
    if cost is None:
        return 0
    left = expected_redeemed(cohort, redemption) - cohort.redeemed * BASIS_POINTS
    return nearest(left * cost.amount * MICROS, cost.points * BASIS_POINTS)


class RollForward(NamedTuple):
    """What changed an amount from one instant to another; all of it adds up to the closing."""

    opening: int = 0
    additions: int = 0
    """For points that were given."""
    returns: int = 0
    """For points that were clawed back: negative."""
    redemptions: int = 0
    """Negative: revenue for the redeemed points, or the provision that was used."""
    breakage: int = 0
    """Negative: for points that nobody will redeem, as far as that is recognised."""
    estimates: int = 0
    """Because more or less is expected to be redeemed than before, or at another cost."""

    @property
    def closing(self) -> int:
        """The amount at the end."""
        return sum(self)

    def plus(self, other: RollForward) -> RollForward:
        """Both together."""
        return RollForward(*(one + two for one, two in zip(self, other, strict=True)))

    def in_minor_units(self) -> RollForward:
        """Rounded so that the lines still add up: each running sum is rounded."""
        lines, running, before = [], 0, 0
        for line in self:
            running += line
            rounded = nearest(running, MICROS)
            lines.append(rounded - before)
            before = rounded
        return RollForward(*lines)


class Deferred(NamedTuple):
    """A cohort at an instant, with the price that was allocated to it."""

    cohort: Cohort = Cohort()
    allocated: int = 0

    def share(self, points: int) -> int:
        """The part of the allocated price that belongs to so many of its points."""
        awarded = self.cohort.awarded
        return nearest(self.allocated * points, awarded) if awarded else 0


def rolled_contract(
    before: Deferred, after: Deferred, redemption_before: int, redemption: int
) -> RollForward:
    """The roll-forward of a contract liability of one cohort.

    Redeemed points release their share of the price; what is released beyond that, under the
    estimate of the opening, is breakage; the rest is the change of the estimate (IFRS 15.116-118).
    """
    opening = deferred_micros(before.cohort, before.allocated, redemption_before)
    unchanged = deferred_micros(after.cohort, after.allocated, redemption_before)
    closing = deferred_micros(after.cohort, after.allocated, redemption)
    additions = after.allocated - before.allocated
    returns = before.share(before.cohort.clawed_back) - after.share(after.cohort.clawed_back)
    redemptions = before.share(before.cohort.redeemed) - after.share(after.cohort.redeemed)
    return RollForward(
        opening, additions, returns, redemptions,
        breakage=unchanged - opening - additions - returns - redemptions,
        estimates=closing - unchanged,
    )  # fmt: skip


class Costing(NamedTuple):
    """What a provision assumes: the share that is redeemed, in basis points, and at what cost."""

    redemption: int
    cost: PointsPrice | None


def rolled_provision(
    before: Cohort, after: Cohort, opening: Costing, closing: Costing
) -> RollForward:
    """The roll-forward of a cost provision of one cohort (IAS 37.84).

    Until the closing everything is reckoned as the opening assumed; what the assumptions of the
    closing make of it is the change of the estimate.
    """
    if closing.cost is None:
        closing = Costing(closing.redemption, opening.cost)
    if opening.cost is None and closing.cost is not None:
        # Nothing was provided then, for want of a cost: what there was is a change of the estimate.
        known = rolled_provision(before, after, opening._replace(cost=closing.cost), closing)
        return known._replace(opening=0, estimates=known.estimates + known.opening)
    redemption, cost = opening
    opened = provided_micros(before, cost, redemption)
    unchanged = provided_micros(after, cost, redemption)
    additions = _expected(after.awarded - before.awarded, cost, redemption)
    returns = -_expected(after.clawed_back - before.clawed_back, cost, redemption)
    redemptions = -_expected(after.redeemed - before.redeemed, cost, BASIS_POINTS)
    return RollForward(
        opened, additions, returns, redemptions,
        breakage=unchanged - opened - additions - returns - redemptions,
        estimates=provided_micros(after, closing.cost, closing.redemption) - unchanged,
    )  # fmt: skip


def _expected(points: int, cost: PointsPrice | None, redemption: int) -> int:
    if cost is None:
        return 0
    return nearest(points * cost.amount * redemption * MICROS, cost.points * BASIS_POINTS)
