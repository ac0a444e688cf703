"""Awarding points for a cause that stands, inside a budget; granting and using rewards."""

from __future__ import annotations

from typing import Any

import pytest

from domain.accounts import AccountNotOpened
from domain.awards import AwardPoints, OneCauseOnly
from domain.budgets import CostCurrencyDiffers, PointsBudgetExceeded, RewardBudgetExceeded
from domain.campaigns import CampaignNotPlanned
from domain.causes import DisqualifiedEarnsNothing, ReferralNotQualified, UnknownCause
from domain.engagement import ContributionPosted, ShareRecorded
from domain.errors import FilrougeError
from domain.event import Event
from domain.granting import (
    GrantReward,
    RedeemReward,
    RewardAlreadyGranted,
    RewardAlreadyRedeemed,
    RewardIsWithdrawn,
    RewardNeverValid,
    RewardNotGranted,
    RewardNotValid,
    WithdrawReward,
)
from domain.lot_terms import LotNeverActive
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberNotEnrolled
from domain.points import PointsEarned
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.types import Money
from domain.voids import VoidEvent
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, HOUR, MEMBER, campaign, purchase, states

TOOK_PART = ParticipationRecorded(
    participation_id="t1", member_id="m1", campaign_id="c1", activation_id="v1"
)
DISQUALIFIED = ParticipationDisqualified(
    participation_id="t1", member_id="m1", campaign_id="c1", activation_id="v1", reason="rules"
)
MADE = ReferralMade(referral_id="f1", advocate_id="m1", programme="friends")
QUALIFIED = ReferralQualified(
    referral_id="f1", advocate_id="m1", referee_id="m2", programme="friends"
)
VOIDED = ReferralVoided(referral_id="f1", advocate_id="m1", programme="friends", reason="fake")
SHARED = ShareRecorded(share_id="s1", member_id="m1")
POSTED = ContributionPosted(contribution_id="k1", member_id="m1", kind="review")


def award(points: int = 10, **more: Any) -> AwardPoints:
    """An award to the account."""
    return AwardPoints(account_id="a1", points=points, **more)


def euros(cents: int) -> Money:
    """An amount in euros."""
    return Money(amount=cents, currency="EUR")


@pytest.mark.parametrize(
    "cause, field, origin",
    [
        (TOOK_PART, "participation_id", "engagement"),
        (QUALIFIED, "referral_id", "engagement"),
        (SHARED, "share_id", "engagement"),
        (POSTED, "contribution_id", "engagement"),
        (purchase(order_id="o1"), "purchase_id", "purchase"),
    ],
)
def test_an_award_has_its_cause(cause: Any, field: str, origin: str) -> None:
    """An award has its cause."""
    scenario = Scenario().given(ACCOUNT, cause)
    [event] = scenario.when(award(**{field: getattr(cause, field)}))
    assert (event.origin, event.available_from) == (origin, NOON)
    assert event.order_id == ("o1" if origin == "purchase" else None)
    assert scenario.log[-1].envelope.cause == 2
    assert states(scenario).spendable == 10


def test_goodwill_needs_only_a_reason() -> None:
    """Goodwill needs only a reason."""
    scenario = Scenario().given(ACCOUNT)
    [event] = scenario.when(
        award(reason="sorry", available_from=NOON + HOUR, expires_at=NOON + DAY, qualifying=True)
    )
    assert (event.origin, event.qualifying) == ("goodwill", True)
    assert states(scenario)[2:4] == (10, 0)


