"""Keeping: an item is kept for a member for a while, and then granted, or anybody's again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from domain.choosing import VIEWS, Choosing, Payment, require_new, whose
from domain.decision import Command, Slice, View
from domain.errors import RuleError
from domain.lots import AccountLots
from domain.movements import spent, total
from domain.redemptions import from_reservation, redeemed, released, reserved
from domain.rewards import RewardReleased, RewardReserved, RewardState
from domain.types import AccountID, Instant, ItemID, MemberID, RewardID, Text

RESERVATION_DAYS_MAX: Final = 90
"""No piece is kept for somebody for longer."""


class RewardNotReserved(RuleError):
    """Nothing is kept under this id: it was never reserved, or was granted or given up."""


class RewardReservationNeverHolds(RuleError):
    """An item is kept until an instant that is still to come, within 90 days."""


class RewardReservationLapsed(RuleError):
    """The item was kept until an instant that has passed: redeem it anew, if it is still there."""


class ReserveItem(Command, frozen=True, kw_only=True):
    """Keep a piece of an item for a member, and hold the points that it costs.

    By then it is granted for what it cost when it was kept, or it is anybody's again. A campaign's
    budget is only asked when it is granted.
    """

    item_id: ItemID
    member_id: MemberID
    account_id: AccountID | None = None
    reward_id: RewardID | None = None
    until: Instant
    """The reservation lapses by itself at this instant."""


class ReservingItem(Choosing, decides=ReserveItem, reads=VIEWS):
    """Who could have it now can have it kept for a while."""

    def __init__(self, command: ReserveItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward_id = command.reward_id or self.mint("reward")
        self.reward = self.view(RewardState, f"reward:{self.reward_id}")
        self.look(command.item_id, command.member_id, command.account_id)

    def execute(self) -> None:
        """Hold the points, and keep a piece."""
        command: ReserveItem = self.command
        require_new(self.reward)
        if not self.now < command.until <= self.now + timedelta(days=RESERVATION_DAYS_MAX):
            raise RewardReservationNeverHolds(until=command.until, days_max=RESERVATION_DAYS_MAX)
        terms = self.entitled()
        payer = self.payer(terms)
        self.require_left(terms)
        if payer is not None and terms.points is not None:
            debits = spent(payer, terms.points, self.time)
            said = {"reservation_id": self.reward_id, "until": command.until}
            said |= whose(self, terms.campaign_id, self.reward_id)
            for event in reserved(payer, debits, **said):
                self.trigger(event)
        self.trigger(
            RewardReserved(
                reward_id=self.reward_id,
                member_id=command.member_id,
                account_id=command.account_id,
                campaign_id=terms.campaign_id,
                taken_from=command.item_id,
                item_version=self.item.version,
                reservation_id=None if payer is None else self.reward_id,
                until=command.until,
            )
        )


class ConfirmItem(Payment, frozen=True, kw_only=True):
    """Grant what was kept, and spend the points that were held for it."""

    reward_id: RewardID


class ConfirmingItem(Choosing, decides=ConfirmItem, reads=VIEWS):
    """What is kept is granted once, until it lapses: whatever else is left, and to whom."""

    def __init__(self, command: ConfirmItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward = self.view(RewardState, f"reward:{command.reward_id}")

    def further(self) -> list[View]:
        """What the reservation shows to be needed."""
        kept, before = self.reward.reserved, len(self.boundary)
        if kept is not None and "item" not in vars(self):
            self.look(kept.taken_from, kept.member_id, kept.account_id)
            self.look_at_budget(kept.campaign_id)
        return self.boundary[before:]

    def execute(self) -> None:
        """Spend what was held, and grant it."""
        command: ConfirmItem = self.command
        kept = kept_for(self.reward)
        if kept.until <= self.now:
            raise RewardReservationLapsed(reward_id=command.reward_id, until=kept.until)
        self.membership.require()
        points = None
        if kept.reservation_id is not None and self.account is not None:
            debits = from_reservation(self.account, kept.reservation_id, None, self.time)
            points = total(debits)
            said = whose(self, kept.campaign_id, kept.reward_id)
            said["reservation_id"] = kept.reservation_id
            for event in redeemed(self.account, debits, **said):
                self.trigger(event)
        terms = self.item.versions[kept.item_version]
        self.grant(terms, kept.item_version, command.reward_id, command, points)


def kept_for(reward: RewardState) -> RewardReserved:
    """The reservation; refuse when there is none, or none any more."""
    if reward.reserved is None:
        raise RewardNotReserved(reward=reward.tags[0])
    return reward.reserved


class ReleaseItem(Command, frozen=True, kw_only=True):
    """Give up what was kept for a member: the piece is anybody's, and the points are free."""

    reward_id: RewardID
    reason: Text | None = None


class ReleasingItem(Slice, decides=ReleaseItem, reads=(RewardState, AccountLots)):
    """What is kept is given up once; also after it lapsed, to close it."""

    def __init__(self, command: ReleaseItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward = self.view(RewardState, f"reward:{command.reward_id}")
        self.account: AccountLots | None = None

    def further(self) -> list[View]:
        """The account whose points are held."""
        kept = self.reward.reserved
        if kept is None or kept.reservation_id is None or self.account is not None:
            return []
        self.account = self.view(AccountLots, f"account:{kept.account_id}")
        return [self.account]

    def execute(self) -> None:
        """Release the points, and the piece."""
        command: ReleaseItem = self.command
        kept = kept_for(self.reward)
        if self.account is not None and kept.reservation_id is not None:
            for event in released(
                self.account, kept.reservation_id, kept.member_id, command.reason
            ):
                self.trigger(event)
        self.trigger(
            RewardReleased(
                reward_id=kept.reward_id,
                member_id=kept.member_id,
                account_id=kept.account_id,
                taken_from=kept.taken_from,
                reason=command.reason,
            )
        )
