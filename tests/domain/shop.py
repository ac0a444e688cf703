"""What the tests of points and rewards agree on: one account, one member, one campaign."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from domain.accounts import AccountOpened
from domain.awards import AwardPoints
from domain.campaigns import CampaignPlanned
from domain.lot import States
from domain.lots import AccountLots
from domain.people import MemberEnrolled
from domain.points import PointsEarned
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.voids import VoidEvent
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

ACCOUNT = AccountOpened(account_id="a1", programme="club", points_currency="stars")
OTHER = AccountOpened(account_id="a2", programme="club", points_currency="stars")
MEMBER = MemberEnrolled(member_id="m1")


def campaign(**budget: Any) -> CampaignPlanned:
    """A campaign with a budget."""
    return CampaignPlanned(
        campaign_id="c1", name="Spring", starts=NOON - DAY, currency="EUR", **budget
    )


def earned(lot_id: str, points: int, **more: Any) -> PointsEarned:
    """An award on the account, for goodwill unless a cause is given."""
    defaults: dict[str, Any] = {
        "account_id": "a1", "origin": "goodwill", "available_from": NOON - DAY, "reason": "gift",
    }  # fmt: skip
    return PointsEarned(lot_id=lot_id, points=points, **{**defaults, **more})


def purchase(net: int = 10_000, **more: Any) -> PurchaseRecorded:
    """A purchase of the member."""
    defaults: dict[str, Any] = {"purchase_id": "p1", "member_id": "m1", "currency": "EUR"}
    return PurchaseRecorded(net=net, **{**defaults, **more})


def returned(net: int, return_id: str = "r1", **more: Any) -> PurchaseReturned:
    """A return, of that purchase unless something else is named."""
    defaults: dict[str, Any] = {"currency": "EUR"}
    if not {"purchase_id", "order_id"} & more.keys():
        defaults["purchase_id"] = "p1"
    return PurchaseReturned(return_id=return_id, net=net, **{**defaults, **more})


def states(scenario: Scenario, account_id: str = "a1", at: datetime = NOON) -> States:
    """The account's points by state."""
    account: AccountLots = scenario.view(AccountLots(f"account:{account_id}"))
    return account.at(at)


def award(points: int = 100, **more: Any) -> AwardPoints:
    """Ask for an award to the account."""
    return AwardPoints(account_id="a1", points=points, **more)


def void(position: int) -> VoidEvent:
    """Ask for a void."""
    return VoidEvent(position=position, reason="wrong", approved_by="boss")


def where(scenario: Scenario, kind: type) -> int:
    """Where the last event of a class stands."""
    return scenario.position(lambda event: isinstance(event, kind))


def debits(event: Any) -> dict[str, int]:
    """The points of each lot that an event names."""
    return {debit.lot_id: debit.points for debit in event.lots}


THREE_LOTS = (
    earned("ever", 100),
    earned("soon", 50, expires_at=NOON + DAY),
    earned("later", 70, available_from=NOON + HOUR, expires_at=NOON + 2 * HOUR),
)
"""One lot for ever, one that ends soon, one that has not begun."""
