"""Playing: the decisions that open an instant-win game, start it, play it and reveal its seed."""

from __future__ import annotations

from domain.campaigns import CampaignPlan
from domain.causes import CAUSE_VIEWS, read_causes, stated_causes
from domain.decision import Command, Slice
from domain.instant_wins import (
    Commitment,
    Game,
    GameAlreadyOpened,
    GameAlreadyStarted,
    GameIsNotOver,
    GameNotRunning,
    GameOpened,
    GamePlayed,
    GameRevealed,
    GameStarted,
    GameTermsContradict,
    Prize,
    Prizes,
    PublicValue,
    commitment_of,
    contradictions,
    drawn,
)
from domain.item_terms import MemberLimit
from domain.people import Membership
from domain.personal import Personal
from domain.rewards import RewardGranted
from domain.types import CampaignID, GameID, Instant, MemberID, Name, ParticipationID, Text


class OpenGame(Command, frozen=True, kw_only=True):
    """Publish an instant-win game: prizes, odds, the digest of a seed, and the seed, sealed.

    ``filrouge games open`` makes a seed; nobody need see it before it is revealed.
    """

    seals_as = GameOpened

    game_id: GameID
    name: Name
    campaign_id: CampaignID
    prizes: Prizes
    starts: Instant
    ends: Instant
    member_limit: MemberLimit | None = None
    commitment: Commitment
    """SHA-256 of the seed's 32 bytes, in hexadecimal."""
    seed: Personal["game_id"]
    """32 random bytes in hexadecimal."""
    public_source: Text
    """The public random value, yet to come, that the plays will also depend on."""


class OpeningGame(Slice, decides=OpenGame, reads=(Game, CampaignPlan)):
    """A game is published once, before it begins, with a table that can be."""

    def __init__(self, command: OpenGame, command_id: str) -> None:
        super().__init__(command, command_id)
        self.game = self.view(Game, f"game:{command.game_id}")
        self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Open it."""
        command: OpenGame = self.command
        if self.game.opened is not None:
            raise GameAlreadyOpened(game_id=command.game_id)
        self.plan.require_open()
        for wrong in contradictions(command.prizes, command.starts, command.ends):
            raise GameTermsContradict(wrong)
        self.trigger(
            GameOpened(
                game_id=command.game_id,
                name=command.name,
                campaign_id=command.campaign_id,
                prizes=command.prizes,
                starts=command.starts,
                ends=command.ends,
                member_limit=command.member_limit,
                commitment=command.commitment,
                seed=command.seed,
                public_source=command.public_source,
            )
        )


class StartGame(Command, frozen=True, kw_only=True):
    """Record the public value that the game named; from here on it can be played."""

    game_id: GameID
    public_value: PublicValue


class StartingGame(Slice, decides=StartGame, reads=(Game,)):
    """There is one public value, recorded before the first play."""

    def __init__(self, command: StartGame, command_id: str) -> None:
        super().__init__(command, command_id)
        self.game = self.view(Game, f"game:{command.game_id}")

    def execute(self) -> None:
        """Start it."""
        command: StartGame = self.command
        self.game.require()
        if self.game.public_value is not None:
            raise GameAlreadyStarted(game_id=command.game_id)
        self.trigger(GameStarted(game_id=command.game_id, public_value=command.public_value))


class PlayGame(Command, frozen=True, kw_only=True):
    """Let a member play: the answer says what was drawn, and holds the reward of who won."""

    game_id: GameID
    member_id: MemberID
    participation_id: ParticipationID | None = None


class PlayingGame(Slice, decides=PlayGame, reads=(Game, Membership, *CAUSE_VIEWS.values())):
    """Each play has the next number, and wins what this number wins.

    Whoever makes this slice gives it the seed.
    """

    def __init__(self, command: PlayGame, command_id: str, seed: str | None = None) -> None:
        super().__init__(command, command_id)
        self.seed = seed
        self.game = self.view(Game, f"game:{command.game_id}")
        self.membership = self.view(Membership, f"member:{command.member_id}")
        read_causes(self, command)

    def execute(self) -> None:
        """Draw, and grant what it wins."""
        command: PlayGame = self.command
        game, value = self.game.require(), self.game.public_value
        running = game.starts <= self.now < game.ends and not self.game.revealed
        if not running or value is None or self.seed is None:
            raise GameNotRunning(
                game_id=command.game_id, starts=game.starts, ends=game.ends, started=value
            )
        self.membership.require()
        positions = [cause.view.require() for cause in stated_causes(self)]
        self.game.check_limit(command.member_id, self.now)
        number = self.game.plays + 1
        found = drawn(self.seed, value, number)
        prize = self.game.wins(found)
        reward_id = None if prize is None else self.mint("reward")
        self.trigger(
            GamePlayed(
                game_id=command.game_id,
                member_id=command.member_id,
                campaign_id=game.campaign_id,
                participation_id=command.participation_id,
                number=number,
                drawn=found,
                prize=None if prize is None else prize.name,
                reward_id=reward_id,
            ),
            cause=positions[0] if positions else None,
            time=self.now,
        )
        if prize is not None and reward_id is not None:
            self.trigger(self._granted(game, prize, reward_id), time=self.now)

    def _granted(self, game: GameOpened, prize: Prize, reward_id: str) -> RewardGranted:
        return RewardGranted(
            reward_id=reward_id,
            member_id=self.command.member_id,
            campaign_id=game.campaign_id,
            kind="prize",
            name=prize.name,
            value=prize.value,
            cost=prize.cost,
            participation_id=self.command.participation_id,
        )


class RevealGame(Command, frozen=True, kw_only=True):
    """Publish the seed of a game that is over, so that everybody can recompute its plays."""

    game_id: GameID


class RevealingGame(Slice, decides=RevealGame, reads=(Game,)):
    """A seed is revealed once, after the last play, and is the one that was committed to.

    Whoever makes this slice gives it the seed.
    """

    def __init__(self, command: RevealGame, command_id: str, seed: str | None = None) -> None:
        super().__init__(command, command_id)
        self.seed = seed
        self.game = self.view(Game, f"game:{command.game_id}")

    def execute(self) -> None:
        """Reveal it."""
        game = self.game.require()
        if self.now < game.ends or self.game.revealed or self.seed is None:
            raise GameIsNotOver(game_id=game.game_id, ends=game.ends)
        if commitment_of(self.seed) != game.commitment:
            raise GameTermsContradict("seed: it is not the one of the commitment")
        self.trigger(GameRevealed(game_id=game.game_id, seed=self.seed))