@pytest.mark.parametrize(
    "given, command, error",
    [
        ((), award(reason="x"), AccountNotOpened),
        ((ACCOUNT,), award(), OneCauseOnly),
        ((ACCOUNT, SHARED, POSTED), award(share_id="s1", contribution_id="k1"), OneCauseOnly),
        ((ACCOUNT,), award(reason="x", expires_at=NOON), LotNeverActive),
        ((ACCOUNT,), award(participation_id="t1"), UnknownCause),
        ((ACCOUNT,), award(purchase_id="p1"), UnknownCause),
        ((ACCOUNT,), award(share_id="s1"), UnknownCause),
        ((ACCOUNT,), award(contribution_id="k1"), UnknownCause),
        (
            (ACCOUNT, TOOK_PART, DISQUALIFIED),
            award(participation_id="t1"),
            DisqualifiedEarnsNothing,
        ),
        ((ACCOUNT,), award(referral_id="f1"), ReferralNotQualified),
        ((ACCOUNT, QUALIFIED, VOIDED), award(referral_id="f1"), ReferralNotQualified),
        ((ACCOUNT,), award(reason="x", campaign_id="c1"), CampaignNotPlanned),
        (
            (ACCOUNT, campaign(reward_budget_points=9)),
            award(reason="x", campaign_id="c1"),
            PointsBudgetExceeded,
        ),
        (
            (ACCOUNT, campaign(reward_budget=99)),
            award(reason="x", campaign_id="c1", cost=euros(100)),
            RewardBudgetExceeded,
        ),
        (
            (ACCOUNT, campaign(reward_budget=99)),
            award(reason="x", campaign_id="c1", cost=Money(amount=1, currency="USD")),
            CostCurrencyDiffers,
        ),
    ],
)
def test_an_award_is_refused(
    given: tuple[Event, ...], command: AwardPoints, error: type[FilrougeError]
) -> None:
    """An award is refused."""
    scenario = Scenario().given(*given)
    with pytest.raises(error):
        scenario.when(command)
    assert len(scenario.log) == len(given)


def test_a_share_that_only_carries_the_tag_is_no_cause() -> None:
    """A share that only carries the tag is no cause."""
    later = ShareRecorded(share_id="s2", member_id="m1", parent_share_id="s1")
    scenario = Scenario().given(ACCOUNT, later)
    with pytest.raises(UnknownCause):
        scenario.when(award(share_id="s1"))


@pytest.mark.parametrize(
    "cause, field",
    [(TOOK_PART, "participation_id"), (SHARED, "share_id"), (purchase(), "purchase_id")],
)
def test_a_voided_cause_earns_nothing(cause: Any, field: str) -> None:
    """A voided cause earns nothing."""
    scenario = Scenario()
    scenario.happens(cause)
    scenario.when(VoidEvent(position=1, reason="wrong"))
    scenario.happens(ACCOUNT)
    with pytest.raises(UnknownCause):
        scenario.when(award(**{field: getattr(cause, field)}))


def test_the_budget_is_spent_by_awards_and_rewards_together() -> None:
    """The budget is spent by awards and rewards together."""
    scenario = Scenario().given(ACCOUNT, campaign(reward_budget=100, reward_budget_points=25))
    scenario.when(award(20, reason="x", campaign_id="c1", cost=euros(60)))
    with pytest.raises(PointsBudgetExceeded):
        scenario.when(award(6, reason="x", campaign_id="c1"))
    scenario.happens(MEMBER)
    grant = GrantReward(member_id="m1", reward_id="w1", campaign_id="c1", cost=euros(41))
    with pytest.raises(RewardBudgetExceeded):
        scenario.when(grant)
    scenario.when(GrantReward(member_id="m1", reward_id="w1", campaign_id="c1", cost=euros(40)))
    with pytest.raises(RewardBudgetExceeded):
        scenario.when(award(5, reason="x", campaign_id="c1", cost=euros(1)))
    scenario.when(WithdrawReward(reward_id="w1", reason="mistake"))
    scenario.when(award(5, reason="x", campaign_id="c1", cost=euros(40)))


def test_a_voided_award_frees_the_budget() -> None:
    """A voided award frees the budget."""
    scenario = Scenario().given(ACCOUNT, campaign(reward_budget=100, reward_budget_points=25))
    scenario.when(award(25, reason="x", campaign_id="c1", cost=euros(100)))
    scenario.when(VoidEvent(position=3, reason="wrong"))
    scenario.when(award(25, reason="x", campaign_id="c1", cost=euros(100)))


