"""What points stand for: the examples of the standard, and what holds of all cohorts."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given, strategies as st

from domain.breakage import ClosedVintage, back_test, redemption_estimate
from domain.liability import (
    MICROS,
    Cohort,
    Costing,
    Deferred,
    RollForward,
    allocated_micros,
    deferred_micros,
    provided_micros,
    rolled_contract,
    rolled_provision,
    stand_alone_micros,
)
from domain.terms import PointsPrice

ONE_EURO = PointsPrice(amount=100, currency="EUR", points=1)
COST = PointsPrice(amount=1, currency="EUR", points=2)
UNIT = 100 * MICROS
"""Millionths of a cent in a euro."""


def test_a_price_is_shared_with_the_points_by_stand_alone_price() -> None:
    """A fare of 800 and 2,000 points at 0.012, of which 80 % are redeemed: 18.75 is deferred."""
    value = PointsPrice(amount=12, currency="EUR", points=10)
    assert allocated_micros(800_00, stand_alone_micros(2_000, value, 8_000)) == 18_75 * MICROS


def test_the_loyalty_programme_of_the_standard() -> None:
    """IFRS 15, Illustrative Example 52, with its figures in whole currency units.

    100,000 paid, 10,000 points of 1 each, 9,500 expected to be redeemed; 4,500 are in the first
    year, 4,000 more in the second, in which 9,700 are expected.
    """
    allocated = allocated_micros(100_000_00, stand_alone_micros(10_000, ONE_EURO, 9_500))
    assert round(allocated / UNIT) == 8_676
    first = Deferred(Cohort(awarded=10_000, redeemed=4_500, outstanding=5_500), allocated)
    year = rolled_contract(Deferred(), first, 9_500, 9_500)
    assert round((year.redemptions + year.breakage) / UNIT) == -4_110
    assert round(year.closing / UNIT) == 4_566
    second = Deferred(Cohort(awarded=10_000, redeemed=8_500, outstanding=1_500), allocated)
    year = rolled_contract(first, second, 9_500, 9_700)
    assert round(year.opening / UNIT) == 4_566
    assert round((year.redemptions + year.breakage + year.estimates) / UNIT) == -3_493
    assert round(year.closing / UNIT) == 1_073
    # The parts of it: 4,000 x 0.8676; what more breakage 9,500 implies; 200 more to come.
    parts = (year.redemptions, year.breakage, year.estimates)
    assert [round(one / UNIT) for one in parts] == [-3_470, -183, 160]


def test_a_return_takes_its_share_of_the_price_with_it() -> None:
    """Half came back before anything was redeemed: half of the liability is left."""
    before = Deferred(Cohort(awarded=100, outstanding=100), 50 * MICROS)
    after = Deferred(Cohort(awarded=100, clawed_back=50, outstanding=50), 50 * MICROS)
    roll = rolled_contract(before, after, 10_000, 10_000)
    assert (roll.returns, roll.breakage, roll.closing) == (-25 * MICROS, 0, 25 * MICROS)


def test_when_nothing_is_outstanding_nothing_is_owed_to_anybody() -> None:
    """What expired beyond the expectation is breakage, at once."""
    before = Deferred(Cohort(awarded=100, redeemed=40, outstanding=60), 100 * MICROS)
    after = Deferred(Cohort(awarded=100, redeemed=40, expired=60), 100 * MICROS)
    roll = rolled_contract(before, after, 8_000, 8_000)
    assert (roll.opening, roll.breakage, roll.closing) == (50 * MICROS, -50 * MICROS, 0)


def test_a_provision_is_the_expected_cost_of_what_is_still_to_come() -> None:
    """1,000 points at half a cent, 80 % of which are redeemed; then they cost a cent each."""
    before, after = Cohort(), Cohort(awarded=1_000, redeemed=300, outstanding=700)
    assert provided_micros(after, COST, 8_000) == 250 * MICROS
    dearer = PointsPrice(amount=1, currency="EUR", points=1)
    roll = rolled_provision(before, after, Costing(8_000, COST), Costing(8_000, dearer))
    assert roll.in_minor_units() == RollForward(0, 400, 0, -150, 0, 250)
    unknown = rolled_provision(after, after, Costing(8_000, None), Costing(8_000, COST))
    assert unknown.in_minor_units() == RollForward(estimates=250)
    nothing = rolled_provision(before, after, Costing(8_000, None), Costing(8_000, None))
    assert nothing == RollForward()


@st.composite
def histories(draw: st.DrawFn) -> tuple[Cohort, Cohort]:
    """A cohort at two instants."""
    moved = st.integers(0, 400)

    def cohort(*taken: int) -> Cohort:
        outstanding = draw(moved)
        clawed_back, redeemed, expired, cancelled = taken
        awarded = sum(taken) + outstanding
        return Cohort(awarded, clawed_back, redeemed, expired, cancelled, outstanding)

    first = [draw(moved) for _ in range(4)]
    before = cohort(*first)
    after = cohort(*(one + draw(moved) for one in first))
    return before, after._replace(
        awarded=max(before.awarded, after.awarded),
        outstanding=after.outstanding + max(0, before.awarded - after.awarded),
    )


shares = st.integers(0, 10_000)


@given(histories(), shares, shares, st.integers(0, 10**9))
def test_a_roll_forward_adds_up_to_what_the_formula_gives(
    cohorts: tuple[Cohort, Cohort], before: int, after: int, price: int
) -> None:
    """From the amount at its beginning to the amount at its end, also once it is rounded."""
    opened, closed = cohorts
    old = Deferred(opened, allocated_micros(price, opened.awarded * MICROS))
    new = Deferred(closed, allocated_micros(price, closed.awarded * MICROS))
    roll = rolled_contract(old, new, before, after)
    assert roll.opening == deferred_micros(opened, old.allocated, before)
    assert roll.closing == deferred_micros(closed, new.allocated, after)
    assert 0 <= roll.closing <= new.allocated
    costs = rolled_provision(opened, closed, Costing(before, COST), Costing(after, COST))
    assert costs.opening == provided_micros(opened, COST, before)
    assert costs.closing == provided_micros(closed, COST, after)
    for one in (roll, costs):
        shown = one.in_minor_units()
        assert abs(shown.opening * MICROS - one.opening) * 2 <= MICROS
        assert abs(shown.closing * MICROS - one.closing) * 2 <= MICROS


def vintages(*redeemed: int) -> list[ClosedVintage]:
    """Vintages of 1,000 points each, which closed two months after they began."""
    return [
        ClosedVintage(f"2025-{n:02}", points, 1_000, f"2025-{n + 2:02}")
        for n, points in enumerate(redeemed, 1)
    ]


@pytest.mark.parametrize(
    "redeemed, student", [((600, 700, 650), 4.3027), ((600, 700, 650, 730, 610), 2.7764)]
)
def test_the_interval_is_that_of_one_more_vintage(
    redeemed: tuple[int, ...], student: float
) -> None:
    """Mean +- t s sqrt(1 + 1/n), here in floating point."""
    n = len(redeemed)
    rates = [one / 1_000 for one in redeemed]
    mean = fmean(rates)
    deviation = (sum((rate - mean) ** 2 for rate in rates) / (n - 1)) ** 0.5
    half = student * deviation * (1 + 1 / n) ** 0.5
    found = redemption_estimate(vintages(*redeemed))
    assert found is not None
    assert found.vintages == n
    assert abs(found.redemption - 10_000 * mean) <= 1
    assert abs(found.low - 10_000 * max(0, mean - half)) <= 2
    assert abs(found.high - 10_000 * min(1, mean + half)) <= 2


def test_too_few_closed_vintages_say_nothing() -> None:
    """Nor do those of which nothing stands."""
    assert redemption_estimate(vintages(600, 700)) is None
    gone = ClosedVintage("2024-01", 0, 0, "2024-02")
    assert redemption_estimate([*vintages(600, 700), gone]) is None


def test_a_vintage_is_tested_by_what_was_closed_when_it_ended() -> None:
    """Of the sixth month, four had closed; the ninth is not as the others were."""
    tested = back_test(vintages(600, 700, 650, 640, 660, 655, 645, 650, 100))
    assert [one.vintage for one in tested] == [f"2025-{n:02}" for n in range(5, 10)]
    assert [one.estimate.vintages for one in tested] == [3, 4, 5, 6, 7]
    assert [one.inside for one in tested] == [True, True, True, True, False]
    assert tested[0].redemption == 6_600
