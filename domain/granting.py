"""Granting: the decisions that promise a reward within a budget, let it be used, or withdraw it."""

from __future__ import annotations

from domain.budgets import Promises, check_budget
from domain.campaigns import CampaignPlan
from domain.causes import CAUSE_VIEWS, read_causes, stated_causes
from domain.contact import Contact
from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.event import tags_of
from domain.ledger import EventVoided
from domain.people import Membership
from domain.personal import Personal
from domain.points import PointsReleased
from domain.rewards import RewardGranted, RewardRedeemed, RewardState, RewardWithdrawn
from domain.types import (
    ID,
    AccountID,
    CampaignID,
    Instant,
    MemberID,
    Money,
    Name,
    ParticipationID,
    PurchaseID,
    ReferralID,
    RewardID,
    Text,
    Word,
)
from domain.undoing import position_tag


class RewardAlreadyGranted(RuleError):
    """A reward with this id was granted before: give the new one another id, or none."""


class RewardNotGranted(RuleError):
    """No reward with this id was granted: grant it first, or correct the id."""


class RewardNeverValid(RuleError):
    """A reward's validity ends after it begins, and after it is granted."""


class RewardNotValid(RuleError):
    """The reward cannot be used at this instant: its validity has not begun, or is over."""


class RewardAlreadyRedeemed(RuleError):
    """The reward was used (as often as it can be): it is not used again, and not withdrawn."""


class RewardIsWithdrawn(RuleError):
    """The reward was withdrawn: it can neither be used nor be withdrawn again."""


class GrantReward(Command, frozen=True, kw_only=True):
    """Promise a member a reward: a coupon, a gift, a prize. Without an id it gets one."""

    seals_as = RewardGranted

    reward_id: RewardID | None = None
    member_id: MemberID
    account_id: AccountID | None = None
    campaign_id: CampaignID | None = None
    """Its budget pays the cost."""
    kind: Word | None = None
    item_id: ID | None = None
    name: Name | None = None
    code: Personal["member_id"] | None = None
    value: Money | None = None
    cost: Money | None = None
    participation_id: ParticipationID | None = None
    referral_id: ReferralID | None = None
    purchase_id: PurchaseID | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    reason: Text | None = None
    approved_by: ID | None = None


