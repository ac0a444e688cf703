"""Rewards: what a member was granted, used, or had taken away again."""

from __future__ import annotations

from domain.contact import Contact
from domain.decision import View, on
from domain.envelope import Envelope
from domain.event import Decided, event_type
from domain.item_terms import Discount, Uses
from domain.personal import Personal
from domain.points import PointsRedeemed
from domain.types import (
    ID,
    AccountID,
    CampaignID,
    Instant,
    ItemID,
    MemberID,
    Money,
    Name,
    ParticipationID,
    Points,
    PurchaseID,
    ReferralID,
    ReservationID,
    RewardID,
    Text,
    Version,
    VoucherID,
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
    taken_from: ItemID | None = None
    """The item of the catalogue that it was taken from, with a piece of its stock; none: it was
    granted outside of the catalogue."""
    item_version: Version | None = None
    """The version of the item's terms by which it was granted."""
    voucher_id: VoucherID | None = None
    """The code that the member shows, by its id. ``code`` is the code, sealed under a key of its
    own when it was supplied, or a reward's of outside under the member's."""
    voucher_shared: bool = False
    """Others were given the same code, or can be."""
    uses_max: Uses = 1
    """How often it can be used."""
    points: Points | None = None
    """The price that was paid for it in points."""
    paid: Money | None = None
    """The price that was paid for it in money."""
    payment_id: ID | None = None
    """What the payment is known by where it was made."""
    discount: Discount | None = None
    """What it takes off a purchase."""


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
    taken_from: ItemID | None = None
    """The item of the catalogue that the reward was taken from."""
    voucher_id: VoucherID | None = None
    """The code that was shown, by its id."""


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
    taken_from: ItemID | None = None
    """The item of the catalogue that the reward was taken from, and goes back to."""
    voucher_id: VoucherID | None = None
    """The code of the reward, by its id. One that was the member's alone is given to nobody else;
    of a shared one another member can be given it."""
    voucher_shared: bool = False


@event_type("reward.reserved.v1")
class RewardReserved(Decided, frozen=True, kw_only=True):
    """A piece of an item's stock is kept for a member, and the points that it costs are held.

    The hold lapses by itself: from ``until`` on the piece is anybody's again.
    """

    reward_id: RewardID
    member_id: MemberID
    account_id: AccountID | None = None
    campaign_id: CampaignID | None = None
    """The campaign whose budget is to pay its cost."""
    taken_from: ItemID
    item_version: Version
    """The version of the item's terms by which it will be granted."""
    reservation_id: ReservationID | None = None
    """The hold of its points; none: it costs none."""
    until: Instant


@event_type("reward.released.v1")
class RewardReleased(Decided, frozen=True, kw_only=True):
    """A piece of stock that was kept for a member is kept no longer; nothing was granted."""

    reward_id: RewardID
    member_id: MemberID
    account_id: AccountID | None = None
    taken_from: ItemID
    reason: Text | None = None


class RewardState(View):
    """What became of a reward. Tag: ``reward:<id>``."""

    granted: RewardGranted | None = None
    reserved: RewardReserved | None = None
    """It is kept for a member, and was neither granted nor given up."""
    uses = 0
    withdrawn = False

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.payments: dict[int, PointsRedeemed] = {}
        """The redemptions of points that paid for it, by position."""

    @on(RewardReserved)
    def _reserved(self, event: RewardReserved, envelope: Envelope) -> None:
        self.reserved = event

    @on(RewardReleased)
    def _released(self, event: RewardReleased, envelope: Envelope) -> None:
        self.reserved = None

    @on(PointsRedeemed)
    def _paid(self, event: PointsRedeemed, envelope: Envelope) -> None:
        self.payments[envelope.position] = event

    @on(RewardGranted)
    def _granted(self, event: RewardGranted, envelope: Envelope) -> None:
        self.reserved = None
        if self.granted is None:
            self.granted = event

    @on(RewardRedeemed)
    def _redeemed(self, event: RewardRedeemed, envelope: Envelope) -> None:
        self.uses += 1

    @on(RewardWithdrawn)
    def _withdrawn(self, event: RewardWithdrawn, envelope: Envelope) -> None:
        self.withdrawn = True
