"""Campaign returns: what each campaign cost, whom it reached, and what came of it.

Ratios keep their two parts, and say their population and their window. Money is never added
across currencies. *Full cost* is, by kind, what was invoiced less credit notes (labour: hours x
rate where both are given); where no cost of the kind ``reward`` was recorded, what the ledger
itself promised stands in its place: rewards not withdrawn, and points not clawed back, at their
expected cost. Attributed and incremental value are figures of their own, with other names.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from projections.campaign_activity import (
    ActivityRow,
    CampaignActivity,
    CampaignInvitations,
    CampaignReferrals,
    Cost,
    InvitationTotals,
    ReferralTotals,
    Seen,
)
from projections.campaign_audience import Audience, AudienceTotals
from projections.campaign_figures import Figure, Figures
from projections.campaign_plans import CampaignPlans, PlanRow
from projections.campaign_promises import (
    AwardTotals,
    CampaignAwards,
    CampaignRewards,
    RewardTotals,
)
from projections.fold import Projection
from projections.known import Sums
from projections.purchases import Spend
from projections.reader import Reader

CAMPAIGNS_MAX: Final = 1_000
"""Campaigns on one page."""

CAMPAIGN_RETURNS = Projection(
    "campaign_returns",
    version=1,
    folds=(
        CampaignPlans,
        CampaignActivity,
        CampaignInvitations,
        CampaignReferrals,
        CampaignAwards,
        CampaignRewards,
        Audience,
    ),
    totals=(InvitationTotals, ReferralTotals, AwardTotals, RewardTotals, AudienceTotals),
)


class Outcome(msgspec.Struct):
    """What became of a campaign's invitations."""

    named_by: ClassVar[tuple[str, ...]] = ("outcome",)

    outcome: str
    """sent, delivered, bounced, opened, clicked, complained, unsubscribed; and of opened and
    clicked, by whom: ``opened_human``, ``opened_machine``, ``opened_unknown``."""
    invitations: int
    """Different invitations with this outcome."""
    events: int
    """How often it was reported: one may be opened several times."""


class Promised(msgspec.Struct):
    """What the campaign promised its participants."""

    awards: int
    points: int
    points_clawed_back: int
    rewards_granted: int
    rewards_redeemed: int
    rewards_withdrawn: int
    points_cost: dict[str, int]
    """Expected cost of the points not clawed back, in minor units by currency."""
    rewards_cost: dict[str, int]
    """Cost of the rewards not withdrawn, in minor units by currency."""


class People(msgspec.Struct):
    """Whom the campaign reached; see :mod:`projections.campaign_audience`."""

    participants: int = 0
    participations: int = 0
    disqualified: int = 0
    members: int = 0
    known: int = 0
    """Members before it began."""
    new: int = 0
    """Enrolled while it ran."""
    paid_origin: int = 0
    re_bought: int = 0
    enrolments: int = 0
    new_customers: int = 0


class Engagement(msgspec.Struct):
    """What people did around the campaign."""

    shares: int = 0
    visits: int = 0
    contributions: int = 0
    friend_invitations: int = 0
    referrals_made: int = 0
    referrals_qualified: int = 0
    referrals_voided: int = 0


class Revenue(Spend):
    """What participants bought inside the window; amounts are minor units, less tax."""

    buyers: int = 0
    """Participants with a purchase in this currency inside the window."""


class Returns(msgspec.Struct, kw_only=True):
    """One campaign and what it returned."""

    campaign: PlanRow
    costs: tuple[Cost, ...]
    full_cost: dict[str, int]
    """Minor units by currency."""
    promised: Promised
    visibility: tuple[Seen, ...]
    """Impressions by stage and channel; reports of one stage add up."""
    invitations: tuple[Outcome, ...]
    engagement: Engagement
    people: People
    revenue_from: datetime | None
    revenue_until: datetime | None
    """The window of the revenue: from the first instant to before the second; None: open."""
    participant_revenue: tuple[Revenue, ...]
    figures: tuple[Figure, ...]


