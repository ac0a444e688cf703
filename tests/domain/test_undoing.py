"""Purchases, returns, awards and voids in any order: points are what those that stand say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from domain.budgets import Promises
from domain.movements import TransferPoints
from domain.points import PointsClawedBack, PointsEarned
from domain.purchases import PurchaseRecorded, PurchaseReturned, ReturnMatched
from domain.redemptions import RedeemPoints
from domain.types import Money
from domain.voids import (
    VoidBatch,
)
from tests.domain.scenario import Scenario
from tests.domain.shop import (
    ACCOUNT,
    OTHER,
    award,
    campaign,
    purchase,
    returned,
    states,
    void,
    where,
)


@pytest.fixture
def scenario() -> Scenario:
    """Two accounts."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(OTHER)
    return scenario


def test_a_voided_return_gives_its_points_back(scenario: Scenario) -> None:
    """A voided return gives its points back."""
    scenario.happens(purchase(order_id="o1"))
    scenario.when(award(purchase_id="p1"))
    scenario.happens(returned(4_000, order_id="o1"))
    scenario.happens(returned(1_000, "r2"))
    scenario.when(void(5))
    assert states(scenario) == (100, 0, 0, 90, 0, 0, 0, 10)
    assert not any(
        isinstance(r.event, ReturnMatched) and r.event.return_id == "r1"
        for r in scenario.standing()
    )


def test_rounding_does_not_depend_on_a_voided_return(scenario: Scenario) -> None:
    """Rounding does not depend on a voided return."""
    scenario.happens(purchase(3))
    scenario.when(award(purchase_id="p1"))
    for number in range(3):
        scenario.happens(returned(1, f"r{number}"))
    scenario.when(void(5))
    assert states(scenario).active == 34


def test_a_voided_match_is_no_match(scenario: Scenario) -> None:
    """A voided match is no match."""
    scenario.happens(purchase(100))
    scenario.when(award(purchase_id="p1"))
    scenario.happens(returned(40))
    scenario.when(void(where(scenario, ReturnMatched)))
    assert states(scenario).active == 100


def test_a_corrected_purchase_finds_its_returns_again(scenario: Scenario) -> None:
    """A corrected purchase finds its returns again."""
    scenario.happens(purchase(100))
    scenario.when(award(purchase_id="p1"))
    scenario.happens(returned(40))
    scenario.when(void(3))
    assert states(scenario) == (100, 0, 0, 0, 0, 0, 0, 100)
    [matched] = scenario.happens(purchase(400))
    assert matched.return_id == "r1"
    scenario.when(award(purchase_id="p1"))
    assert states(scenario).active == 90
    scenario.when(void(5))
    assert states(scenario).active == 100


def test_a_clawback_is_no_cause_of_another(scenario: Scenario) -> None:
    """A clawback is no cause of another."""
    scenario.happens(purchase(100))
    scenario.when(award(purchase_id="p1"))
    scenario.happens(returned(40))
    scenario.when(void(where(scenario, PointsClawedBack)))
    assert states(scenario).active == 100


Steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "award", "return", "return", "void", "batch", "redeem", "move"]),
        st.integers(0, 2),
        st.integers(1, 9),
    ),
    min_size=5,
    max_size=30,
)


@given(Steps)
def test_points_are_always_what_the_standing_purchases_and_returns_say(
    steps: list[tuple[str, int, int]],
) -> None:
    """Purchases, awards, returns and voids in any order: never more, never less, whoever spent."""
    scenario = Scenario()
    for event in (ACCOUNT, OTHER, campaign()):
        scenario.happens(event)
    for number, step in enumerate(steps):
        _take(scenario, number, *step)
        totals = states(scenario), states(scenario, "a2")
        net = sum(total.active - total.owed + total.spent for total in totals)
        promises = scenario.view(Promises("campaign:c1"))
        assert net == promises.points == _expected(scenario)
        assert (promises.costs["EUR"] > 0) == (net > 0)
        assert all(total.issued + total.owed == sum(total[2:]) for total in totals)


def _take(scenario: Scenario, number: int, step: str, which: int, amount: int) -> None:
    batch = f"b{amount % 3}" if amount % 2 else None
    standing = [r for r in scenario.standing() if isinstance(r.event, PurchaseRecorded)]
    bought = {r.event.purchase_id for r in standing if isinstance(r.event, PurchaseRecorded)}
    purchase_id, order_id = f"p{which}", f"o{which}"
    match step:
        case "buy" if purchase_id not in bought:
            scenario.happens(
                purchase(amount, purchase_id=purchase_id, order_id=order_id), batch=batch
            )
        case "award":
            open_ = [name for name in sorted(bought) if not _awarded(scenario, name)]
            if open_:
                cost = Money(amount=amount * 7 + which, currency="EUR")
                id_ = open_[which % len(open_)]
                scenario.when(award(amount, purchase_id=id_, campaign_id="c1", cost=cost))
        case "return":
            names = {"order_id": order_id} if amount % 2 else {"purchase_id": purchase_id}
            scenario.happens(returned(amount, f"r{number}", **names), batch=batch)
        case "void":
            kinds = PurchaseRecorded | PurchaseReturned | PointsEarned
            found = [r for r in scenario.standing() if isinstance(r.event, kinds)]
            if found:
                scenario.when(void(found[amount % len(found)].envelope.position))
        case "batch" if any(r.envelope.batch == f"b{which}" for r in scenario.standing()):
            scenario.when(VoidBatch(batch_id=f"b{which}", reason="x"))
        case "redeem" if (most := min(amount, states(scenario).spendable)) > 0:
            scenario.when(RedeemPoints(account_id="a1", points=most))
        case "move" if (most := min(amount, states(scenario).spendable)) > 0:
            scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=most))


def _awarded(scenario: Scenario, purchase_id: str) -> bool:
    """Whether the purchase, as it was recorded last, has its one award."""
    at = scenario.position(
        lambda e: isinstance(e, PurchaseRecorded) and e.purchase_id == purchase_id
    )
    return any(
        isinstance(r.event, PointsEarned) and r.envelope.cause == at for r in scenario.standing()
    )


def _expected(scenario: Scenario) -> int:
    """What the standing awards of standing purchases give, less what was brought back."""
    standing = {r.envelope.position: r for r in scenario.standing()}
    total = 0
    for recorded in standing.values():
        event, cause = recorded.event, recorded.envelope.cause
        if not isinstance(event, PointsEarned) or cause not in standing:
            continue
        bought: Any = standing[cause].event
        names = {bought.purchase_id, bought.order_id}
        back = sum(
            r.event.net
            for r in standing.values()
            if isinstance(r.event, PurchaseReturned)
            and {r.event.purchase_id, r.event.order_id} & names
        )
        total += event.points - event.points * min(back, bought.net) // bought.net
    return total