class Granting(
    Slice,
    decides=GrantReward,
    reads=(RewardState, Membership, CampaignPlan, Promises, *CAUSE_VIEWS.values()),
):
    """A reward is promised once, for causes that stand, never beyond the campaign's budget."""

    def __init__(self, command: GrantReward, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward_id = command.reward_id or self.mint("reward")
        self.reward = self.view(RewardState, f"reward:{self.reward_id}")
        self.membership = self.view(Membership, f"member:{command.member_id}")
        read_causes(self, command)
        self.plan: CampaignPlan | None = None
        if command.campaign_id is not None:
            self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")
            self.promises = self.view(Promises, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Grant it, if the budget covers its cost."""
        command: GrantReward = self.command
        if self.reward.granted is not None:
            raise RewardAlreadyGranted(reward_id=self.reward_id)
        self.membership.require()
        positions = [cause.view.require() for cause in stated_causes(self)]
        until = command.valid_until
        if until is not None and until <= max(command.valid_from or self.time, self.time):
            raise RewardNeverValid(valid_from=command.valid_from, valid_until=until)
        if self.plan is not None:
            check_budget(self.plan, self.promises, cost=command.cost)
        granted = RewardGranted(
            reward_id=self.reward_id,
            member_id=command.member_id,
            account_id=command.account_id,
            campaign_id=command.campaign_id,
            kind=command.kind,
            item_id=command.item_id,
            name=command.name,
            code=command.code,
            value=command.value,
            cost=command.cost,
            participation_id=command.participation_id,
            referral_id=command.referral_id,
            purchase_id=command.purchase_id,
            valid_from=command.valid_from,
            valid_until=until,
            reason=command.reason,
            approved_by=command.approved_by,
        )
        self.trigger(granted, cause=positions[0] if positions else None)


def usable(reward: RewardState) -> RewardGranted:
    """The reward as it was granted; refuse when it was not, or is used up or withdrawn."""
    reward_id = reward.tags[0]
    if reward.granted is None:
        raise RewardNotGranted(reward=reward_id)
    if reward.uses >= reward.granted.uses_max:
        raise RewardAlreadyRedeemed(reward=reward_id, uses=reward.uses)
    if reward.withdrawn:
        raise RewardIsWithdrawn(reward=reward_id)
    return reward.granted


class RedeemReward(Command, frozen=True, kw_only=True):
    """Let a member use a reward."""

    seals_as = RewardRedeemed

    reward_id: RewardID
    contact: Contact | None = None
    store_id: ID | None = None
    purchase_id: PurchaseID | None = None
    cost: Money | None = None
    """What it did cost, where that is known by now."""


class RewardRedeeming(Slice, decides=RedeemReward, reads=(RewardState,)):
    """A reward is used once, or as often as it says, inside its validity."""

    def __init__(self, command: RedeemReward, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward = self.view(RewardState, f"reward:{command.reward_id}")

    def execute(self) -> None:
        """Let it be used."""
        command: RedeemReward = self.command
        granted = usable(self.reward)
        begins, ends = granted.valid_from, granted.valid_until
        if (begins is not None and self.time < begins) or (ends is not None and ends <= self.time):
            raise RewardNotValid(reward_id=command.reward_id, valid_from=begins, valid_until=ends)
        self.trigger(
            RewardRedeemed(
                reward_id=command.reward_id,
                member_id=granted.member_id,
                account_id=granted.account_id,
                campaign_id=granted.campaign_id,
                contact=command.contact,
                store_id=command.store_id,
                purchase_id=command.purchase_id,
                cost=command.cost,
                taken_from=granted.taken_from,
                voucher_id=granted.voucher_id,
            )
        )


class WithdrawReward(Command, frozen=True, kw_only=True):
    """Take a reward back that was not used, and free its cost in the budget.

    A piece of stock is there again; a code that was the member's own is given to nobody else.
    """

    reward_id: RewardID
    refund: bool = False
    """Give the points back that it was bought with: their redemption is voided, so that each lot
    is as it was, and expires when it would have."""
    reason: Text
    approved_by: ID | None = None


class Withdrawing(Slice, decides=WithdrawReward, reads=(RewardState,)):
    """Only a reward that was never used is withdrawn."""

    def __init__(self, command: WithdrawReward, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward = self.view(RewardState, f"reward:{command.reward_id}")

    def execute(self) -> None:
        """Withdraw it."""
        command: WithdrawReward = self.command
        granted = usable(self.reward)
        if self.reward.uses:
            raise RewardAlreadyRedeemed(reward=self.reward.tags[0], uses=self.reward.uses)
        why = {"reason": command.reason, "approved_by": command.approved_by}
        self.trigger(
            RewardWithdrawn(
                reward_id=command.reward_id,
                member_id=granted.member_id,
                account_id=granted.account_id,
                campaign_id=granted.campaign_id,
                cost=granted.cost,
                taken_from=granted.taken_from,
                voucher_id=granted.voucher_id,
                voucher_shared=granted.voucher_shared,
                **why,  # type: ignore[arg-type]
            )
        )
        for position, payment in self.reward.payments.items() if command.refund else ():
            tags = (*tags_of(payment), position_tag(position))
            self.trigger(EventVoided(position=position, tags=tags, **why))  # type: ignore[arg-type]
            if payment.reservation_id is not None:  # which holds them again, now that it is voided
                self.trigger(
                    PointsReleased(
                        account_id=payment.account_id,
                        member_id=payment.member_id,
                        reservation_id=payment.reservation_id,
                        points=payment.points,
                        lots=payment.lots,
                        reason=command.reason,
                    )
                )
