"""Forfeits: a prize that its winner does not get is withdrawn, and the next reserve has it."""

from __future__ import annotations

from domain.decision import Command, Slice
from domain.draws import Place
from domain.errors import RuleError
from domain.prizes import (
    DrawPlaces,
    DrawPrizeForfeited,
    DrawPrizePassedOn,
    Forfeit,
    PlaceNotWon,
    PrizeAlreadyClaimed,
    prize_granted,
    worth_of,
)
from domain.rewards import RewardState, RewardWithdrawn
from domain.types import DrawID, Text


class ClaimStillPossible(RuleError):
    """The winner has time to claim, or was not told until when: wait, or say another reason."""


class ForfeitPrize(Command, frozen=True, kw_only=True):
    """Let the prize of a place be forfeited; the next reserve wins it."""

    draw_id: DrawID
    place: Place
    reason: Forfeit
    detail: Text | None = None


class ForfeitingPrize(Slice, decides=ForfeitPrize, reads=(DrawPlaces, RewardState)):
    """A prize that is not claimed is forfeited with a reason, and passes to the next reserve.

    Whoever makes this slice names the reward of the place, which never becomes another one.
    """

    def __init__(
        self, command: ForfeitPrize, command_id: str, reward_id: str | None = None
    ) -> None:
        super().__init__(command, command_id)
        self.draw = self.view(DrawPlaces, f"draw:{command.draw_id}")
        self.reward: RewardState | None = None
        if reward_id is not None:
            self.reward = self.view(RewardState, f"reward:{reward_id}")

    def execute(self) -> None:
        """Withdraw the reward, and grant it to the next reserve if there is one."""
        command: ForfeitPrize = self.command
        won = self.draw.pending(command.place)
        if command.reason == "unclaimed":
            until = won.notified.claim_until if won.notified else None
            if until is None or self.now < until:
                raise ClaimStillPossible(place=command.place, claim_until=until)
        if won.prize is None or won.reward_id is None or self.reward is None:
            raise PlaceNotWon(draw_id=command.draw_id, place=command.place)
        if self.reward.uses:
            raise PrizeAlreadyClaimed(draw_id=command.draw_id, place=command.place)
        self.trigger(
            DrawPrizeForfeited(
                draw_id=command.draw_id,
                member_id=won.member_id,
                place=command.place,
                reason=command.reason,
                detail=command.detail,
            )
        )
        terms = self.draw.terms
        if self.reward.granted is not None and not self.reward.withdrawn:
            self.trigger(
                RewardWithdrawn(
                    reward_id=won.reward_id,
                    member_id=won.member_id,
                    campaign_id=terms.campaign_id,
                    cost=worth_of(terms, won.prize),
                    reason=f"draw {terms.draw_id}: {command.reason}",
                )
            )
        reserve = self.draw.next_reserve()
        if reserve is None:
            return
        place, next_won = reserve
        reward_id = self.mint("reward")
        self.trigger(
            DrawPrizePassedOn(
                draw_id=command.draw_id,
                member_id=next_won.member_id,
                place=place,
                prize=won.prize,
                forfeited_place=command.place,
                reward_id=reward_id,
            )
        )
        self.trigger(prize_granted(terms, won.prize, reward_id, next_won.member_id))