def test_taking_back_what_was_given_for_a_cause_frees_the_budget() -> None:
    """Taking back what was given for a cause frees the budget."""
    scenario = Scenario().given(
        ACCOUNT, campaign(reward_budget=100, reward_budget_points=25), SHARED
    )
    scenario.when(award(25, share_id="s1", campaign_id="c1", cost=euros(100)))
    scenario.when(VoidEvent(position=3, reason="wrong"))
    scenario.when(award(25, reason="x", campaign_id="c1", cost=euros(100)))


def test_a_reward_is_granted_used_and_not_used_again() -> None:
    """A reward is granted used and not used again."""
    scenario = Scenario().given(MEMBER, TOOK_PART)
    [granted] = scenario.when(
        GrantReward(member_id="m1", participation_id="t1", name="A cup", valid_until=NOON + DAY)
    )
    assert scenario.log[-1].envelope.cause == 2
    [used] = scenario.when(RedeemReward(reward_id=granted.reward_id, store_id="paris-1"))
    assert (used.member_id, used.store_id) == ("m1", "paris-1")
    with pytest.raises(RewardAlreadyRedeemed):
        scenario.when(RedeemReward(reward_id=granted.reward_id))
    with pytest.raises(RewardAlreadyRedeemed):
        scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="x"))
    with pytest.raises(RewardAlreadyGranted):
        scenario.when(GrantReward(member_id="m1", reward_id=granted.reward_id))


def test_a_withdrawn_reward_cannot_be_used() -> None:
    """A withdrawn reward cannot be used."""
    scenario = Scenario().given(MEMBER)
    scenario.when(GrantReward(member_id="m1", reward_id="w1"))
    scenario.when(WithdrawReward(reward_id="w1", reason="mistake"))
    with pytest.raises(RewardIsWithdrawn):
        scenario.when(RedeemReward(reward_id="w1"))
    with pytest.raises(RewardIsWithdrawn):
        scenario.when(WithdrawReward(reward_id="w1", reason="again"))


def test_a_reward_is_used_inside_its_validity() -> None:
    """A reward is used inside its validity."""
    scenario = Scenario().given(MEMBER)
    scenario.when(
        GrantReward(member_id="m1", reward_id="w1", valid_from=NOON + HOUR, valid_until=NOON + DAY)
    )
    for at in (NOON, NOON + DAY):
        with pytest.raises(RewardNotValid):
            scenario.when(RedeemReward(reward_id="w1", time=at))
    scenario.when(RedeemReward(reward_id="w1", time=NOON + HOUR))


@pytest.mark.parametrize(
    "given, command, error",
    [
        ((), GrantReward(member_id="m1"), MemberNotEnrolled),
        ((MEMBER,), GrantReward(member_id="m1", campaign_id="c1"), CampaignNotPlanned),
        ((MEMBER,), GrantReward(member_id="m1", valid_until=NOON), RewardNeverValid),
        ((MEMBER,), GrantReward(member_id="m1", purchase_id="p1"), UnknownCause),
        (
            (MEMBER, TOOK_PART, DISQUALIFIED),
            GrantReward(member_id="m1", participation_id="t1"),
            DisqualifiedEarnsNothing,
        ),
        ((MEMBER,), GrantReward(member_id="m1", referral_id="f1"), ReferralNotQualified),
        ((), RedeemReward(reward_id="w1"), RewardNotGranted),
        ((), WithdrawReward(reward_id="w1", reason="x"), RewardNotGranted),
    ],
)
def test_a_reward_is_refused(
    given: tuple[Event, ...], command: Any, error: type[FilrougeError]
) -> None:
    """A reward is refused."""
    scenario = Scenario().given(*given)
    with pytest.raises(error):
        scenario.when(command)


def test_the_scenario_notices_history_that_no_view_selects() -> None:
    """The scenario notices history that no view selects."""
    scenario = Scenario().given(ACCOUNT, MADE)
    with pytest.raises(AssertionError, match="no view of Awarding selects it"):
        scenario.when(award(reason="x"))
    assert not any(isinstance(recorded.event, PointsEarned) for recorded in scenario.log)
