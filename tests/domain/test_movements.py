"""Redeeming, reserving, cancelling, adjusting and transferring, by example."""

from __future__ import annotations

from datetime import datetime

import pytest

from domain.accounts import AccountNotOpened, AccountOpened
from domain.adjustments import AdjustPoints
from domain.decision import Command
from domain.errors import FilrougeError, InvalidEvent
from domain.lot_parts import LOTS_PER_EVENT_MAX, LotDebit
from domain.lot_terms import LotNeverActive
from domain.lots import AccountLots, next_expiry
from domain.movements import (
    AccountsNotAlike,
    CancelPoints,
    NotEnoughPoints,
    SameAccount,
    TransferPoints,
)
from domain.points import PointsReserved, PointsTransferred
from domain.redemptions import (
    RedeemPoints,
    ReleaseReservation,
    ReservationAlreadyMade,
    ReservationNeverHolds,
    ReservePoints,
)
from domain.types import TEXT_LENGTH_MAX
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, HOUR, OTHER, THREE_LOTS, debits, earned, states


@pytest.fixture
def scenario() -> Scenario:
    """An account with three lots: one for ever, one that ends soon, one that has not begun."""
    return Scenario().given(ACCOUNT, *THREE_LOTS)


def test_the_lot_that_expires_first_pays_first(scenario: Scenario) -> None:
    """The lot that expires first pays first."""
    [redeemed] = scenario.when(RedeemPoints(account_id="a1", points=60))
    assert debits(redeemed) == {"soon": 50, "ever": 10}
    assert states(scenario) == (220, 0, 70, 90, 0, 60, 0, 0)


@pytest.mark.parametrize(
    "at, order",
    [
        (NOON, ["soon", "ever"]),
        (NOON + HOUR, ["later", "soon", "ever"]),
        (NOON + 2 * HOUR, ["soon", "ever"]),
        (NOON + DAY, ["ever"]),
        (NOON - 2 * DAY, []),
    ],
)
def test_only_lots_that_are_active_at_the_instant_pay(
    scenario: Scenario, at: datetime, order: list[str]
) -> None:
    """Only lots that are active at the instant pay."""
    spendable = states(scenario, at=at).spendable
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", points=spendable + 1, time=at))
    if order:
        [redeemed] = scenario.when(RedeemPoints(account_id="a1", points=spendable, time=at))
        assert list(debits(redeemed)) == order


def test_a_late_redemption_finds_no_points_that_were_spent_meanwhile(scenario: Scenario) -> None:
    """A late redemption finds no points that were spent meanwhile."""
    scenario.when(RedeemPoints(account_id="a1", points=150))
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", points=1, time=NOON - HOUR))


def test_ties_are_broken_by_availability_then_by_id() -> None:
    """Ties are broken by availability then by id."""
    scenario = Scenario().given(
        ACCOUNT,
        earned("b", 1),
        earned("a", 1),
        earned("c", 1, available_from=NOON - 2 * DAY),
    )
    [redeemed] = scenario.when(RedeemPoints(account_id="a1", points=3))
    assert list(debits(redeemed)) == ["c", "a", "b"]


def test_more_lots_than_one_event_can_name_take_several_events() -> None:
    """More lots than one event can name take several events."""
    scenario = Scenario().given(ACCOUNT, *(earned(f"lot{n}", 1) for n in range(120)))
    events = scenario.when(RedeemPoints(account_id="a1", points=120))
    assert [event.points for event in events] == [50, 50, 20]
    assert states(scenario).spent == 120


def test_an_event_fits_an_entry_however_long_the_ids_are() -> None:
    """The longest ids there can be, as many lots as one event names."""
    scenario = Scenario()
    for event in (ACCOUNT, OTHER):
        scenario.happens(event)
    for number in range(LOTS_PER_EVENT_MAX):
        long = f"{number:x<128}"
        scenario.happens(
            earned(f"{number:x<160}", 10**6, purchase_id=long, order_id=long, expires_at=NOON + DAY)
        )
    everything, reason = LOTS_PER_EVENT_MAX * 10**6, "\N{SPARKLES}" * TEXT_LENGTH_MAX
    scenario.when(
        TransferPoints(account_id="a1", to_account_id="a2", points=everything, reason=reason)
    )
    assert states(scenario, "a2").spendable == everything
    scenario.when(CancelPoints(account_id="a2", points=everything, reason=reason))


def test_pending_points_can_be_cancelled_and_expired_ones_cannot(scenario: Scenario) -> None:
    """Pending points can be cancelled and expired ones cannot."""
    [event] = scenario.when(CancelPoints(account_id="a1", points=80, reason="fraud"))
    assert debits(event) == {"later": 70, "soon": 10}
    later = NOON + 2 * DAY
    with pytest.raises(NotEnoughPoints):
        scenario.when(CancelPoints(account_id="a1", points=101, reason="fraud", time=later))
    with pytest.raises(NotEnoughPoints):
        scenario.when(CancelPoints(account_id="a1", points=1, lot_id="none", reason="fraud"))