def returns(reader: Sums, campaign_id: str) -> Returns | None:
    """The returns of a campaign; None if no event ever spoke of it."""
    plan = reader.row(CampaignPlans, campaign_id)
    activity = reader.row(CampaignActivity, campaign_id)
    totals = {total: reader.total(total, campaign_id) for total in CAMPAIGN_RETURNS.totals}
    if plan is None and activity is None and not any(totals.values()):
        return None
    people = totals[AudienceTotals]
    costs, promised = _costs(activity), _promised(totals[AwardTotals], totals[RewardTotals])
    plan = plan or PlanRow(campaign_id)
    full_cost = _full_cost(costs, promised)
    counted = People(**{name: people.get(name, 0) for name in People.__struct_fields__})
    media = Counter[str]()
    for cost in costs:
        media[cost.currency] += cost.net if cost.kind == "media" else 0
    return Returns(
        campaign=plan,
        costs=costs,
        full_cost=full_cost,
        promised=promised,
        visibility=_visibility(activity),
        invitations=_outcomes(totals[InvitationTotals]),
        engagement=_engagement(activity, totals[ReferralTotals]),
        people=counted,
        revenue_from=plan.starts,
        revenue_until=plan.revenue_until,
        participant_revenue=_revenue(people),
        figures=Figures(plan, counted, full_cost, dict(media)).all(),
    )


def page(reader: Reader, after: str | None, limit: int) -> list[PlanRow]:
    """Planned campaigns by id, from the one after ``after``."""
    assert 0 < limit <= CAMPAIGNS_MAX
    rows = reader.select(
        "SELECT row FROM {plans} WHERE key > %(after)s AND row->'starts' IS NOT NULL"
        " ORDER BY key LIMIT %(limit)s",
        {"plans": CampaignPlans},
        {"after": after or "", "limit": limit},
    )
    return [msgspec.convert(row, PlanRow) for (row,) in rows]


def _costs(activity: ActivityRow | None) -> tuple[Cost, ...]:
    rows = {} if activity is None else activity.costs
    return tuple(rows[name] for name in sorted(rows))


def _visibility(activity: ActivityRow | None) -> tuple[Seen, ...]:
    rows = {} if activity is None else activity.impressions
    return tuple(rows[name] for name in sorted(rows))


def _full_cost(costs: tuple[Cost, ...], promised: Promised) -> dict[str, int]:
    sums = Counter[str]()
    for cost in costs:
        sums[cost.currency] += cost.net
    if not any(cost.kind == "reward" for cost in costs):
        sums.update(promised.points_cost)
        sums.update(promised.rewards_cost)
    return dict(sorted(sums.items()))


def _by_currency(sums: dict[str, int], what: str) -> dict[str, int]:
    start = f"{what} "
    return {
        name.removeprefix(start): amount
        for name, amount in sorted(sums.items())
        if name.startswith(start)
    }


def _promised(awards: dict[str, int], rewards: dict[str, int]) -> Promised:
    return Promised(
        awards=awards.get("awards", 0),
        points=awards.get("points", 0),
        points_clawed_back=awards.get("clawed_back", 0),
        rewards_granted=rewards.get("granted", 0),
        rewards_redeemed=rewards.get("redeemed", 0),
        rewards_withdrawn=rewards.get("withdrawn", 0),
        points_cost=_by_currency(awards, "cost"),
        rewards_cost=_by_currency(rewards, "cost"),
    )


def _outcomes(sums: dict[str, int]) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(name, amount, sums.get(f"{name} events", 0))
        for name, amount in sorted(sums.items())
        if not name.endswith(" events")
    )


def _engagement(activity: ActivityRow | None, referrals: dict[str, int]) -> Engagement:
    found = activity or ActivityRow("")
    return Engagement(
        shares=found.shares,
        visits=found.visits,
        contributions=found.contributions,
        friend_invitations=referrals.get("friend_invitations", 0),
        referrals_made=referrals.get("made", 0),
        referrals_qualified=referrals.get("qualified", 0),
        referrals_voided=referrals.get("voided", 0),
    )


def _revenue(people: dict[str, int]) -> tuple[Revenue, ...]:
    return tuple(
        Revenue(
            currency,
            purchases=people.get(f"purchases {currency}", 0),
            net=people.get(f"net {currency}", 0),
            returned=people.get(f"returned {currency}", 0),
            buyers=buyers,
        )
        for currency, buyers in _by_currency(people, "buyers").items()
    )
