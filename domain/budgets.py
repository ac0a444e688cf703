"""Budgets: what a campaign has promised in points and rewards, and how much it may."""

from __future__ import annotations

from collections import defaultdict

from domain.campaigns import CampaignPlan
from domain.decision import View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.points import PointsClawedBack, PointsEarned
from domain.rewards import RewardGranted, RewardWithdrawn
from domain.types import Money


class PointsBudgetExceeded(RuleError):
    """The campaign's budget in points does not cover this award: raise it, or award fewer."""


class RewardBudgetExceeded(RuleError):
    """The campaign's reward budget does not cover this cost: raise it, or choose something else."""


class CostCurrencyDiffers(RuleError):
    """A cost that is counted against a campaign's budget is in the campaign's currency."""


class Promises(View):
    """What a campaign has promised by now. Tag: ``campaign:<id>``.

    Points count when they are awarded and costs when they are accepted, by an award or a grant.
    A clawback or a withdrawal frees what it takes back; spending, expiry and cancellation free
    nothing.
    """

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.points = 0
        self.costs: defaultdict[str, int] = defaultdict(int)
        """Minor units by currency."""

    @on(PointsEarned)
    def _(self, event: PointsEarned, envelope: Envelope) -> None:
        self.points += event.points
        self._count(event.cost, 1)

    @on(PointsClawedBack)
    def _(self, event: PointsClawedBack, envelope: Envelope) -> None:
        self.points -= event.points
        self._count(event.cost, -1)

    @on(RewardGranted)
    def _(self, event: RewardGranted, envelope: Envelope) -> None:
        self._count(event.cost, 1)

    @on(RewardWithdrawn)
    def _(self, event: RewardWithdrawn, envelope: Envelope) -> None:
        self._count(event.cost, -1)

    def _count(self, cost: Money | None, sign: int) -> None:
        if cost is not None:
            self.costs[cost.currency] += sign * cost.amount


def check_budget(
    plan: CampaignPlan, promises: Promises, *, points: int = 0, cost: Money | None = None
) -> None:
    """Refuse what the campaign has no budget for, in points or in money."""
    plan.require()
    campaign, limit = plan.tags[0], plan.reward_budget_points
    if limit is not None and promises.points + points > limit:
        raise PointsBudgetExceeded(
            campaign=campaign, budget_points=limit, promised_points=promises.points, asked=points
        )
    if plan.reward_budget is None or cost is None:
        return
    if cost.currency != plan.currency:
        raise CostCurrencyDiffers(campaign=campaign, currency=plan.currency, asked=cost.currency)
    promised = promises.costs[plan.currency]
    if promised + cost.amount > plan.reward_budget:
        raise RewardBudgetExceeded(
            campaign=campaign, budget=plan.reward_budget, promised=promised, asked=cost.amount
        )
