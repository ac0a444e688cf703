"""Adjustments above a programme's limit: one proposes, another one approves."""

from __future__ import annotations

from typing import Any

import pytest

from domain.adjustments import (
    AdjustmentAlreadyProposed,
    AdjustmentNotProposed,
    AdjustmentSettled,
    AdjustPoints,
    ApprovalNeeded,
    ApproveAdjustment,
    ApproverIsAuthor,
    ProposeAdjustment,
    RejectAdjustment,
)
from domain.errors import RuleError
from domain.movements import NotEnoughPoints
from tests.domain.club import amending, club
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import states

APPROVE = ApproveAdjustment(account_id="a1", adjustment_id="x")
REJECT = RejectAdjustment(account_id="a1", adjustment_id="x", reason="no")


def adjusting(points: int, direction: Any = "credit", **more: Any) -> AdjustPoints:
    """Correct the account."""
    return AdjustPoints(account_id="a1", direction=direction, points=points, reason="x", **more)


def proposing(points: int = 500, direction: Any = "credit") -> ProposeAdjustment:
    """Propose to correct it."""
    return ProposeAdjustment(
        adjustment_id="x", account_id="a1", direction=direction, points=points, reason="sorry"
    )


@pytest.fixture
def scenario() -> Scenario:
    """A programme in which nobody adjusts more than 100 points alone."""
    return club(approval_above_points=100)


def test_up_to_the_limit_one_person_adjusts(scenario: Scenario) -> None:
    """Above it nobody does, whoever they say has approved it."""
    scenario.when(adjusting(100))
    for direction in ("credit", "debit"):
        with pytest.raises(ApprovalNeeded):
            scenario.when(adjusting(101, direction, approved_by="somebody"))
    scenario.when(amending())
    scenario.when(adjusting(101))


def test_another_person_approves(scenario: Scenario) -> None:
    """Nothing moves before; then the event names both, and the proposal is its cause."""
    scenario.when(proposing())
    proposed = scenario.log[-1].envelope
    assert states(scenario).issued == 0
    scenario.actor = "boss"
    [adjusted] = scenario.when(APPROVE)
    assert (adjusted.points, adjusted.approved_by, adjusted.reason) == (500, "boss", "sorry")
    assert scenario.log[-1].envelope.cause == proposed.position
    assert proposed.actor == "tester"
    assert states(scenario).active == 500


def test_what_there_is_not_cannot_be_approved(scenario: Scenario) -> None:
    """A debit is checked when it is made; afterwards it can still be approved."""
    scenario.when(proposing(150, "debit"))
    scenario.actor = "boss"
    with pytest.raises(NotEnoughPoints):
        scenario.when(APPROVE)
    for _ in range(2):
        scenario.when(adjusting(100))
    scenario.when(APPROVE)
    assert states(scenario).active == 50


@pytest.mark.parametrize(
    "actor, before, command, error",
    [
        ("tester", (), APPROVE, ApproverIsAuthor),
        ("boss", (APPROVE,), APPROVE, AdjustmentSettled),
        ("boss", (REJECT,), APPROVE, AdjustmentSettled),
        ("boss", (APPROVE,), REJECT, AdjustmentSettled),
        ("tester", (), proposing(), AdjustmentAlreadyProposed),
        ("boss", (), ApproveAdjustment(account_id="a2", adjustment_id="x"), AdjustmentNotProposed),
        ("boss", (), ApproveAdjustment(account_id="a1", adjustment_id="y"), AdjustmentNotProposed),
        ("boss", (), RejectAdjustment(account_id="a1", adjustment_id="y"), AdjustmentNotProposed),
    ],
)
def test_refused(
    scenario: Scenario, actor: str, before: tuple[Any, ...], command: Any, error: type[RuleError]
) -> None:
    """Each rule has one that it refuses."""
    scenario.when(proposing())
    scenario.actor = actor
    for one in before:
        scenario.when(one)
    with pytest.raises(error):
        scenario.when(command)


def test_the_author_may_take_a_proposal_back(scenario: Scenario) -> None:
    """And a proposal without an id gets one."""
    [proposed] = scenario.when(
        ProposeAdjustment(account_id="a1", direction="credit", points=1, reason="sorry")
    )
    scenario.when(
        RejectAdjustment(account_id="a1", adjustment_id=proposed.adjustment_id, time=NOON)
    )
