"""What each campaign promised: points awarded for it, and rewards, with what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.points import PointsClawedBack, PointsEarned
from domain.rewards import RewardGranted, RewardRedeemed, RewardWithdrawn
from domain.types import Money
from projections.fold import Contribution, Fold, Total


class AwardRow(msgspec.Struct, omit_defaults=True):
    """What campaigns gave to one account, in sums by campaign."""

    account_id: str
    campaigns: dict[str, dict[str, int]] = {}


class CampaignAwards(Fold, table="campaign_awards", key="account"):
    """The points that each account got from each campaign, and what they are expected to cost."""

    Row = AwardRow

    @on(PointsEarned, PointsClawedBack)
    def _(self, row: AwardRow, event: PointsEarned | PointsClawedBack, envelope: Envelope) -> None:
        if event.campaign_id is None:
            return
        sums = row.campaigns.setdefault(event.campaign_id, {})
        earned = isinstance(event, PointsEarned)
        changes = {"awards": 1, "points": event.points} if earned else {"clawed_back": event.points}
        if event.cost is not None:
            amount = event.cost.amount if earned else -event.cost.amount
            changes[f"cost {event.cost.currency}"] = amount
        for name, change in changes.items():
            sums[name] = sums.get(name, 0) + change


class AwardTotals(Total, table="award_totals", of=CampaignAwards, key="campaign"):
    """By campaign: awards, points, points clawed back, and their cost by currency."""

    def contributes(self, row: AwardRow, context: Mapping[str, Any]) -> Contribution:
        """The account's sums."""
        return row.campaigns


class RewardRow(msgspec.Struct, omit_defaults=True):
    """One reward: what it costs, and what became of it."""

    reward_id: str
    campaign_id: str | None = None
    states: list[str] = []
    cost: Money | None = None


class CampaignRewards(Fold, table="campaign_rewards", key="reward"):
    """What each reward costs; the granted cost, until it is known what it did cost."""

    Row = RewardRow

    @on(RewardGranted, RewardRedeemed, RewardWithdrawn)
    def _(
        self,
        row: RewardRow,
        event: RewardGranted | RewardRedeemed | RewardWithdrawn,
        envelope: Envelope,
    ) -> None:
        row.campaign_id = row.campaign_id or event.campaign_id
        state = event.type_name.split(".")[1]
        if state not in row.states:
            row.states.append(state)
        if not isinstance(event, RewardWithdrawn) and event.cost is not None:
            row.cost = event.cost


class RewardTotals(Total, table="reward_totals", of=CampaignRewards, key="campaign"):
    """By campaign: rewards granted, redeemed and withdrawn, and their cost by currency."""

    def contributes(self, row: RewardRow, context: Mapping[str, Any]) -> Contribution:
        """The reward once in each state; a withdrawn one costs nothing."""
        if row.campaign_id is None:
            return {}
        amounts = dict.fromkeys(row.states, 1)
        if row.cost is not None and "withdrawn" not in row.states:
            amounts[f"cost {row.cost.currency}"] = row.cost.amount
        return {row.campaign_id: amounts}
