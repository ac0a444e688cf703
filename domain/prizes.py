"""Prizes: what became of the places of a draw; a winner is told, and claims."""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.decision import Command, Slice, View, on
from domain.draws import DrawOpened, DrawPlaced, Place, PrizeNumber
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.rewards import RewardGranted
from domain.types import DrawID, Instant, MemberID, Money, RewardID, Text, Word

Forfeit = Literal["unclaimed", "declined", "unreachable", "ineligible", "entry_false"]
"""Nobody claimed it in time; it was declined; the winner can not be reached; the rules do not admit
the winner; or the entry was found false."""


@event_type("draw.winner_notified.v1")
class DrawWinnerNotified(Decided, frozen=True, kw_only=True):
    """A winner was told, and until when the prize can be claimed."""

    draw_id: DrawID
    member_id: MemberID
    place: Place
    channel: Word
    claim_until: Instant | None = None
    """From this instant on it can not be claimed; none: no limit."""


@event_type("draw.prize_claimed.v1")
class DrawPrizeClaimed(Decided, frozen=True, kw_only=True):
    """A winner claimed the prize. What becomes of it from here on is said of its reward."""

    draw_id: DrawID
    member_id: MemberID
    place: Place
    reward_id: RewardID


@event_type("draw.prize_forfeited.v1")
class DrawPrizeForfeited(Decided, frozen=True, kw_only=True):
    """A winner does not get the prize; the next reserve does, if there is one left."""

    draw_id: DrawID
    member_id: MemberID
    place: Place
    reason: Forfeit
    detail: Text | None = None


@event_type("draw.prize_passed_on.v1")
class DrawPrizePassedOn(Decided, frozen=True, kw_only=True):
    """A reserve won the prize that another place forfeited."""

    draw_id: DrawID
    member_id: MemberID
    place: Place
    """The reserve's place."""
    prize: PrizeNumber
    forfeited_place: Place
    reward_id: RewardID
    """The reward that was granted for the prize."""


class PlaceNotWon(RuleError):
    """Nobody has won a prize at this place of the draw: correct the draw or the place."""


class PrizeAlreadyClaimed(RuleError):
    """The prize is claimed: it can neither be claimed again nor be forfeited."""


class PrizeIsForfeited(RuleError):
    """The prize was forfeited at this place, and passed on if there was a reserve."""


class ClaimTooLate(RuleError):
    """The prize could be claimed until an instant that has passed."""


class ClaimNeverPossible(RuleError):
    """A prize can be claimed until an instant after the winner is told."""


class Won(msgspec.Struct):
    """A place of a draw and what became of it."""

    member_id: str
    prize: int | None
    reward_id: str | None
    notified: DrawWinnerNotified | None = None
    claimed: bool = False
    forfeited: bool = False


class DrawPlaces(View):
    """The places of a draw. Tag: ``draw:<id>``."""

    terms: DrawOpened

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.places: dict[int, Won] = {}

    @on(DrawOpened)
    def _opened(self, event: DrawOpened, envelope: Envelope) -> None:
        self.terms = event

    @on(DrawPlaced)
    def _placed(self, event: DrawPlaced, envelope: Envelope) -> None:
        self.places[event.place] = Won(event.member_id, event.prize, event.reward_id)

    @on(DrawWinnerNotified)
    def _notified(self, event: DrawWinnerNotified, envelope: Envelope) -> None:
        if event.place in self.places:
            self.places[event.place].notified = event

    @on(DrawPrizeClaimed)
    def _claimed(self, event: DrawPrizeClaimed, envelope: Envelope) -> None:
        if event.place in self.places:
            self.places[event.place].claimed = True

    @on(DrawPrizeForfeited)
    def _forfeited(self, event: DrawPrizeForfeited, envelope: Envelope) -> None:
        self.places[event.place].forfeited = True

    @on(DrawPrizePassedOn)
    def _passed_on(self, event: DrawPrizePassedOn, envelope: Envelope) -> None:
        won = self.places[event.place]
        won.prize, won.reward_id = event.prize, event.reward_id

    def pending(self, place: int) -> Won:
        """What was won at a place and neither claimed nor forfeited; refuse anything else."""
        won = self.places.get(place)
        if won is None or won.prize is None:
            raise PlaceNotWon(draw=self.tags[0], place=place)
        if won.claimed:
            raise PrizeAlreadyClaimed(draw=self.tags[0], place=place)
        if won.forfeited:
            raise PrizeIsForfeited(draw=self.tags[0], place=place)
        return won

    def next_reserve(self) -> tuple[int, Won] | None:
        """The first place that has no prize yet."""
        free = [one for one in sorted(self.places.items()) if one[1].prize is None]
        return free[0] if free else None


def worth_of(terms: DrawOpened, prize: int) -> Money | None:
    """What one of a prize is worth, by its number from 1; none: nothing is said."""
    said = terms.prizes[prize - 1]
    if said.value is None or said.currency is None:
        return None
    return Money(amount=said.value, currency=said.currency)


def prize_granted(terms: DrawOpened, prize: int, reward_id: str, member_id: str) -> RewardGranted:
    """The reward that a won prize is; its value is what it is expected to cost."""
    worth = worth_of(terms, prize)
    return RewardGranted(
        reward_id=reward_id,
        member_id=member_id,
        campaign_id=terms.campaign_id,
        kind="prize",
        name=terms.prizes[prize - 1].name,
        value=worth,
        cost=worth,
        reason=f"draw {terms.draw_id}",
    )


class NotifyWinner(Command, frozen=True, kw_only=True):
    """State that a winner was told, and until when to claim."""

    draw_id: DrawID
    place: Place
    channel: Word
    claim_until: Instant | None = None


class NotifyingWinner(Slice, decides=NotifyWinner, reads=(DrawPlaces,)):
    """A winner is told as often as it takes; the last claim date counts."""

    def __init__(self, command: NotifyWinner, command_id: str) -> None:
        super().__init__(command, command_id)
        self.draw = self.view(DrawPlaces, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """State it."""
        command: NotifyWinner = self.command
        won = self.draw.pending(command.place)
        if command.claim_until is not None and command.claim_until <= max(self.time, self.now):
            raise ClaimNeverPossible(claim_until=command.claim_until)
        self.trigger(
            DrawWinnerNotified(
                draw_id=command.draw_id,
                member_id=won.member_id,
                place=command.place,
                channel=command.channel,
                claim_until=command.claim_until,
            )
        )


class ClaimPrize(Command, frozen=True, kw_only=True):
    """Let a winner claim the prize of a place."""

    draw_id: DrawID
    place: Place


class ClaimingPrize(Slice, decides=ClaimPrize, reads=(DrawPlaces,)):
    """A prize is claimed once, in time."""

    def __init__(self, command: ClaimPrize, command_id: str) -> None:
        super().__init__(command, command_id)
        self.draw = self.view(DrawPlaces, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """Claim it."""
        command: ClaimPrize = self.command
        won = self.draw.pending(command.place)
        until = won.notified.claim_until if won.notified else None
        if until is not None and self.time >= until:
            raise ClaimTooLate(place=command.place, claim_until=until)
        assert won.reward_id is not None
        self.trigger(
            DrawPrizeClaimed(
                draw_id=command.draw_id,
                member_id=won.member_id,
                place=command.place,
                reward_id=won.reward_id,
            )
        )
