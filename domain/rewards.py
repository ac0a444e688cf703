"""Rewards: what a member was granted, used, or had taken away again."""

from __future__ import annotations

from domain.contact import Contact
from domain.decision import View, on
from domain.envelope import Envelope
from domain.event import Decided, event_type
from domain.personal import Personal
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


@event_type("reward.granted.v1")
class RewardGranted(Decided, frozen=True, kw_only=True):
    """A member was promised a reward: a coupon, a gift, a prize. One ``reward_id``, one promise."""

    reward_id: RewardID
    member_id: MemberID
    account_id: AccountID | None = None
    campaign_id: CampaignID | None = None
    kind: Word | None = None
    """coupon, gift, prize, upgrade, ..."""
    item_id: ID | None = None
    """The entry of the reward catalogue."""
    name: Name | None = None
    code: Personal["member_id"] | None = None
    """What the member shows to use it."""
    value: Money | None = None
    """What it is worth to the member."""
    cost: Money | None = None
    """What it is expected to cost the brand; counted against the campaign's budget."""
    participation_id: ParticipationID | None = None
    referral_id: ReferralID | None = None
    purchase_id: PurchaseID | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    """From this instant on it can not be used."""
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("reward.redeemed.v1")
class RewardRedeemed(Decided, frozen=True, kw_only=True):
    """The member used the reward."""

    reward_id: RewardID
    member_id: MemberID
    account_id: AccountID | None = None
    campaign_id: CampaignID | None = None
    """The campaign that granted it."""
    contact: Contact | None = None
    store_id: ID | None = None
    purchase_id: PurchaseID | None = None
    """The purchase it was used in."""
    cost: Money | None = None
    """What it did cost, where that is known by now."""


@event_type("reward.withdrawn.v1")
class RewardWithdrawn(Decided, frozen=True, kw_only=True):
    """A reward that was not used yet was taken back, and its cost is free in the budget again."""

    reward_id: RewardID
    member_id: MemberID
    account_id: AccountID | None = None
    campaign_id: CampaignID | None = None
    cost: Money | None = None
    """The cost that it was granted with."""
    reason: Text
    approved_by: ID | None = None


class RewardState(View):
    """What became of a reward. Tag: ``reward:<id>``."""

    granted: RewardGranted | None = None
    redeemed = False
    withdrawn = False

    @on(RewardGranted)
    def _granted(self, event: RewardGranted, envelope: Envelope) -> None:
        if self.granted is None:
            self.granted = event

    @on(RewardRedeemed)
    def _redeemed(self, event: RewardRedeemed, envelope: Envelope) -> None:
        self.redeemed = True

    @on(RewardWithdrawn)
    def _withdrawn(self, event: RewardWithdrawn, envelope: Envelope) -> None:
        self.withdrawn = True
