"""Returns of lines take back what these lines earned; and what is never owed is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from domain.awards import AwardPoints, LinesDoNotAddUp
from domain.lot_parts import LinePoints
from domain.movements import TransferPoints
from domain.points import PointsRedeemed
from domain.purchases import PurchaseLine, PurchaseReturned
from domain.redemptions import RedeemPoints
from tests.domain.club import club
from tests.domain.scenario import Scenario
from tests.domain.shop import award, purchase, returned, states, void, where

BREAD = PurchaseLine(line=1, sku="bread", quantity=2, net=400)
WINE = PurchaseLine(line=2, sku="wine", quantity=3, net=6_000)
BAG = PurchaseLine(line=3, sku="bag", quantity=1)
BOUGHT = purchase(6_500, lines=(BREAD, WINE, BAG))
EARNED = (LinePoints(line=2, points=60), LinePoints(line=3, points=5))


def back(net: int, *lines: PurchaseLine, return_id: str = "r1") -> PurchaseReturned:
    """Some lines came back."""
    return returned(net, return_id, lines=lines)


@pytest.fixture
def scenario() -> Scenario:
    """A purchase of three lines, two of which earned points."""
    scenario = club(owes=True)
    scenario.happens(BOUGHT)
    scenario.when(award(65, purchase_id="p1", lines=EARNED))
    return scenario


@pytest.mark.parametrize(
    "event, taken",
    [
        # Bread earned nothing.
        (back(400, BREAD), 0),
        (back(6_000, WINE), 60),
        (back(2_000, PurchaseLine(line=2, quantity=1, net=2_000)), 20),
        # Without an amount it goes by the quantity.
        (back(2_000, PurchaseLine(line=2, quantity=1)), 20),
        (back(100, BAG), 5),
        (back(6_100, WINE, BAG), 65),
        # All came back, whatever the lines are.
        (back(6_500, BREAD), 65),
        # A return that names no lines, or others, takes its share of the price.
        (back(650), 6),
        (back(650, PurchaseLine(sku="wine", net=650)), 6),
        (back(650, PurchaseLine(line=9, net=650)), 6),
    ],
)
def test_a_return_of_lines_takes_back_what_they_earned(
    scenario: Scenario, event: PurchaseReturned, taken: int
) -> None:
    """By the line's amount, else by its quantity; rounded down for a part."""
    scenario.happens(event)
    assert states(scenario).cancelled == taken


def test_it_does_not_matter_which_comes_first(scenario: Scenario) -> None:
    """A return that was recorded before its purchase takes the same."""
    other = club(owes=True)
    event = back(2_000, PurchaseLine(line=2, quantity=1, net=2_000))
    other.happens(event)
    other.happens(BOUGHT)
    other.when(award(65, purchase_id="p1", lines=EARNED))
    scenario.happens(event)
    assert states(other) == states(scenario)


def test_returns_of_one_line_add_up(scenario: Scenario) -> None:
    """Three bottles, one after another; the second return counts with the first."""
    for number in range(3):
        line = PurchaseLine(line=2, quantity=1, net=2_000)
        scenario.happens(back(2_000, line, return_id=f"r{number}"))
        assert states(scenario).cancelled == 20 * (number + 1)
    scenario.when(void(where(scenario, PurchaseReturned)))
    assert states(scenario).cancelled == 40


@pytest.mark.parametrize(
    "command",
    [
        award(66, purchase_id="p1", lines=EARNED),
        award(120, purchase_id="p1", lines=(EARNED[0], EARNED[0])),
        award(65, reason="gift", lines=EARNED),
    ],
)
def test_lines_add_up_to_the_award(scenario: Scenario, command: AwardPoints) -> None:
    """And they are of a purchase."""
    with pytest.raises(LinesDoNotAddUp):
        scenario.when(command)


def spent_before(points: int, **terms: Any) -> Scenario:
    """100 points of a purchase, so many of which were spent before all of it came back."""
    scenario = club(**terms)
    scenario.happens(purchase())
    scenario.when(award(purchase_id="p1"))
    scenario.when(RedeemPoints(account_id="a1", points=points))
    scenario.happens(returned(10_000))
    return scenario


def test_a_balance_goes_below_zero_only_if_the_programme_allows_it() -> None:
    """If it does not, what was spent is left alone."""
    assert states(spent_before(70, owes=True)) == (100, 70, 0, 0, 0, 70, 0, 100)
    assert states(spent_before(70)) == (100, 0, 0, 0, 0, 70, 0, 30)
    assert states(spent_before(100)) == (100, 0, 0, 0, 0, 100, 0, 0)


def test_what_somebody_else_spent_of_it_is_left_alone_too() -> None:
    """Points that were given away keep it."""
    scenario = club()
    scenario.happens(purchase())
    scenario.when(award(purchase_id="p1"))
    scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=50))
    scenario.when(RedeemPoints(account_id="a2", points=20))
    scenario.happens(returned(10_000))
    assert states(scenario) == (50, 0, 0, 0, 0, 0, 0, 50)
    assert states(scenario, "a2") == (50, 0, 0, 0, 0, 20, 0, 30)


def test_without_the_spending_a_later_return_takes_it() -> None:
    """A redemption that was voided was never spent."""
    scenario = spent_before(70)
    scenario.when(void(where(scenario, PointsRedeemed)))
    assert states(scenario).active == 70
    scenario.when(void(where(scenario, PurchaseReturned)))
    assert states(scenario).active == 100
    scenario.happens(returned(10_000, "r2"))
    assert states(scenario).cancelled == 100
