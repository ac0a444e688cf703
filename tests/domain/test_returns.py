"""Returns find their purchase, and take back their share of what it earned, never more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from domain.awards import AwardPoints
from domain.clawbacks import apportioned
from domain.movements import CancelPoints, TransferPoints
from domain.points import PointsClawedBack
from domain.purchases import ReturnMatched
from domain.redemptions import RedeemPoints
from domain.returned_lines import returned_share
from domain.types import Money
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, OTHER, campaign, purchase, returned, states


def award(points: int, purchase_id: str = "p1", **more: Any) -> AwardPoints:
    """Points for the purchase."""
    return AwardPoints(account_id="a1", points=points, purchase_id=purchase_id, **more)


def taken(events: list[Any]) -> int:
    """Points that were clawed back."""
    return sum(event.points for event in events if isinstance(event, PointsClawedBack))


@pytest.fixture
def scenario() -> Scenario:
    """A purchase of 100.00 that earned 100 points, and is also known by its order."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(purchase(10_000, order_id="o1"))
    scenario.when(award(100))
    return scenario


def test_a_part_that_comes_back_takes_its_share(scenario: Scenario) -> None:
    """A part that comes back takes its share."""
    matched, clawback = scenario.happens(returned(2_599), at=NOON + DAY)
    assert isinstance(matched, ReturnMatched)
    assert (matched.member_id, matched.purchase_position) == ("m1", 2)
    assert (clawback.points, clawback.return_id, clawback.purchase_id) == (25, "r1", "p1")
    assert states(scenario) == (100, 0, 0, 75, 0, 0, 0, 25)
    assert [r.envelope.cause for r in scenario.log[-2:]] == [4, 4]


def test_parts_add_up_and_never_take_more_than_was_earned(scenario: Scenario) -> None:
    """Parts add up and never take more than was earned."""
    amounts = (3_333, 3_333, 3_334, 5_000)
    points = [
        taken(scenario.happens(returned(net, f"r{net}-{n}"))) for n, net in enumerate(amounts)
    ]
    assert points == [33, 33, 34, 0]


def test_what_was_spent_already_is_owed(scenario: Scenario) -> None:
    """What was spent already is owed."""
    scenario.when(RedeemPoints(account_id="a1", points=80))
    scenario.happens(returned(10_000))
    assert states(scenario) == (100, 80, 0, 0, 0, 80, 0, 100)
    scenario.when(AwardPoints(account_id="a1", points=90, reason="gift"))
    assert states(scenario).spendable == 10


def test_an_order_finds_the_purchase_and_both_ways_add_up(scenario: Scenario) -> None:
    """An order finds the purchase and both ways add up."""
    assert taken(scenario.happens(returned(5_000, "r1", order_id="o1"))) == 50
    assert taken(scenario.happens(returned(4_999, "r2", purchase_id="p1"))) == 49
    assert taken(scenario.happens(returned(1, "r3", purchase_id="typo", order_id="o1"))) == 1


def test_an_unmatched_return_is_recorded_and_takes_nothing(scenario: Scenario) -> None:
    """An unmatched return is recorded and takes nothing."""
    for number, unknown in enumerate(
        (
            returned(1, "r1", purchase_id="p9"),
            returned(1, "r2", order_id="o9"),
            returned(1, "r3", currency="USD"),
        )
    ):
        assert scenario.happens(unknown) == []
        assert len(scenario.log) == 4 + number
    assert states(scenario).active == 100


def test_a_return_that_is_told_twice_counts_once(scenario: Scenario) -> None:
    """A return that is told twice counts once."""
    scenario.happens(returned(5_000))
    assert scenario.happens(returned(5_000)) == []


