"""Reserving points, and redeeming or releasing what is held, by example."""

from __future__ import annotations

import pytest

from domain.awards import AwardPoints
from domain.movements import (
    CancelPoints,
    NotEnoughPoints,
)
from domain.points import PointsReserved
from domain.redemptions import (
    RedeemPoints,
    ReleaseReservation,
    ReservationLapsed,
    ReservationNotHeld,
    ReservePoints,
)
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import (
    ACCOUNT,
    DAY,
    HOUR,
    THREE_LOTS,
    debits,
    earned,
    purchase,
    returned,
    states,
)


@pytest.fixture
def scenario() -> Scenario:
    """An account with three lots: one for ever, one that ends soon, one that has not begun."""
    return Scenario().given(ACCOUNT, *THREE_LOTS)


def test_reserved_points_cannot_be_spent_by_anything_else(scenario: Scenario) -> None:
    """Reserved points cannot be spent by anything else."""
    [reserved] = scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=120))
    assert isinstance(reserved, PointsReserved)
    assert states(scenario)[2:6] == (70, 30, 120, 0)
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", points=31))
    with pytest.raises(NotEnoughPoints):
        scenario.when(CancelPoints(account_id="a1", points=31, lot_id="ever", reason="fraud"))


def test_a_reservation_is_redeemed_in_parts_and_its_rest_released(scenario: Scenario) -> None:
    """A reservation is redeemed in parts and its rest released."""
    scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=120))
    [part] = scenario.when(RedeemPoints(account_id="a1", reservation_id="x", points=20))
    assert debits(part) == {"soon": 20}
    [rest] = scenario.when(ReleaseReservation(account_id="a1", reservation_id="x"))
    assert debits(rest) == {"soon": 30, "ever": 70}
    assert states(scenario)[3:6] == (130, 0, 20)
    with pytest.raises(ReservationNotHeld):
        scenario.when(RedeemPoints(account_id="a1", reservation_id="x"))
    with pytest.raises(ReservationNotHeld):
        scenario.when(ReleaseReservation(account_id="a1", reservation_id="x"))


def test_more_than_a_reservation_holds_cannot_be_redeemed_from_it(scenario: Scenario) -> None:
    """More than a reservation holds cannot be redeemed from it."""
    scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=10))
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", reservation_id="x", points=11))


def test_what_is_owed_elsewhere_is_set_against_held_points_too() -> None:
    """What is owed elsewhere is set against held points too."""
    scenario = Scenario()
    for event in (ACCOUNT, purchase(), earned("x", 50)):
        scenario.happens(event)
    scenario.when(ReservePoints(account_id="a1", reservation_id="h", points=50))
    scenario.when(AwardPoints(account_id="a1", points=20, purchase_id="p1"))
    scenario.when(RedeemPoints(account_id="a1", points=20))
    scenario.happens(returned(10_000))
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", reservation_id="h"))
    scenario.when(RedeemPoints(account_id="a1", reservation_id="h", points=30))


def test_held_points_outlive_the_expiry_of_their_lot(scenario: Scenario) -> None:
    """Held points outlive the expiry of their lot."""
    scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=50))
    later = NOON + 2 * DAY
    [redeemed] = scenario.when(
        RedeemPoints(account_id="a1", reservation_id="x", points=40, time=later)
    )
    assert debits(redeemed) == {"soon": 40}
    scenario.when(ReleaseReservation(account_id="a1", reservation_id="x", time=later))
    assert states(scenario, at=later)[5:7] == (40, 80)


def test_a_hold_lapses_by_itself(scenario: Scenario) -> None:
    """A hold lapses by itself."""
    scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=150, until=NOON + HOUR))
    assert states(scenario).reserved == 150
    later = NOON + 3 * HOUR
    assert states(scenario, at=later)[3:5] == (150, 0)
    with pytest.raises(ReservationLapsed):
        scenario.when(RedeemPoints(account_id="a1", reservation_id="x", time=later))
    scenario.when(RedeemPoints(account_id="a1", points=100, time=later))


def test_a_late_redemption_of_a_lapsed_hold_does_not_spend_a_lot_twice(scenario: Scenario) -> None:
    """A late redemption of a lapsed hold does not spend a lot twice."""
    scenario.when(ReservePoints(account_id="a1", reservation_id="x", points=150, until=NOON + HOUR))
    scenario.when(RedeemPoints(account_id="a1", points=100, time=NOON + 3 * HOUR))
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", reservation_id="x", points=51, time=NOON))
    scenario.when(RedeemPoints(account_id="a1", reservation_id="x", points=50, time=NOON))
    assert states(scenario, at=NOON + 3 * HOUR) == (220, 0, 0, 0, 0, 150, 70, 0)
