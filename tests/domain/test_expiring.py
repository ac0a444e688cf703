"""What time does to points: expiry by age and inactivity, activation, and booking all of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.expiring import (
    EVENTS_MAX,
    ActivatePoints,
    BookDuePoints,
    NothingAwaitsThis,
    NothingIsDue,
)
from domain.lots import AccountLots
from domain.movements import NotEnoughPoints, TransferPoints
from domain.points import PointsActivated, PointsExpired, PointsReleased
from domain.redemptions import RedeemPoints, ReservePoints
from tests.domain.club import AFTER_STAY, AFTER_TWO_DAYS, ROLLING, club
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, HOUR, award, debits, earned, purchase, returned, states

MIDNIGHT = NOON.replace(hour=0, minute=0)


def book(scenario: Scenario, at: datetime) -> list[Any]:
    """Book what is due at an instant."""
    scenario.now = at
    return scenario.when(BookDuePoints(account_id="a1"))


def active_until(scenario: Scenario) -> float:
    """After how many days, from midnight on, the 100 points are active no more."""
    hours = range(24 * 100)
    last = max(h for h in hours if states(scenario, at=MIDNIGHT + h * HOUR).active > 90)
    return (last + 1) / 24


@pytest.mark.parametrize(
    "days, lasts",
    [
        ((), 8),
        ((3,), 11),
        ((7,), 15),
        # It was inactive for seven whole days: what came later does not bring it back.
        ((8,), 8),
        ((3, 11), 11),
        ((10, 3, 17), 25),
    ],
)
def test_inactivity_of_some_days_ends_points(days: tuple[int, ...], lasts: int) -> None:
    """Each day of activity moves the end, in whichever order the days become known."""
    scenario = club(inactive_days=7)
    scenario.when(award(reason="x"))
    for day in days:
        other = earned(f"l{day}", 1, expires_at=NOON + day * DAY + timedelta(seconds=1))
        scenario.happens(other, at=NOON + day * DAY)
    assert active_until(scenario) == lasts


def test_spending_and_giving_keep_points_alive() -> None:
    """What is taken or corrected by others does not."""
    scenario = club(inactive_days=7)
    scenario.when(award(reason="x"))
    scenario.now = NOON + 5 * DAY
    scenario.when(RedeemPoints(account_id="a1", points=1))
    assert active_until(scenario) == 13
    scenario.now = NOON + 9 * DAY
    scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=1))
    assert active_until(scenario) == 17
    scenario.now = NOON + 12 * DAY
    scenario.when(ReservePoints(account_id="a1", points=1, until=NOON + 12 * DAY + HOUR))
    assert active_until(scenario) == 17


def test_age_ends_points_that_inactivity_does_not() -> None:
    """Whichever comes first."""
    scenario = club(inactive_days=7, expiry=ROLLING)
    scenario.when(award(reason="x"))
    assert active_until(scenario) == 8
    scenario.happens(earned("other", 1, expires_at=NOON + 4 * DAY), at=NOON + 3 * DAY)
    assert active_until(scenario) == 10.5


def test_transferred_points_end_when_they_would_have_ended() -> None:
    """What the other account does changes nothing about them, and they keep where they are from."""
    scenario = club(inactive_days=7)
    [given] = scenario.when(award(reason="x", campaign_id=None))
    [moved] = scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=40))
    assert moved.lots[0].expires_at == MIDNIGHT + 8 * DAY
    assert (moved.lots[0].earned_at, moved.lots[0].never_owed) == (NOON, True)
    scenario.now = NOON + 3 * DAY
    scenario.when(RedeemPoints(account_id="a2", points=1))
    assert states(scenario, "a2", MIDNIGHT + 8 * DAY).active == 0
    assert states(scenario, "a2", MIDNIGHT + 8 * DAY - HOUR).active == 39
    assert given.lot_id == moved.lots[0].lot_id


def test_pending_points_wait_for_what_they_await() -> None:
    """No instant activates them; what happened does, once, and for the lots that await it."""
    scenario = club(activation=AFTER_STAY)
    scenario.when(award(reason="x"))
    assert states(scenario, at=NOON + 99 * DAY).pending == 100
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", points=1))
    with pytest.raises(NothingAwaitsThis):
        scenario.when(ActivatePoints(account_id="a1", awaited="stay"))
    scenario.now = NOON + DAY
    [activated] = scenario.when(ActivatePoints(account_id="a1", awaited="stay-completed"))
    assert activated.points == 100
    assert states(scenario, at=NOON + DAY - HOUR).pending == 100
    assert states(scenario, at=NOON + DAY).active == 100
    with pytest.raises(NothingAwaitsThis):
        scenario.when(ActivatePoints(account_id="a1", awaited="stay-completed"))
    scenario.when(RedeemPoints(account_id="a1", points=1))


def test_what_is_booked_changes_no_balance_at_any_instant() -> None:
    """Before, at and after what is booked; and it is booked once."""
    scenario = club(expiry=ROLLING, activation=AFTER_TWO_DAYS)
    scenario.when(award(60, reason="x"))
    scenario.when(award(40, reason="x", available_from=NOON))
    scenario.when(ReservePoints(account_id="a1", points=30, until=NOON + 3 * DAY))
    instants = [NOON + hours * HOUR for hours in range(-24, 15 * 24, 7)]
    before = [states(scenario, at=at) for at in instants]
    with pytest.raises(NothingIsDue):
        book(scenario, NOON + DAY)
    [activated] = book(scenario, NOON + 2 * DAY)
    assert isinstance(activated, PointsActivated)
    assert (activated.points, activated.awaited) == (60, None)
    [released] = book(scenario, NOON + 4 * DAY)
    assert isinstance(released, PointsReleased)
    assert (released.points, released.lapsed) == (30, True)
    [expired] = book(scenario, NOON + 12 * DAY)
    assert isinstance(expired, PointsExpired)
    assert (expired.points, expired.lapsed) == (100, True)
    assert scenario.log[-1].envelope.time == NOON + 10 * DAY
    assert [states(scenario, at=at) for at in instants] == before
    with pytest.raises(NothingIsDue):
        book(scenario, NOON + 99 * DAY)


def test_what_was_spent_in_time_counts_when_it_is_told_too_late() -> None:
    """A till that was offline redeems points whose expiry is booked already: nothing is owed."""
    scenario = club(expiry=ROLLING)
    scenario.when(award(reason="x"))
    book(scenario, NOON + 12 * DAY)
    scenario.when(RedeemPoints(account_id="a1", points=70, time=NOON + 9 * DAY))
    assert states(scenario, at=NOON + 12 * DAY) == (100, 0, 0, 0, 0, 70, 30, 0)


def test_what_activity_told_late_brings_back_expires_again() -> None:
    """It was booked too early, and is booked again at its new end."""
    scenario = club(inactive_days=7)
    scenario.when(award(reason="x"))
    [expired] = book(scenario, MIDNIGHT + 8 * DAY)
    assert expired.points == 100
    scenario.happens(earned("late", 1, expires_at=NOON + 4 * DAY), at=NOON + 3 * DAY)
    assert states(scenario, at=MIDNIGHT + 9 * DAY).active == 100
    with pytest.raises(NothingIsDue):
        book(scenario, MIDNIGHT + 4 * DAY)
    booked = book(scenario, MIDNIGHT + 11 * DAY)
    assert sum(event.points for event in booked) == 101
    with pytest.raises(NothingIsDue):
        book(scenario, MIDNIGHT + 50 * DAY)


def test_a_clawback_takes_points_whether_or_not_their_expiry_is_booked() -> None:
    """Booking is no reason to leave them in the budget of a campaign."""
    found = []
    for booked in (False, True):
        scenario = club(expiry=ROLLING)
        scenario.happens(purchase())
        scenario.when(award(purchase_id="p1"))
        if booked:
            book(scenario, NOON + 12 * DAY)
        scenario.now = NOON + 12 * DAY
        found.append([event.points for event in scenario.happens(returned(10_000))[1:]])
        assert states(scenario, at=NOON + 12 * DAY).cancelled == 100
    assert found == [[100], [100]]


def test_one_decision_books_so_much_and_the_next_the_rest() -> None:
    """It fits a batch, however much is due."""
    scenario = Scenario().given(ACCOUNT)
    for number in range(EVENTS_MAX + 20):
        scenario.happens(earned(f"l{number}", 1, expires_at=NOON + number * HOUR))
    assert len(book(scenario, NOON + 99 * DAY)) == EVENTS_MAX
    assert len(book(scenario, NOON + 99 * DAY)) == 20


def test_lots_that_end_together_are_booked_together() -> None:
    """One event for one instant."""
    scenario = Scenario().given(
        ACCOUNT, *(earned(f"l{number}", 2, expires_at=NOON + HOUR) for number in range(3))
    )
    [expired] = book(scenario, NOON + HOUR)
    assert debits(expired) == {"l0": 2, "l1": 2, "l2": 2}
    lots = scenario.view(AccountLots("account:a1")).lots
    assert not any(lot.unbooked(NOON + HOUR) for lot in lots.values())