def test_a_return_before_its_purchase_waits_for_it() -> None:
    """A return before its purchase waits for it."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(returned(2_500, "r1", order_id="o1"), at=NOON - DAY)
    scenario.happens(returned(2_500, "r2"))
    found = scenario.happens(purchase(10_000, order_id="o1"))
    assert [(event.return_id, event.purchase_position) for event in found] == [("r1", 4), ("r2", 4)]
    assert [(r.envelope.cause, r.envelope.time) for r in scenario.log[-2:]] == [
        (2, NOON - DAY),
        (3, NOON),
    ]
    assert scenario.happens(purchase(10_000, order_id="o1")) == []
    earned, *clawbacks = scenario.when(award(99))
    assert (earned.points, [event.points for event in clawbacks]) == (99, [24, 25])
    assert [event.return_id for event in clawbacks] == ["r1", "r2"]
    assert taken(scenario.happens(returned(5_000, "r3"))) == 50


def test_a_return_belongs_to_one_purchase_only(scenario: Scenario) -> None:
    """A return belongs to one purchase only."""
    scenario.happens(returned(5_000, order_id="o1"))
    assert scenario.happens(purchase(7_000, purchase_id="p2", order_id="o1")) == []


def test_a_continued_purchase_is_one_purchase() -> None:
    """A continued purchase is one purchase."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(returned(50, "r1"))
    assert scenario.happens(purchase(0, part=2, parts=2)) == []
    assert len(scenario.happens(purchase(100, part=1, parts=2))) == 1
    scenario.when(award(10))
    assert states(scenario).active == 5


def test_a_free_purchase_that_comes_back_earned_nothing() -> None:
    """A free purchase that comes back earned nothing."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(purchase(0))
    scenario.when(award(10))
    assert taken(scenario.happens(returned(0))) == 10


def test_returns_of_an_order_with_several_purchases_fill_one_after_another() -> None:
    """Returns of an order with several purchases fill one after another."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    for number in (1, 2):
        scenario.happens(purchase(100, purchase_id=f"p{number}", order_id="o1"))
        scenario.when(award(10, f"p{number}"))
    found = [scenario.happens(returned(100, f"r{n}", order_id="o1"))[0] for n in range(3)]
    assert [event.purchase_id for event in found] == ["p1", "p2", "p2"]
    assert states(scenario) == (20, 0, 0, 0, 0, 0, 0, 20)


def test_a_share_is_taken_from_every_award_of_the_purchase(scenario: Scenario) -> None:
    """A share is taken from every award of the purchase."""
    scenario.when(award(50))
    events = scenario.happens(returned(5_000))
    assert [event.points for event in events[1:]] == [50, 25]


def test_points_that_went_to_another_account_are_taken_there(scenario: Scenario) -> None:
    """Points that went to another account are taken there."""
    scenario.happens(OTHER)
    scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=40))
    scenario.when(RedeemPoints(account_id="a2", points=40))
    scenario.happens(returned(10_000, order_id="o1"))
    assert states(scenario) == (60, 0, 0, 0, 0, 0, 0, 60)
    assert states(scenario, "a2") == (40, 40, 0, 0, 0, 40, 0, 40)


def test_cancelled_points_are_not_taken_a_second_time(scenario: Scenario) -> None:
    """Cancelled points are not taken a second time."""
    scenario.when(CancelPoints(account_id="a1", points=30, reason="fraud"))
    assert taken(scenario.happens(returned(10_000))) == 70
    assert states(scenario) == (100, 0, 0, 0, 0, 0, 0, 100)


def test_the_cost_of_what_is_taken_back_is_freed_to_the_cent() -> None:
    """The cost of what is taken back is freed to the cent."""
    scenario = Scenario()
    for event in (ACCOUNT, purchase(3), campaign(reward_budget=100)):
        scenario.happens(event)
    scenario.when(award(7, campaign_id="c1", cost=Money(amount=100, currency="EUR")))
    events = [event for n in range(3) for event in scenario.happens(returned(1, f"r{n}"))]
    clawbacks = [event for event in events if isinstance(event, PointsClawedBack)]
    assert [event.points for event in clawbacks] == [2, 2, 3]
    assert [event.cost.amount for event in clawbacks if event.cost] == [28, 29, 43]


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), max_size=8))
def test_shares_sum_to_the_whole_and_stay_within_their_weights(
    points: int, weights: list[int]
) -> None:
    """Shares sum to the whole and stay within their weights."""
    points = min(points, sum(weights))
    shares = apportioned(points, weights)
    assert sum(shares) == points
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@given(st.integers(1, 10**9), st.integers(0, 10**11), st.integers(0, 10**11))
def test_a_share_is_within_what_was_earned_and_all_for_all(
    earned: int, part: int, net: int
) -> None:
    """A share is within what was earned and all for all."""
    assert 0 <= returned_share(earned, part, net) <= earned
    assert returned_share(earned, net, net) == earned