def test_a_credit_makes_a_lot_and_a_debit_names_lots(scenario: Scenario) -> None:
    """A credit makes a lot and a debit names lots."""
    [credit] = scenario.when(
        AdjustPoints(account_id="a1", direction="credit", points=5, reason="sorry")
    )
    assert (credit.lot_id[:4], credit.available_from, credit.lots) == ("lot_", NOON, ())
    [debit] = scenario.when(
        AdjustPoints(account_id="a1", direction="debit", points=151, reason="wrong")
    )
    assert debits(debit) == {"soon": 50, "ever": 100, credit.lot_id: 1}
    assert states(scenario) == (225, 0, 70, 4, 0, 0, 0, 151)


def test_transferred_points_keep_their_instants_and_origin() -> None:
    """Transferred points keep their instants and origin."""
    scenario = Scenario().given(
        ACCOUNT,
        OTHER,
        earned("won", 30, origin="engagement", participation_id="t1", expires_at=NOON + DAY),
        earned("ever", 10, qualifying=True),
    )
    [moved] = scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=35))
    assert isinstance(moved, PointsTransferred)
    first = moved.lots[0]
    assert (first.lot_id, first.points, first.expires_at) == ("won", 30, NOON + DAY)
    assert (first.origin, first.causes) == ("engagement", ("participation:t1",))
    assert (moved.lots[1].qualifying, moved.causes) == (True, ("participation:t1", "lot:ever"))
    assert states(scenario) == (5, 0, 0, 5, 0, 0, 0, 0)
    assert states(scenario, "a2") == (35, 0, 0, 35, 0, 0, 0, 0)
    scenario.when(TransferPoints(account_id="a2", to_account_id="a1", points=35))
    assert states(scenario) == (40, 0, 0, 40, 0, 0, 0, 0)
    assert states(scenario, "a2") == (0,) * 8


def test_the_next_expiry_is_the_first_instant_that_takes_points(scenario: Scenario) -> None:
    """The next expiry is the first instant that takes points."""
    lots = scenario.view(AccountLots("account:a1")).lots.values()
    assert next_expiry(lots, NOON) == (NOON + 2 * HOUR, 70)
    assert next_expiry(lots, NOON + 2 * HOUR) == (NOON + DAY, 50)
    assert next_expiry(lots, NOON + DAY) is None


def test_an_unknown_lot_that_is_debited_owes() -> None:
    """An unknown lot that is debited owes."""
    scenario = Scenario()
    scenario.happens(
        PointsReserved(
            account_id="a1",
            reservation_id="x",
            points=3,
            lots=(LotDebit(lot_id="unknown", points=3),),
        )
    )
    assert states(scenario) == (0, 3, 0, 0, 3, 0, 0, 0)


@pytest.mark.parametrize(
    "command, error",
    [
        (RedeemPoints(account_id="none", points=1), AccountNotOpened),
        (RedeemPoints(account_id="a1"), InvalidEvent),
        (ReservePoints(account_id="none", points=1), AccountNotOpened),
        (ReservePoints(account_id="a1", points=1, reservation_id="used"), ReservationAlreadyMade),
        (ReservePoints(account_id="a1", points=1, until=NOON), ReservationNeverHolds),
        (ReservePoints(account_id="a1", points=1_000), NotEnoughPoints),
        (ReleaseReservation(account_id="none", reservation_id="x"), AccountNotOpened),
        (CancelPoints(account_id="none", points=1, reason="x"), AccountNotOpened),
        (
            AdjustPoints(account_id="none", direction="credit", points=1, reason="x"),
            AccountNotOpened,
        ),
        (
            AdjustPoints(
                account_id="a1", direction="credit", points=1, reason="x", expires_at=NOON
            ),
            LotNeverActive,
        ),
        (
            AdjustPoints(account_id="a1", direction="debit", points=1_000, reason="x"),
            NotEnoughPoints,
        ),
        (TransferPoints(account_id="a1", to_account_id="a1", points=1), SameAccount),
        (TransferPoints(account_id="a1", to_account_id="none", points=1), AccountNotOpened),
        (TransferPoints(account_id="a1", to_account_id="miles", points=1), AccountsNotAlike),
        (TransferPoints(account_id="a1", to_account_id="a2", points=1_000), NotEnoughPoints),
    ],
)
def test_refused(scenario: Scenario, command: Command, error: type[FilrougeError]) -> None:
    """Refused."""
    scenario.when(ReservePoints(account_id="a1", points=1, reservation_id="used"))
    miles = AccountOpened(account_id="miles", programme="club", points_currency="miles")
    for event in (OTHER, miles):
        scenario.happens(event)
    recorded = len(scenario.log)
    with pytest.raises(error):
        scenario.when(command)
    assert len(scenario.log) == recorded
